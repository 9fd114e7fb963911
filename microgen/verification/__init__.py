"""Does the firmware compute what Python computes? Two comparisons, and a proof layer by layer when they part."""

from .compare import EngineRun, Engines, judge, run_firmware
from .samples import make_samples, quantize_samples
from .verdict import BIT_EXACT, DIVERGED, NOT_VERIFIED, WITHIN_BOUND, LayerDifference, Verdict

__all__ = [
    "BIT_EXACT",
    "DIVERGED",
    "NOT_VERIFIED",
    "WITHIN_BOUND",
    "EngineRun",
    "Engines",
    "LayerDifference",
    "Verdict",
    "judge",
    "make_samples",
    "quantize_samples",
    "run_firmware",
]
