"""The serial commands and nothing else: a computer asks, the firmware answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..boards import Board
from ..datasets.recording import Recording
from ..errors import InputError
from ..support import resources
from ..tflite import TfliteModel
from .application import ApplicationPart, Files


def firmware_files(*names: str) -> Files:
    """Return files of firmware/applications by their last name."""
    folder = resources.path("firmware") / "applications"
    return {name.rpartition("/")[2]: (folder / name).read_bytes() for name in names}


def serial_program() -> bytes:
    """Return the program that feeds the serial commands."""
    return firmware_files("serial/main.cpp")["main.cpp"]


class Sensorless:
    """What an application without a sensor answers; see `Application`."""

    name: str
    sensor = ""

    def settings_beside(self, model: Path) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def program(self) -> bytes:
        """Return the program that feeds the serial commands."""
        return serial_program()

    def recording(self, path: Path) -> Recording:
        """Refuse: nothing hears it."""
        raise InputError(
            f"the application '{self.name}' has no sensor",
            "build with an application that has one, for example microphone",
        )

    def golden_inputs(self, model: TfliteModel, steps: int) -> None:
        """Return None: inputs come from no sensor."""

    def trial(self, model: TfliteModel) -> None:
        """Return None: there is nothing to listen to."""


@dataclass(frozen=True)
class _Serial(Sensorless):
    """See `Application`."""

    name: str = "serial"

    @property
    def options(self) -> Mapping[str, str]:
        return {}

    def with_options(self, options: Mapping[str, str]) -> _Serial:
        for option in options:
            raise InputError(f"the application 'serial' has no option '{option}'", "omit it")
        return self

    def check(self, model: TfliteModel, board: Board, labels: Sequence[str] = ()) -> None:
        """Take every model and board."""

    def sources(self) -> Files:
        return firmware_files("application.h", "serial/application.cc")

    def parts(self, model: TfliteModel) -> tuple[ApplicationPart, ...]:
        return ()


APPLICATION = _Serial()
