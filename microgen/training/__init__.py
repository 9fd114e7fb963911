"""Trains ready-made models, or on a user's data: one trainer a framework."""

from ..support.registry import Registry
from .trainer import Trainer

__all__ = ["TRAINERS"]


def _keras() -> Trainer:
    from .keras import TRAINER

    return TRAINER


def _pytorch() -> Trainer:
    from .pytorch import TRAINER

    return TRAINER


TRAINERS: Registry[Trainer] = Registry("trainer", {"keras": _keras, "pytorch": _pytorch})
