#!/usr/bin/env bash
# litert-torch converts nearest upsampling to a size that is no multiple to other pixels, without an error.
#
# Versions: litert-torch 0.10.0, torch 2.13.0, ai-edge-litert 2.3.0, Python 3.11.
# Model: torch.nn.functional.interpolate(x, size=N, mode="nearest") of one row of five pixels, 0 to 4.
# Expected: PyTorch's own answer, pixel floor(i * 5 / N): for N = 8 it is 0 0 1 1 2 3 3 4.
# Output seen: N = 10 is right. N = 8 gives 0 0 1 2 2 3 4 4. N = 3 gives 0 2 4, and PyTorch gives 0 1 3.
#
# Why it matters: upsampling is what a network for segmentation or an autoencoder does last. Its picture is shifted by
# parts of a pixel to a whole pixel, and the converter reports success. Compare the .tflite with PyTorch on real data.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 litert-torch==0.10.0 numpy==2.4.6 torch==2.13.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import litert_torch
import torch


class Resize(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.size = (1, width)

    def forward(self, x):
        return torch.nn.functional.interpolate(x, size=self.size, mode="nearest")


x = torch.arange(5.0).reshape(1, 1, 1, 5)
seen = {}
for width in (10, 8, 3):
    model = Resize(width).eval()
    converted = litert_torch.convert(model, (x,))
    seen[width] = model(x).ravel().int().tolist(), converted(x).ravel().astype(int).tolist()

for package in ("litert-torch", "torch", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
for width, (right, answer) in seen.items():
    print(f"5 to {width} pixels: expected {right}, seen {answer}")
same = seen[10][0] == seen[10][1] and seen[8][1] == [0, 0, 1, 2, 2, 3, 4, 4] and seen[3][1] == [0, 2, 4]
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
