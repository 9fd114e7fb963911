"""Writes the objects of the generated schema as the bytes of a .tflite."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

from . import schema

_ALIGNMENT = 16


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns vectors of bytes (constants) as the schema requires (`force_align: 16`).

    The generated code does not. A Cortex-M0+ faults on an int32 at an odd address, and vector kernels are slower, or
    wrong, with unaligned weights.
    """

    def CreateNumpyVector(self, x: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - overrides
        if x.dtype.itemsize == 1:
            # The length of the vector lies before it, and is aligned by the method that is called.
            self.Prep(_ALIGNMENT, x.size)
        return super().CreateNumpyVector(x)


def pack(model: Any) -> bytes:  # noqa: ANN401 - the schema has no types
    """Return the bytes of a `ModelT`."""
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), schema.FILE_IDENTIFIER)
    return bytes(builder.Output())
