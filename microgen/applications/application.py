"""What an application is: what a firmware does with its model, and all that must be known to build it.

The serial commands are part of every firmware. An application brings the user's program, which feeds them, and may
change what they do (`Hooks` in firmware/serial/session.h). A member is an object that follows `Application`; the
registry in `microgen.applications` knows it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..boards import Board
from ..tflite import TfliteModel

Files = dict[str, bytes]


class Application(Protocol):
    """One thing that a firmware does with its model."""

    @property
    def name(self) -> str:
        """The name that users and manifests have for it: "serial"."""

    @property
    def options(self) -> Mapping[str, str]:
        """How it is set, as `with_options` takes it and manifests record it."""

    def with_options(self, options: Mapping[str, str]) -> Application:
        """Return the application set in this way.

        Raises:
            InputError: it has no such option, or no such value.
        """

    def check(self, model: TfliteModel, board: Board) -> None:
        """Refuse a model or a board that it cannot work with.

        Raises:
            InputError: names what it lacks.
        """

    def sources(self) -> Files:
        """Return its C++ by path inside the layout's folder for it; `application::kHooks` is defined there."""

    def program(self) -> bytes:
        """Return the program that is the user's once it is written: `setup()` and `loop()`."""

    def ram_bytes(self, model: TfliteModel) -> int:
        """Return the RAM that it takes besides the serial commands; an upper bound."""
