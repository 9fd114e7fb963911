"""What a verification found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BIT_EXACT = "bit-exact"
WITHIN_BOUND = "within-bound"
DIVERGED = "diverged"
NOT_VERIFIED = "not-verified"


@dataclass(frozen=True)
class LayerDifference:
    """One operator that gave other bytes in TFLM than in LiteRT, on the same inputs.

    Attributes:
        index, op, tensor, shape: which one, and its first output.
        max_abs_diff_lsb: the largest difference, in steps of its output.
        bound_lsb: what is allowed.
    """

    index: int
    op: str
    tensor: str
    shape: tuple[int, ...]
    max_abs_diff_lsb: float
    bound_lsb: int

    @property
    def is_within(self) -> bool:
        """Whether the difference is allowed."""
        return self.max_abs_diff_lsb <= self.bound_lsb


@dataclass(frozen=True)
class Device:
    """What the firmware ran on.

    Attributes:
        name: the board, as the firmware names it.
        on: "host", or the port that it was reached by.
        model_sha256: the model that the firmware says it has.
        arena_used_bytes, arena_bytes: what of the tensor arena is in use there, and its size.
        inference_us: median time of an inference on the device, in microseconds.
        retries: how often something was damaged on its way and sent again.
    """

    name: str
    on: str
    model_sha256: str
    arena_used_bytes: int
    arena_bytes: int
    inference_us: float
    retries: int


@dataclass(frozen=True)
class Verdict:
    """Whether the firmware computes what Python computes.

    Attributes:
        status: "bit-exact", "within-bound", "diverged" or "not-verified".
        samples, seed: what it was found on.
        differing_samples: on how many of them TFLM's outputs differ from LiteRT's.
        max_abs_diff_lsb: the largest difference at an output, in steps of it.
        ops: the operators that differ, by name.
        layers: the operators that differ, one by one; empty when all outputs are equal.
        firmware: "equal" (to TFLM's wheel, every byte), "differs", or "not-run".
        reason: why it is diverged or not verified, or what could not be run; "" otherwise.
        engines: the versions that were compared.
        device: what the firmware ran on; None when it did not.
    """

    status: str
    samples: int = 0
    seed: int = 0
    differing_samples: int = 0
    max_abs_diff_lsb: float = 0
    ops: tuple[str, ...] = ()
    layers: tuple[LayerDifference, ...] = ()
    firmware: str = "not-run"
    reason: str = ""
    engines: dict[str, str] | None = None
    device: Device | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing was found against the firmware."""
        return self.status != DIVERGED

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain data; the keys are the attributes."""
        return asdict(self)

    def summary(self) -> str:
        """Return the verdict in one line for people."""
        if self.status == NOT_VERIFIED:
            return f"not verified: {self.reason}"
        if self.status == DIVERGED:
            return f"diverged: {self.reason}"
        ran = "firmware = TFLM, every byte" if self.firmware == "equal" else f"firmware not run: {self.reason}"
        if self.status == BIT_EXACT:
            return f"bit-exact on {self.samples} samples ({ran}; TFLM = LiteRT, every byte)"
        return (
            f"within-bound on {self.samples} samples ({ran}; TFLM and LiteRT differ on {self.differing_samples}, by at "
            f"most {self.max_abs_diff_lsb:g} LSB at the output, from rounding in {', '.join(self.ops)})"
        )
