"""Reaches a project's firmware wherever it runs: on this machine, on an emulated CPU, or on a board."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import defaults
from ..boards import Board
from ..deployment import Deployment
from ..devices import HOST, ONLY, Address, Client, Layout, check_hash, connected, recorded
from ..devices.emulator import EMULATOR, SOURCES, EmulatedBoard, Image, Program, build_image, require_tools
from ..errors import SetupError, command, option
from ..projects import Project
from ..projects.manifest import project_board, project_build_flags, project_model, project_runtime, project_sources
from ..runtimes import RUNTIMES
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
        model: its model; of several, the one that is meant.
        flags: what its code is compiled with besides what every firmware is.
        address: of that model.
        operators: how many the model with the most of them has.
    """

    folder: Path
    layout: Layout
    board: Board
    runtime: Runtime
    model: TfliteModel
    flags: tuple[str, ...] = ()
    address: Address = ONLY
    operators: int = 0


def firmware_of(opened: Project) -> Firmware:
    """Return the firmware of a project, and the model in it that is meant.

    Raises:
        InputError: a model is missing or another one, or there is no such board or runtime.
    """
    return Firmware(
        opened.path,
        opened.layout,
        project_board(opened),
        project_runtime(opened),
        project_model(opened),
        project_build_flags(opened),
        opened.address,
        max(len(project_model(model).main.operators) for model in opened.models),
    )


def firmware_to_be(folder: Path, layout: Layout, deployment: Deployment) -> tuple[Firmware, ...]:
    """Return the firmware of a project that is being built, with each of its models as the one that is meant."""
    plan, several = deployment.firmware, bool(deployment.others)
    operators = max(len(d.model.main.operators) for d in deployment.models)
    return tuple(
        Firmware(
            folder,
            layout,
            deployment.board,
            RUNTIMES.get(plan.runtime),
            d.model,
            plan.requirements.build_flags,
            Address(d.name, number) if several else ONLY,
            operators,
        )
        for number, d in enumerate(deployment.models)
    )


@contextlib.contextmanager
def open_device(
    opened: Project, model: TfliteModel, on: str = HOST, *, baud: int = defaults.BAUD, record: Path | None = None
) -> Iterator[Client]:
    """Connect to a firmware that has this project's model, and mean that model of it.

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
        sources, address = project_sources(opened), opened.address
        with connected(sources, model, on, address=address, baud=baud, record=record) as client:
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
            client.address(firmware.address)
            check_hash(client, EMULATOR, firmware.model.sha256, "build the project again")
            yield client, board


def check_emulator(board: Board, runtime: Runtime, asked: str = "on") -> None:
    """Refuse what cannot run on the emulated CPU of a board.

    Args:
        board: the board.
        runtime: the runtime of the firmware.
        asked: the parameter that asks for the emulator.

    Raises:
        SetupError: the runtime's code is not here for that CPU, or this machine lacks a compiler or an emulator.
    """
    obstacle = runtime.emulator_obstacle(board.processor)
    if obstacle:
        here = f"run it on this machine ({option(asked, HOST)}) or on the board"
        again = "" if board.processor.obstacle else f"{command('build', 'MODEL', option('runtime', 'compiled'))}; or "
        raise SetupError(obstacle, f"{again}{here}")
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
        operators=firmware.operators or len(firmware.model.main.operators),
    )
