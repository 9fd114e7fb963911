"""The kind "platformio": an Arduino firmware that PlatformIO compiles, for a board, its emulated CPU, and a PC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..._version import __version__
from ...applications.application import Application
from ...boards import Board, Component
from ...deployment.fit import memory_fit
from ...devices import Layout
from ...runtimes.runtime import FirmwarePlan, Requirements
from ...support.render import render
from ...verification import Verdict
from ..bill import UNKNOWN, bill_files
from ..firmware import copies, firmware_files, kept_files, placed, readme
from ..kind import Files, Parts, Tool
from ..platform import Platform
from . import emulator
from .tool import TOOL
from .user_settings import USER_SETTINGS

_NATIVE = "lib/native"
_LAYOUT = Layout.below("lib", main="src/main.cpp")
_PLATFORM = Platform("arduino")


@dataclass(frozen=True)
class _PlatformIO:
    """See `ProjectKind`."""

    name: str = "platformio"
    tool: Tool = TOOL
    built_by: str = TOOL.title
    takes_several: bool = True

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take every board, each names its platform, and every runtime, each names its libraries."""
        _PLATFORM.check(self.name, board, application)

    def files(self, parts: Parts) -> Files:
        plan, header = parts.deployment.firmware, copies("platform", "*.h")
        platform = placed(_LAYOUT.platform, _PLATFORM.files(parts.deployment))
        beside = {}
        if not plan.native_obstacle:
            asked = _asked_of_a_board(plan.native.requirements)
            beside[_NATIVE] = header | copies("platform/posix") | copies("platform/posix/native") | asked
        emulated = emulator.emulation(parts.deployment)
        beside["test"] = copies("test", "*.py")
        beside["test/test_golden"] = copies("test", "*.cpp")
        flashed = {**firmware_files(parts, _LAYOUT), **platform}
        return {
            **flashed,
            **{name: data for folder, files in beside.items() for name, data in placed(folder, files).items()},
            **bill_files(parts, flashed, [_core(parts.deployment.board)]),
            **(emulator.files(emulated, _asked_of_a_board(plan.requirements)) if emulated else {}),
            **_settings(parts, emulated),
        }

    def user_files(self, parts: Parts) -> Files:
        settings = render("platformio/platformio.user.ini.j2", board=parts.deployment.board)
        return {**kept_files(self, parts), USER_SETTINGS: settings}

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        plan = parts.deployment.firmware
        return readme(
            self,
            parts,
            verdicts,
            native_obstacle=plan.native_obstacle,
            emulation=emulator.emulation(parts.deployment),
            excluded=_excluded(plan),
        )


def _core(board: Board) -> Component:
    """Return the board's Arduino core, which PlatformIO fetches with its platform."""
    platform, _, version = board.platformio.platform.rpartition("#" if "#" in board.platformio.platform else "@")
    name = (platform or version).rstrip("/").rpartition("/")[2].removesuffix(".git")
    url = platform or version
    return Component(
        name=f"Arduino core of {name}",
        version=version if platform else "",
        license=UNKNOWN,
        copyright=UNKNOWN,
        url=url if "://" in url else UNKNOWN,
    )


def _settings(parts: Parts, emulated: emulator.Emulation | None) -> Files:
    """Return platformio.ini and the script that it names."""
    deployment = parts.deployment
    plan = deployment.firmware
    ini = render(
        "platformio/platformio.ini.j2",
        version=__version__,
        board=deployment.board,
        sensor=deployment.sensor,
        placement_flags=memory_fit(deployment).placement_flags,
        requirements=plan.requirements,
        native=plan.native,
        native_obstacle=plan.native_obstacle,
        emulation=emulated,
    )
    excluded = _excluded(plan)
    script = render("platformio/exclude_sources.py.j2", exclude_sources=excluded)
    return {"platformio.ini": ini, **({"exclude_sources.py": script} if excluded else {})}


def _asked_of_a_board(requirements: Requirements) -> Files:
    """Return what libraries want that are not compiled for a board: functions of the Pico's SDK, for pico-tflmicro."""
    return copies("platform/pico_stand_ins", "**/*") if requirements.lib_deps else {}


def _excluded(plan: FirmwarePlan) -> list[str]:
    """Return the patterns of the libraries' sources that no environment may compile."""
    needed = [plan.requirements] if plan.native_obstacle else [plan.requirements, plan.native.requirements]
    return sorted({pattern for requirements in needed for pattern in requirements.exclude_sources})


KIND = _PlatformIO()
