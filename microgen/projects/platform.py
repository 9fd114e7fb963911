"""What a project has of firmware/platform/: platform.h, its functions on one kind of system, and a sensor's driver."""

from __future__ import annotations

from dataclasses import dataclass

from ..applications.application import Application
from ..boards import Board, Sensor
from ..defaults import PROJECT
from ..deployment import Deployment
from ..errors import InputError, option
from .firmware import copies
from .kind import Files


@dataclass(frozen=True)
class Platform:
    """A folder of firmware/platform/.

    Attributes:
        folder: its name there.
        beside: patterns of drivers' files that are no drivers themselves, but come with each.
    """

    folder: str
    beside: str = "*.h"

    def check(self, kind: str, board: Board, application: Application) -> None:
        """Refuse an application whose sensor no driver here reads.

        Args:
            kind: the kind of project that asks.
            board: the board.
            application: what the firmware does; a board without its sensor is refused elsewhere.

        Raises:
            InputError: names the sensor.
        """
        for sensor in board.sensors:
            if sensor.kind == application.sensor:
                self._check(kind, sensor, application)
                return

    def files(self, deployment: Deployment) -> Files:
        """Return platform.h, its functions, and the driver of the sensor that the application reads, by their names."""
        own = copies("platform", "*.h") | copies(f"platform/{self.folder}")
        if deployment.sensor is None:
            return own
        driver = deployment.sensor.driver
        shared = copies("platform/sensors", f"{driver.removesuffix('.cc')}.*")
        return own | shared | self._drivers(self.beside) | {driver: self._drivers()[driver]}

    def _check(self, kind: str, sensor: Sensor, application: Application) -> None:
        drivers = self._drivers()
        if sensor.driver in drivers:
            return
        others = f"available drivers: {', '.join(drivers)}" if drivers else ""
        raise InputError(
            f"projects of the kind '{kind}' have no driver for the board's {sensor.kind} ({sensor.driver}), which the "
            f"application '{application.name}' reads",
            others if kind == PROJECT else f"give {option('project_kind', PROJECT)}, or omit the application",
            option="application",
            value=application.name,
        )

    def _drivers(self, pattern: str = "*.cc") -> Files:
        return copies(f"platform/{self.folder}/sensors", pattern)
