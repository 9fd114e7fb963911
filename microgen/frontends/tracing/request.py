"""What the jobs that convert traced programs are asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...datasets import Request
from ..frontend import FLOAT32, UNROLL, ConvertOptions, Source


@dataclass(frozen=True)
class ConvertRequest:
    """A file to convert.

    Attributes:
        path: of the file.
        calibration: the data that the converted model is compared with its framework on; None: made-up values.
        seed: seed of all random generators.
        must_vary: reject data in which an input always has the same value.
        unroll: see `convert_graph`.
    """

    path: Path
    calibration: Request | None
    seed: int
    must_vary: bool
    unroll: bool = False

    @classmethod
    def of(cls, source: Source, calibration: Request | None, options: ConvertOptions) -> ConvertRequest:
        """Return the request for a source."""
        quantized, unroll = options.scheme != FLOAT32, options.recurrent == UNROLL
        return cls(source.path.absolute(), calibration, options.seed, quantized, unroll)
