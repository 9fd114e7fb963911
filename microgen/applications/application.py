"""What an application is: what a firmware does with its model, and all that must be known to build it.

The serial commands are part of every firmware. An application brings the user's program, which feeds them, and may
change what they do (`Hooks` in firmware/serial/session.h). A member is an object that follows `Application`; the
registry in `microgen.applications` knows it by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from ..boards import Board
from ..datasets.recording import Recording
from ..tflite import TfliteModel

Files = dict[str, bytes]


@dataclass(frozen=True)
class ApplicationPart:
    """What a part of an application takes besides the serial commands and the model.

    Attributes:
        name: what it does.
        flash_bytes: of its code and constants, about.
        ram_bytes: an upper bound.
        instructions: a second, while it listens; an estimate for a CPU without DSP instructions, right within a factor
            of three.
    """

    name: str
    flash_bytes: int
    ram_bytes: int
    instructions: int = 0


class Application(Protocol):
    """One thing that a firmware does with its model."""

    @property
    def name(self) -> str:
        """The name that users and manifests have for it: "serial"."""

    @property
    def options(self) -> Mapping[str, str]:
        """How it is set, as `with_options` takes it and manifests record it."""

    @property
    def sensor(self) -> str:
        """The kind of sensor that its board has to have, as board files name it; "" for none."""

    def settings_beside(self, model: Path) -> Mapping[str, str]:
        """Return the options that stand in a file beside a model; what is given to `with_options` comes before them.

        Raises:
            InputError: there is such a file, and it cannot be read.
        """

    def with_options(self, options: Mapping[str, str]) -> Application:
        """Return the application set in this way.

        Raises:
            InputError: it has no such option, or no such value.
        """

    def check(self, model: TfliteModel, board: Board, labels: Sequence[str] = ()) -> None:
        """Refuse a model, its labels or a board that it cannot work with.

        Raises:
            InputError: names what it lacks.
        """

    def sources(self) -> Files:
        """Return its C++ by path inside the layout's folder for it; `application::kHooks` is defined there."""

    def program(self) -> bytes:
        """Return the program that is the user's once it is written: `setup()` and `loop()`."""

    def recording(self, path: Path) -> Recording:
        """Read a file in place of the sensor.

        Raises:
            InputError: it cannot be read, or the application has no sensor.
        """

    def trial(self, model: TfliteModel) -> Recording | None:
        """Return what a sensor gives in noise until a model infers a few times; None where it has no sensor."""

    def parts(self, model: TfliteModel) -> tuple[ApplicationPart, ...]:
        """Return what it takes, in parts; none where that is nothing."""

    def golden_inputs(self, model: TfliteModel, steps: int) -> npt.NDArray[Any] | None:
        """Return the inputs of the first golden vector, made of a sensor's values as the firmware makes them.

        Args:
            model: a model that `check` let pass.
            steps: inferences of a golden vector.

        Returns:
            Shape (steps, *shape of the only input), in its type; None where the application has no sensor.
        """
