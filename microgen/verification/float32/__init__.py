"""Proven intervals for the results of correct float32 kernels, for any order of their sums."""

from .case import Unproven
from .enclose import Bounds, Enclosure, bounds, first_outside

__all__ = ["Bounds", "Enclosure", "Unproven", "bounds", "first_outside"]
