#!/usr/bin/env bash
# Pillow resizes a 16-bit grey TIFF of big-endian byte order to other values than the same image in little-endian order.
#
# Versions: Pillow 13.0.0, tifffile 2026.3.3, numpy 2.4.6, Python 3.11.
# Images: four grey pixels of 16 bits (1000, 2000, 3000, 4000), written by tifffile in both byte orders.
# Expected: both open with these values, and resize() with BILINEAR halves both to 1714 and 3286.
# Output seen: both open with the right values, in the modes I;16 and I;16B. Resized, little-endian is 1714 and 3286,
# big-endian is 57814 and 12721. LANCZOS is wrong, too (7131 and 63404); NEAREST is right. No error.
#
# Why it matters: thermal cameras, microscopes and ImageJ write big-endian TIFF. The image that is loaded is right, the
# one that is scaled to the network's input is noise. Convert it to a NumPy array, or to mode F, before you resize it.

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

pixels = np.array([[1000, 2000, 3000, 4000]], np.uint16)
seen = {}
for name, order in (("little-endian", "<"), ("big-endian", ">")):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, byteorder=order, photometric="minisblack")
    image = Image.open(file)
    seen[f"{name}, opened"] = image.mode, np.asarray(image).ravel().tolist()
    for kind in ("NEAREST", "BILINEAR", "LANCZOS"):
        half = image.resize((2, 1), Image.Resampling[kind])
        seen[f"{name}, {kind}"] = half.mode, np.asarray(half).ravel().tolist()

for package in ("pillow", "tifffile", "numpy"):
    print(package, importlib.metadata.version(package))
print("expected of BILINEAR in both orders: [1714, 3286]")
for what, (mode, values) in seen.items():
    print(f"{what}: {values} (mode {mode})")
same = (
    seen["big-endian, opened"] == ("I;16B", pixels.ravel().tolist())
    and seen["big-endian, NEAREST"][1] == seen["little-endian, NEAREST"][1]
    and seen["little-endian, BILINEAR"][1] == [1714, 3286]
    and seen["big-endian, BILINEAR"][1] == [57814, 12721]
    and seen["big-endian, LANCZOS"][1] == [7131, 63404]
)
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
