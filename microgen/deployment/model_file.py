"""Writes a model as a file that a firmware with the same inputs and outputs loads without flashing."""

from __future__ import annotations

import hashlib
import struct

from ..tflite import TfliteModel
from .golden import Golden

_MAGIC = b"MGMODEL1"


def model_file(model: TfliteModel, image: bytes, golden: Golden) -> bytes:
    """Return the file that `model::Init(file, bytes)` of firmware/runtimes/tflm/model_file.h takes.

    Its layout, numbers of 32 bits and little-endian: 8 bytes of magic, the SHA-256 of all that follows it, six numbers
    (bytes of the image, golden vectors, their steps, bytes of all inputs, of all outputs and of the tolerances), the
    SHA-256 of the .tflite, the image, the vectors' inputs, their outputs, their tolerances.

    Args:
        model: the model.
        image: what a device reads of it.
        golden: its golden vectors.
    """
    sizes = (sum(t.bytes for t in tensors) for tensors in (model.inputs, model.outputs))
    numbers = struct.pack("<6I", len(image), len(golden.inputs), golden.steps, *sizes, len(golden.tolerance_bytes))
    vectors = (*golden.inputs, *golden.outputs, golden.tolerance_bytes)
    content = b"".join((numbers, bytes.fromhex(model.sha256), image, *vectors))
    return _MAGIC + hashlib.sha256(content).digest() + content
