"""How much tensor arena a model needs, on a microcontroller or on a PC, and which operator makes the peak."""

from .arena import KernelBytes, MemoryPlan, plan
from .structs import Target

__all__ = ["KernelBytes", "MemoryPlan", "Target", "plan"]
