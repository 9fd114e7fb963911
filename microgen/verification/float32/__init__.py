"""What correct float32 kernels may answer, in whatever order they sum: a proven interval for each value."""

from .case import Unproven
from .enclose import Bounds, Enclosure, bounds, first_outside

__all__ = ["Bounds", "Enclosure", "Unproven", "bounds", "first_outside"]
