#!/usr/bin/env bash
# Pillow inverts a grey TIFF whose zero is white if it has 8 bits, but not if it has 16 bits.
#
# Versions: Pillow 13.0.0, tifffile 2026.3.3, numpy 2.4.6, Python 3.11.
# Images: three grey pixels (0, a quarter, the highest value), written by tifffile as "min is black" and as "min is
# white" (PhotometricInterpretation 1 and 0), with 8 and with 16 bits.
# Expected: "min is white" is read inverted, whatever the number of bits: the highest value is black.
# Output seen: with 8 bits [255, 191, 0], inverted; with 16 bits [0, 16384, 65535], as "min is black" gives.
#
# Why it matters: scanners and microscopes write such files. A network that is calibrated or tested with the 16-bit
# files sees negatives, without any error.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check numpy==2.4.6 pillow==13.0.0 tifffile==2026.3.3

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import io
import sys

import numpy as np
import tifffile
from PIL import Image

seen = {}
for dtype in (np.uint8, np.uint16):
    top = np.iinfo(dtype).max
    pixels = np.array([[0, (top + 1) // 4, top]], dtype)
    for kind in ("minisblack", "miniswhite"):
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, photometric=kind)
        seen[f"{pixels.itemsize * 8} bits, {kind}"] = np.asarray(Image.open(file)).ravel().tolist()

for package in ("pillow", "tifffile", "numpy"):
    print(package, importlib.metadata.version(package))
print("expected of 16 bits, miniswhite: [65535, 49151, 0]")
for what, value in seen.items():
    print(f"{what}: {value}")
recorded = [[0, 64, 255], [255, 191, 0], [0, 16384, 65535], [0, 16384, 65535]]
sys.exit(0 if list(seen.values()) == recorded else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
