"""Reaches a project's firmware wherever it runs: on this machine, on an emulated CPU, or on a board."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import defaults
from ..boards import Board
from ..devices import HOST, Client, Layout, check_hash, connected, recorded
from ..devices.emulator import EMULATOR, SOURCES, EmulatedBoard, Image, Program, build_image, require_tools
from ..errors import SetupError, option
from ..projects import Project
from ..projects.manifest import project_board, project_build_flags, project_model, project_runtime, project_sources
from ..runtimes.runtime import Runtime
from ..tflite import TfliteModel

# An inference of a large model takes seconds there.
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Firmware:
    """A project's firmware, before it is compiled for its board's CPU.

    Attributes:
        folder: the project's folder.
        layout: where its parts lie.
        board: its board, whose CPU is emulated.
        runtime: its runtime.
        model: its model.
        flags: what its code is compiled with besides what every firmware is.
    """

    folder: Path
    layout: Layout
    board: Board
    runtime: Runtime
    model: TfliteModel
    flags: tuple[str, ...] = ()


def firmware_of(opened: Project) -> Firmware:
    """Return the firmware of a project.

    Raises:
        InputError: its model is missing or another one, or there is no such board or runtime.
    """
    model, flags = project_model(opened), project_build_flags(opened)
    return Firmware(opened.path, opened.layout, project_board(opened), project_runtime(opened), model, flags)


@contextlib.contextmanager
def open_device(
    opened: Project, model: TfliteModel, on: str = HOST, *, baud: int = defaults.BAUD, record: Path | None = None
) -> Iterator[Client]:
    """Connect to a firmware that has this project's model.

    Args:
        opened: the project.
        model: its model.
        on: "host"; "emulator"; else see `microgen.devices.connected`.
        baud: a port's speed.
        record: file to write the session to.

    Raises:
        InputError, SetupError, DeviceError: see `microgen.devices.connected` and `emulated`.
    """
    if on == EMULATOR:
        with emulated(firmware_of(opened), record=record) as (client, _):
            yield client
    else:
        with connected(project_sources(opened), model, on, baud=baud, record=record) as client:
            yield client


@contextlib.contextmanager
def emulated(firmware: Firmware, *, record: Path | None = None) -> Iterator[tuple[Client, EmulatedBoard]]:
    """Run a firmware on the emulated CPU of its board.

    Raises:
        SetupError: see `check_emulator`.
        InputError: the firmware does not compile.
        DeviceError: the firmware does not answer, or has another model.
    """
    with tempfile.TemporaryDirectory(prefix="microgen-emulator-") as folder:
        work = Path(folder)
        board = EmulatedBoard(compile_emulated(firmware, work), work)
        with Client(recorded(board, record), timeout_s=_TIMEOUT_S) as client:
            client.connect()
            check_hash(client, EMULATOR, firmware.model.sha256, "build the project again")
            yield client, board


def check_emulator(board: Board, runtime: Runtime) -> None:
    """Refuse what cannot run on the emulated CPU of a board.

    Raises:
        SetupError: the runtime's code is not here for that CPU, or this machine lacks a compiler or an emulator.
    """
    obstacle = runtime.emulator_obstacle(board.processor)
    if obstacle:
        raise SetupError(obstacle, f"verify on this machine ({option('on', HOST)}) or on the board")
    require_tools(board.processor)


def compile_emulated(firmware: Firmware, work: Path) -> Image:
    """Compile a firmware for the CPU of its board and link it for an emulated machine.

    Args:
        firmware: what to compile.
        work: an existing folder for objects and the image.

    Raises:
        SetupError, InputError: see `emulated`.
    """
    check_emulator(firmware.board, firmware.runtime)
    layout = firmware.layout
    own = sorted((firmware.folder / layout.main).parent.glob("*.c*"))
    libraries = [firmware.folder / name for name in layout.libraries]
    # With the folders below: assembler and kernels for some CPUs only. The board's own platform may lie there, too.
    files = (p for library in libraries for p in sorted(library.rglob("*")) if p.suffix in SOURCES)
    platform = firmware.folder / layout.platform if layout.platform else None
    sources = [*own, *(p for p in files if platform is None or not p.is_relative_to(platform))]
    return build_image(
        firmware.board.processor,
        Program(tuple(sources), tuple(libraries), frozenset(own), firmware.folder, firmware.flags),
        work,
        clock_hz=firmware.board.mcu.clock_hz,
        operators=len(firmware.model.main.operators),
    )
