"""Compares the outputs of engines and firmware for the same samples."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..devices import HOST
from ..tflite import TfliteModel, flashed, is_flashed
from ..tflite.compare import describe_difference
from ..workers.difference import largest, sample_differs
from .float32 import Bounds, Unproven, first_outside
from .layer_proof.faults import faulty_references, model_faults
from .layer_proof.prove import Proof
from .run import EngineRun, Engines, FirmwareRun, sequence_length
from .samples import output_lsb
from .tensors import compared_tensors, tensor_fault
from .verdict import BIT_EXACT, DIVERGED, UNREFERENCED, WITHIN_BOUND, Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the layer proof behind it if there is one."""

    verdict: Verdict
    proof: Proof | None = None


def judge(
    running: EngineRun,
    firmware: FirmwareRun | None,
    seed: int,
    obstacle: str = "",
    all_layers: bool = False,
) -> Judgement:
    """Compare firmware with TFLM and TFLM with LiteRT.

    Args:
        running: the run of the model and its samples in LiteRT and TFLM; this function waits for it.
        firmware: the firmware's outputs, None if it could not run.
        seed: seed of the samples, for the record.
        obstacle: the reason why the firmware could not run.
        all_layers: always make the layer proof, and list every operator.
    """
    model, inputs, engines = running.model, running.inputs, running.result()
    common: dict[str, Any] = {
        "samples": len(inputs[0]),
        "seed": seed,
        "engines": engine_versions(),
        "sequence": sequence_length(model, inputs),
        "normalised": engines.normalised,
        "faults": model_faults(model),
        "device": firmware.device if firmware else None,
        "dtype": next((t.dtype for t in model.outputs if t.dtype == "float32" and output_lsb(model, t) == 1.0), ""),
    }
    fault = _firmware_fault(running, engines, firmware) if firmware else ""
    if firmware and firmware.tensors is not None and not fault:
        pairs = compared_tensors(model, firmware.tensors)
        reference = running.tensors([tensor for _, tensor in pairs])
        fault = tensor_fault(model, inputs, firmware.tensors, pairs, reference)
        common["tensors"] = len({tensor for _, tensor in pairs})
    if fault:
        return Judgement(Verdict(DIVERGED, firmware="differs", reason=fault, **common))
    is_equal = not firmware or _first_difference(model, engines, firmware) is None
    common["firmware"] = ("equal" if is_equal else "within-bound") if firmware else "not-run"
    if (bounds := running.bounds) is not None:
        common |= _in_float32(bounds)
        if bounds.outside is not None:
            what = f"TFLM's answer to sample {bounds.outside} is outside the bounds of float32 arithmetic"
            return Judgement(Verdict(DIVERGED, reason=what, **common))
    if engines.refusal:
        why = _lacking(engines.refusal) or engines.refusal
        reason = why if firmware else f"{why}; firmware not run: {obstacle}"
        return Judgement(Verdict(UNREFERENCED, reason=reason, **common))
    both = ((engines.reference.outputs, engines.litert.outputs), (engines.reference.sequence, engines.litert.sequence))
    differs, drift = engines.differences()
    common |= {
        "differing_samples": int(differs.sum()),
        "max_abs_diff_lsb": max(
            largest(a, b) / output_lsb(model, t)
            for answers in both
            for t, a, b in zip(model.outputs, *answers, strict=False)
        ),
        "reason": "" if firmware else obstacle,
    }
    engines_agree = not differs.any() and not drift.any()
    agreed = BIT_EXACT if is_equal else WITHIN_BOUND
    if engines_agree and not all_layers:
        return Judgement(Verdict(agreed, **common))
    proof = running.prove(differs, drift)
    differing = [layer for layer in proof.layers if layer.differs or not layer.is_within]
    common["ops"] = tuple(sorted({layer.op for layer in differing}))
    common["layers"] = proof.layers if all_layers else tuple(differing)
    common["faulty_ops"] = faulty_references(model)
    common["looked_at"] = proof.samples
    common["rounded_share"] = float(np.mean(proof.rounded)) if proof.rounded else 0.0
    # Equal outputs on these samples prove nothing if an operator exceeds its bound.
    if proof.culprit is not None or (proof.objection and not engines_agree):
        return Judgement(Verdict(DIVERGED, **{**common, "reason": proof.objection}), proof)
    return Judgement(Verdict(agreed if engines_agree else WITHIN_BOUND, **common), proof)


