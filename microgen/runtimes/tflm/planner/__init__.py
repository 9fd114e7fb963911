"""How much tensor arena a model needs, on a microcontroller or on a PC, and which operator makes the peak."""

from .arena import KernelBytes, MemoryPlan, plan
from .lifetimes import Buffer, align
from .structs import Target

__all__ = ["Buffer", "KernelBytes", "MemoryPlan", "Target", "align", "plan"]
