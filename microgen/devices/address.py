"""Addresses one model of a firmware."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """A model of a firmware.

    Attributes:
        name: what serial commands call it; "" for the only model of a firmware, whose commands name none.
        number: its place among the models.
    """

    name: str = ""
    number: int = 0


ONLY = Address()
