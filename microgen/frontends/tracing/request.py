"""What the jobs that convert traced programs are asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...datasets import Request


@dataclass(frozen=True)
class ConvertRequest:
    """A file to convert.

    Attributes:
        path: of the file.
        calibration: the data that the converted model is compared with its framework on; None: made-up values.
        seed: seed of all random generators.
        must_vary: reject data in which an input always has the same value.
    """

    path: Path
    calibration: Request | None
    seed: int
    must_vary: bool
