"""Verifies that the firmware computes what Python computes: two comparisons, and a layer proof if they differ."""

from .judge import Judgement, judge
from .run import (
    EngineRun,
    EngineRuns,
    Engines,
    FirmwareRun,
    Question,
    ask_firmware,
    ask_models,
    output_arrays,
    run_firmware,
    run_models,
)
from .samples import (
    Samples,
    check_count,
    make_samples,
    quantize_samples,
    real_values,
    sample_count,
    sample_warning,
)
from .verdict import BIT_EXACT, DIVERGED, NOT_VERIFIED, UNREFERENCED, WITHIN_BOUND, Device, Layer, Verdict

__all__ = [
    "BIT_EXACT",
    "DIVERGED",
    "NOT_VERIFIED",
    "UNREFERENCED",
    "WITHIN_BOUND",
    "Device",
    "EngineRun",
    "EngineRuns",
    "Engines",
    "FirmwareRun",
    "Judgement",
    "Layer",
    "Question",
    "Samples",
    "Verdict",
    "ask_firmware",
    "ask_models",
    "check_count",
    "judge",
    "make_samples",
    "output_arrays",
    "quantize_samples",
    "real_values",
    "run_firmware",
    "run_models",
    "sample_count",
    "sample_warning",
]
