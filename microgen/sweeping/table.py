"""What a sweep found: a row a candidate, and the Pareto front of what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..boards import Board
from ..compression.price import Price
from ..deployment import DeviceCost
from ..deployment.fit import Fit
from ..support.metrics import Metric
from .limits import Limits

# What a candidate may be the best in, beside the metric: what is drawn, and what people call it.
AXES = {
    "tflite_bytes": ".tflite, bytes",
    "gzip_bytes": ".tflite under gzip (OTA), bytes",
    "arena_bytes": "tensor arena, bytes",
    "macs": "multiply-accumulates",
    "flash_bytes": "flash of the model as code, bytes",
    "ram_bytes": "RAM of the model as code, bytes",
    "instructions": "instructions of an inference, estimated",
}


_ON_DEVICE = ("flash_bytes", "ram_bytes", "instructions")


@dataclass(frozen=True)
class Row:
    """What became of a candidate on the board.

    Attributes:
        name: the candidate's.
        price: what it costs and brings; None where it could not be made.
        arena_bytes: what a firmware for the board reserves as tensor arena; 0 where it does not run there.
        fit: the use of the board's memories.
        device: what it costs on the board as code; None where no runtime that can tell takes it.
        breaks: the first of the sweep's limits that it does not keep to; "" where it keeps to all.
        best_for: the axes in which no other candidate that fits is as small and as good.
        error: why it could not be made, or does not run on the board, and a hint; empty otherwise.
        folder: where its models are, relative to the sweep's folder; "" where there are none.
    """

    name: str
    price: Price | None = None
    arena_bytes: int = 0
    fit: Fit | None = None
    device: DeviceCost | None = None
    breaks: str = ""
    best_for: tuple[str, ...] = ()
    error: tuple[str, str] = ("", "")
    folder: str = ""

    @property
    def fits(self) -> bool:
        """Whether it can be had on the board."""
        return self.fit is not None and self.fit.fits and not self.breaks

    @property
    def score(self) -> float:
        """The metric of the deployed model on TFLM; of a row with a price only."""
        assert self.price is not None
        return self.price.tflm_score

    def has(self, axis: str) -> bool:
        """Tell whether it has a place on an axis."""
        if self.price is None or (axis == "arena_bytes" and not self.arena_bytes):
            return False
        return axis not in _ON_DEVICE or self.device is not None

    def value(self, axis: str) -> int:
        """Return its place on an axis: of the board, or of its price."""
        if axis == "arena_bytes":
            return self.arena_bytes
        return int(getattr(self.device if axis in _ON_DEVICE else self.price, axis))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "candidate": self.name,
            "price": {**self.price.to_json(), "arena_bytes": self.arena_bytes} if self.price else None,
            "fits": self.fit.outcome if self.fit else None,
            "device": self.device.to_json() if self.device else None,
            "breaks": self.breaks or None,
            "best_for": list(self.best_for),
            "error": {"message": self.error[0], "hint": self.error[1]} if self.error[0] else None,
            "folder": self.folder,
        }


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: of the model or recipe.
        board: what the arena and the fit are for.
        metric: what the scores are.
        rows: one per candidate, in the order in which they were named; the original model, or float32, first.
        resumed: how many of them resumed.
        out: the folder with the models, the table as sweep.json, and the picture.
        picture: the path of the picture; None where none was wanted.
        limits: limits of a candidate; None for no limits.
        quantizes: whether candidates are quantizations of the model, not compressions of it.
    """

    name: str
    board: Board
    metric: Metric
    rows: tuple[Row, ...]
    resumed: int
    out: Path
    picture: Path | None
    limits: Limits | None = None
    quantizes: bool = False

    @property
    def what(self) -> str:
        """What the scores are, for people."""
        return f"{self.metric.name} on TFLM" if self.quantizes else f"{self.metric.name} in int8 on TFLM"

    def merit(self, row: Row) -> float:
        """Return the score of a row, so that more is better."""
        return row.score if self.metric.higher_is_better else -row.score

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; the same sweep gives the same, resumed or not."""
        return {
            "name": self.name,
            "board": self.board.name,
            "metric": self.metric.name,
            "higher_is_better": self.metric.higher_is_better,
            "axes": AXES,
            "limits": self.limits.to_json() if self.limits else None,
            "candidates": [row.to_json() for row in self.rows],
        }


def pareto_front(rows: Sequence[Row], axis: str, metric: Metric) -> list[Row]:
    """Return the Pareto front, by size: of what fits, what nothing beats in both the metric and on the axis.

    Where two are the same in both, the first one named is on it.
    """
    sign = -1 if metric.higher_is_better else 1
    fitting = [row for row in rows if row.fits and row.has(axis)]
    best: list[Row] = []
    for row in sorted(fitting, key=lambda r: (r.value(axis), sign * r.score)):
        if not best or sign * row.score < sign * best[-1].score:
            best.append(row)
    return best