def engine_versions() -> dict[str, str]:
    """Return the versions of the two interpreters."""
    return {
        "litert": importlib.metadata.version("ai-edge-litert") + " BUILTIN_REF",
        "tflm": importlib.metadata.version("tflite-micro"),
    }


def _lacking(refusal: str) -> str:
    """Name the custom operator that LiteRT does not have; "" if it refuses the model for another reason."""
    found = re.search(r"unresolved custom op: (\S+?)\.?\s", refusal)
    return f"LiteRT has no operator {found[1]}" if found else ""


def _in_float32(bounds: Bounds) -> dict[str, Any]:
    """Return the verdict's fields for the bounds of a float32 model."""
    if not bounds.unproven:
        return {"float_bound": bounds.largest}
    warning = (
        f"{bounds.unproven} has no proven bound in float32: a board whose kernels or compiler round differently fails "
        "its golden vectors"
    )
    return {"warnings": (warning,)}


def _firmware_fault(running: EngineRun, engines: Engines, firmware: FirmwareRun) -> str:
    """Describe how the firmware differs from TFLM; "" if it does not, or stays within the float32 bounds."""
    model = running.model
    if firmware.array is not None and not is_flashed(firmware.array, model):
        return _array_fault(model, firmware.array)
    if firmware.device is None or firmware.device.model_sha256 != hashlib.sha256(model.data).hexdigest():
        return "the hash that the firmware reports is not that of its array"
    difference = _first_difference(model, engines, firmware)
    # On this machine the firmware has TFLM's own kernels; elsewhere a float32 kernel may sum in another order.
    if difference is None or firmware.device.on == HOST or running.bounds is None:
        return difference or ""
    answers, inputs = firmware.answers, running.inputs
    try:
        sample, how = first_outside(model, inputs, answers.outputs), ""
        if sample is None and answers.sequence:
            count = len(answers.sequence[0])
            sample = first_outside(model, inputs, answers.sequence, count)
            how = ", without a reset between samples"
    except Unproven as error:
        return f"{difference}, and {error} has no proven bound in float32"
    if sample is None:
        return ""
    return f"the firmware's answer to sample {sample} is outside the bounds of float32 arithmetic{how}"


def _first_difference(model: TfliteModel, engines: Engines, firmware: FirmwareRun) -> str | None:
    """Describe the first output byte of the firmware that differs from TFLM; None if none does."""
    answers, reference = firmware.answers, engines.reference
    for how, actual, expected in (
        ("", answers.outputs, reference.outputs),
        (", without a reset between samples", answers.sequence, reference.sequence),
    ):
        for tensor, ours, theirs in zip(model.outputs, actual, expected, strict=False):
            differs = sample_differs(ours, theirs)
            if differs.any():
                return (
                    f"output '{tensor.name}' of the firmware is not TFLM's on {int(differs.sum())} of "
                    f"{len(differs)} samples (first: sample {int(np.flatnonzero(differs)[0])}){how}"
                )
    return None


def _array_fault(model: TfliteModel, array: bytes) -> str:
    """Describe how the compiled array differs from the model."""
    model = model if len(array) == len(model.data) else flashed(model)
    if len(array) != len(model.data):
        return f"the compiled array has {len(array)} bytes, the model {len(model.data)} that a device reads"
    ours, theirs = (np.frombuffer(d, np.uint8) for d in (array, model.data))
    where = np.flatnonzero(ours != theirs)
    first = int(where[0])
    differ = "byte differs" if len(where) == 1 else "bytes differ"
    return (
        f"the compiled array is not the model: {len(where)} {differ}, "
        + (f"{difference}; " if (difference := describe_difference(model, array)) else "")
        + f"the first is {model.describe_byte(first)}: {theirs[first]} in the model, {ours[first]} in the firmware"
    )
