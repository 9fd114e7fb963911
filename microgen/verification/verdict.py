"""The result of a verification."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

BIT_EXACT = "bit-exact"
WITHIN_BOUND = "within-bound"
DIVERGED = "diverged"
NOT_VERIFIED = "not-verified"
UNREFERENCED = "unreferenced"
_INCOMPARABLE = "a value is not a finite number in one of the interpreters, or they answer in different sizes"


def _unit(dtype: str) -> str:
    return "" if dtype == "float32" else " LSB"


def _incomparable(difference: float) -> str:
    """Return the reason why a difference is not a number; "" if it is one."""
    return "" if math.isfinite(difference) else _INCOMPARABLE


@dataclass(frozen=True)
class Layer:
    """One operator, given the same inputs in TFLM and in LiteRT.

    Attributes:
        index, op, tensor, shape: the operator's index and name, and its first output.
        max_abs_diff_lsb: the largest difference, in steps of its output, or in real values where that is float32;
            infinite if answers cannot be compared.
        bound_lsb: the largest difference allowed.
        subgraph: where the operator is.
        dtype, scale, zero_point: of its first output.
        differing_elements, elements: number of output values that differ, and in total.
        saturated: the share of its first output's values at the limits of their type.
        exact_error_lsb: the larger distance of both interpreters from the exact rational result, None if the
            bound does not come from rounding.
        exact_allowed_lsb: the largest distance that any value may have.
        exact_within: whether each value is within its limit.
        faults: known faults of the interpreters in such an operator.
    """

    index: int
    op: str
    tensor: str
    shape: tuple[int, ...]
    max_abs_diff_lsb: float
    bound_lsb: float
    subgraph: int = 0
    dtype: str = ""
    scale: float = 0.0
    zero_point: int = 0
    differing_elements: int = 0
    elements: int = 0
    saturated: float = 0.0
    exact_error_lsb: float | None = None
    exact_allowed_lsb: float | None = None
    exact_within: bool = True
    faults: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether any value differs."""
        return self.max_abs_diff_lsb > 0 or self.differing_elements > 0

    @property
    def unit(self) -> str:
        """The unit of differences, as a suffix: " LSB", or "" for real values."""
        return _unit(self.dtype)

    @property
    def is_within(self) -> bool:
        """Whether the difference is allowed, and both interpreters are as close to the exact result as they must."""
        return self.max_abs_diff_lsb <= self.bound_lsb and self.exact_within

    def complaint(self) -> str:
        """Describe an operator that exceeds its bound, in one line."""
        what = f"operator {self.index} ({self.op}, '{self.tensor}' {list(self.shape)})"
        if self.subgraph:
            what = f"subgraph {self.subgraph} {what}"
        known = f"; known: {self.faults[0]}" if self.faults else ""
        if self.max_abs_diff_lsb <= self.bound_lsb:
            return (
                f"{what} is {self.exact_error_lsb:.4g}{self.unit} from the exact result, "
                f"{self.exact_allowed_lsb:.4g} is allowed{known}"
            )
        if why := _incomparable(self.max_abs_diff_lsb):
            return f"{what} cannot be compared: {why}{known}"
        return (
            f"{what} differs by {self.max_abs_diff_lsb:g}{self.unit} on the same inputs, its bound is "
            f"{self.bound_lsb:.4g}{known}"
        )


