"""The reference of every runtime: TensorFlow Lite Micro with its reference kernels, in the tflite-micro package."""

from __future__ import annotations

from ..tflite import TfliteModel
from .tflm.host import TFLM_WHEEL, host_obstacle
from .tflm.planner import Target, plan

VERSION = TFLM_WHEEL


def obstacle() -> str:
    """Say why this machine cannot compile firmware against the reference; "" when it can."""
    return host_obstacle()


def host_arena_bytes(model: TfliteModel) -> int:
    """Return the smallest tensor arena in which the reference runs a model on a 64-bit PC, computed."""
    return plan(model, Target.HOST).arena_min_bytes


def device_arena_bytes(model: TfliteModel) -> int:
    """Return the smallest tensor arena with reference kernels on a 32-bit board, computed."""
    return plan(model, Target.DEVICE).arena_min_bytes