@dataclass(frozen=True)
class Device:
    """The device that the firmware ran on.

    Attributes:
        name: the board, as the firmware names it.
        on: "host", "emulator", or the port.
        model_sha256: the model's hash, as the firmware reports it.
        arena_used_bytes, arena_bytes: bytes of the tensor arena in use, and its size.
        inference_us: median time of an inference on the device, in microseconds.
        retries: number of damaged transmissions that were repeated.
        cpu: the emulated CPU; "" if none is emulated.
    """

    name: str
    on: str
    model_sha256: str
    arena_used_bytes: int
    arena_bytes: int
    inference_us: float
    retries: int
    cpu: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether the firmware computes what Python computes.

    Attributes:
        status: "bit-exact", "within-bound", "diverged", "unreferenced" (TFLM runs the model, LiteRT does not) or
            "not-verified".
        samples, seed: the number of samples, and their seed.
        differing_samples: number of samples on which TFLM's outputs differ from LiteRT's.
        max_abs_diff_lsb: the largest difference at an output, in steps of it, or in real values where that is float32;
            infinite if it cannot be compared.
        ops: the operators that differ, by name.
        layers: the operators that differ, one by one, or all of them where the layer proof was asked for; empty when
            all outputs are equal and it was not.
        sequence: number of samples that also ran as one sequence without a reset, for a model with state.
        normalised: the changes in the copy that LiteRT ran, so that it accepts the model.
        faults: known faults of the interpreters that concern this model.
        firmware: "equal" (to TFLM's wheel, every byte), "within-bound" (of what float32 kernels may answer), "differs",
            or "not-run".
        tensors: how many tensors of the firmware, with those between the operators, were compared with TFLM's, on the
            first few samples; 0 if the firmware does not keep them.
        reason: why it is diverged, unreferenced or not verified, or what could not run; "" otherwise.
        engines: versions of the engines.
        counterexample: the file with a small input that shows the difference, "" if none was saved.
        device: the device; None if the firmware did not run.
        accuracy: what labeled samples gave: "samples", "accuracy" and "confusion" (rows: the label, columns: TFLM's
            answer), "litert_accuracy"; None without labeled samples, or if their classes are not the model's.
        warnings: facts about the accuracy, or why it was not computed; a smaller number of samples than requested.
        faulty_ops: the operators for which LiteRT's reference kernels are known to be wrong.
        looked_at: number of samples in the layer proof; 0 without a layer proof.
        rounded_share: the share of these samples on which an operator also rounds differently.
        dtype: "float32" if an output is in float32.
        float_bound: for a float32 model, the largest distance of correct kernels, for any order of their sums, from
            TFLM's outputs on the golden vectors; None if nothing is proven.
    """

    status: str
    samples: int = 0
    seed: int = 0
    differing_samples: int = 0
    max_abs_diff_lsb: float = 0
    ops: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    sequence: int = 0
    normalised: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    firmware: str = "not-run"
    tensors: int = 0
    reason: str = ""
    engines: dict[str, str] | None = None
    counterexample: str = ""
    device: Device | None = None
    accuracy: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    faulty_ops: tuple[str, ...] = ()
    looked_at: int = 0
    rounded_share: float = 0.0
    dtype: str = ""
    float_bound: float | None = None

    @property
    def passed(self) -> bool:
        """Whether no comparison failed, and at least one was possible where any was asked for."""
        return self.status != DIVERGED and (self.status, self.firmware) != (UNREFERENCED, "not-run")

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain data.

        The keys are the attributes, and `incomparable`, beside each `max_abs_diff_lsb`: why that is null, else "".
        """
        plain = asdict(self)
        for entry in (plain, *plain["layers"]):
            entry["incomparable"] = _incomparable(entry["max_abs_diff_lsb"])
            if entry["incomparable"]:
                entry["max_abs_diff_lsb"] = None
        return plain

    def summary(self) -> str:
        """Return the verdict in one line for people."""
        if self.status == NOT_VERIFIED:
            return f"not verified: {self.reason}"
        if self.status == DIVERGED:
            return f"{self.status}: {self.reason}"
        inside = f" of {self.tensors} tensors" if self.tensors else ""
        ran = {
            "equal": f"firmware = TFLM, every byte{inside}",
            "within-bound": "firmware within the bound of float32 arithmetic",
        }.get(self.firmware, f"firmware not run: {self.reason}")
        where = f", {self.device.cpu} (emulated)" if self.device and self.device.cpu else ""
        bound = ""
        if self.float_bound is not None:
            bound = f"; kernels that sum in a different order stay within {self.float_bound:.2g}"
        if self.status == UNREFERENCED:
            compared = f"{ran}; " if self.firmware != "not-run" else ""
            return f"{self.status} on {self.samples} samples{where} ({compared}TFLM not compared: {self.reason}{bound})"
        if self.status == BIT_EXACT or (self.firmware == "within-bound" and not self.differing_samples):
            return f"{self.status} on {self.samples} samples{where} ({ran}; TFLM = LiteRT, every byte{bound})"
        cause = f"rounding in {', '.join(self.ops)}"
        if self.faulty_ops or not self.ops:
            of = f" of {', '.join(self.faulty_ops)}" if self.faulty_ops else ""
            fault = f"a known fault of LiteRT's reference kernels{of}"
            share = f"{self.rounded_share:.0%} of the {self.looked_at} samples looked at"
            cause = f"{fault}, and {cause} on {share}" if self.ops else fault
        return (
            f"within-bound on {self.samples} samples{where} ({ran}; TFLM and LiteRT differ on "
            f"{self.differing_samples}, by at most {self.max_abs_diff_lsb:g}{_unit(self.dtype)} at the output, "
            f"from {cause}{bound})"
        )
