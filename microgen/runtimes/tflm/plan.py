"""How TensorFlow Lite Micro runs one model on one board: the board's own library, and the model as a C array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...boards import Board, TflmSnapshot, native_snapshot
from ...errors import InputError
from ...support import resources
from ...support.render import render
from ...tflite import TfliteModel, flashed, flashed_bytes, variables
from ..runtime import (
    DEFAULT_CODE,
    CodeOptions,
    Config,
    Files,
    Library,
    NativeBuild,
    Part,
    Requirements,
    Wording,
)
from . import size
from .arena import Arena
from .check import check_board
from .planner import MemoryPlan
from .snapshot import snapshot_of, unknown_memory

NAME = "tflm"
_SOURCES = ("interpreter.h", "model_file.cc", "model_file.h", "model_runner.cc", "sha256.cc", "sha256.h")


@dataclass(frozen=True)
class TflmPlan:
    """How TFLM runs one model on one board.

    Attributes:
        arena: its size, and where the figure comes from.
        layout: the arena as it lies on the board.
        resolver_methods: what registers the model's operators.
        registrations: the same as calls, with the kernels that they register where those are for int8 alone.
        known_faults: what the board's own kernels are known to get wrong in this model.
        code_options: none: the code is the library's.
    """

    model: TfliteModel
    board: Board
    arena: Arena
    layout: MemoryPlan
    resolver_methods: tuple[str, ...]
    registrations: tuple[str, ...]
    known_faults: tuple[str, ...]
    code_options: CodeOptions = DEFAULT_CODE

    @property
    def runtime(self) -> str:
        """The runtime's name."""
        return NAME

    @property
    def library(self) -> Library:
        """The board's TFLM."""
        return library_of(snapshot_of(self.board))

    @property
    def wording(self) -> Wording:
        """How a README speaks of TFLM."""
        return Wording(
            computes="computes the model with TensorFlow Lite Micro",
            model_files="the model as a C array, its configuration, and the functions that run it",
            memory="tensor arena",
            native="On a PC, TensorFlow Lite Micro is built from source.",
            verified="the firmware's C++ with TensorFlow Lite Micro's reference kernels",
            on_board=f"The board has its own kernels ({self.library.kernels})",
        )

    @property
    def instructions(self) -> None:
        """None: the board's library has the kernels."""
        return None

    def stored(self) -> tuple[str, ...]:
        """Return nothing: weights lie in flash as they are in the model."""
        return ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """`known_faults`, and which operators may ask the arena for more than is known."""
        return (*self.known_faults, *unknown_memory(self.model))

    @property
    def static_bytes(self) -> int:
        """An upper bound of the RAM that interpreter, resolver and serial commands take."""
        return size.static_bytes(len(self.resolver_methods))

    @property
    def requirements(self) -> Requirements:
        """What the board's TFLM needs."""
        return requirements_of(snapshot_of(self.board))

    @property
    def native(self) -> NativeBuild:
        """What the TFLM that PlatformIO builds on a PC needs."""
        snapshot = native_snapshot()
        own = requirements_of(snapshot)
        assert snapshot.native is not None
        flags = own.build_flags + snapshot.native.build_flags
        return NativeBuild(snapshot.native.platform, Requirements(own.lib_deps, flags, own.exclude_sources))

    @property
    def native_obstacle(self) -> str:
        """Why the TFLM that PlatformIO builds on a PC cannot run the model; "" when it can."""
        try:
            check_board(self.model, native_snapshot())
        except InputError as error:
            return error.message
        return ""

    @property
    def emulation_obstacle(self) -> str:
        """Where the board's core brings TFLM, no library has it."""
        return "" if self.requirements.lib_deps else "its TensorFlow Lite Micro comes with the board's core"

    @property
    def code_bytes(self) -> int:
        """What the library takes of the flash, the firmware's own code with it: both were measured together."""
        return sum(part.bytes for part in self.code_parts())

    def model_parts(self) -> tuple[Part, ...]:
        """Return what the model takes of the flash."""
        array = len(flashed_bytes(self.model))
        left_out = f"; {len(self.model.data) - array:,} bytes of names and metadata stay in model.tflite"
        return (Part("model", array, 0, f"the parts of the file that a device reads{left_out}"),)

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes."""
        return size.code_parts([self.model], self.board)

    def sources(self) -> Files:
        """Return the model as a C array, and what runs it."""
        return {"model_data.cc": model_array(self.model), **runner_sources()}

    def config(self) -> Config:
        """Return what model_runner.cc takes from model_config.h."""
        return Config(
            operators_macro(self.registrations, "the model uses"),
            f"inline constexpr unsigned kOpCount = {len(self.resolver_methods)};\n{variable_count(self.model)}"
            f"// {self.arena.origin}.\n{constant('kArenaBytes', self.arena.bytes, self.arena.host_bytes)}",
        )

    def totals(self) -> dict[str, int]:
        """Return the figures of the arena for `inspect`."""
        layout, arena = self.layout, self.arena
        return {
            "arena_min_bytes": layout.arena_min_bytes,
            "arena_bytes": arena.bytes,
            "margin_bytes": arena.bytes - layout.arena_min_bytes,
            "reference_kernels_min_bytes": arena.min_bytes,
            "kernel_bytes": layout.arena_min_bytes - arena.min_bytes,
            "head_bytes": layout.head_bytes,
            "persistent_bytes": layout.persistent_bytes,
            "planning_bytes": layout.planning_bytes,
            "host_predicted_bytes": arena.host_predicted_bytes,
            "host_min_bytes": arena.host_min_bytes,
        }

    def flash_image(self) -> bytes | None:
        """Return what a device reads of the model."""
        return flashed_bytes(self.model)

    def record(self) -> dict[str, Any]:
        """Return what a manifest records."""
        array = flashed(self.model)
        return {
            NAME: self.library.to_json(),
            "arena": self.arena.to_json(),
            "array": {"bytes": len(array.data), "sha256": array.sha256},
        }


def model_array(model: TfliteModel, identifier: str = "model", file: str = "model.tflite") -> bytes:
    """Return a model as the C array `g_IDENTIFIER_data`; `file` is what the project calls the whole of it."""
    return render(
        "model_data.cc.j2",
        name=model.name,
        file=file,
        array=f"g_{identifier}_data",
        sha256=model.sha256,
        file_bytes=len(model.data),
        data=flashed_bytes(model),
    )


def runner_sources() -> dict[str, bytes]:
    """Return what runs models, by file name."""
    folder = resources.path("firmware") / "runtimes" / NAME
    return {name: (folder / name).read_bytes() for name in _SOURCES}


def operators_macro(calls: Iterable[str], users: str) -> str:
    """Return the C++ macro that registers the operators of the models."""
    listed = "".join(f" X({call})" for call in calls)
    return (
        f"// What registers the operators that {users}, and no others, with a MicroMutableOpResolver.\n"
        f"#define MODEL_OPS(X){listed}\n"
    )


def variable_count(model: TfliteModel) -> str:
    """Return the C++ constant with the number of a model's variables."""
    return f"inline constexpr int kVariableCount = {len(variables.names(model))};  // beside the graph\n"


def constant(name: str, size: int, host_size: int) -> str:
    """Return a C++ constant of bytes that a PC may have another of."""
    board = f"inline constexpr size_t {name} = {size};\n"
    if host_size == size:
        return board
    host = f"inline constexpr size_t {name} = {host_size};  // pointers are longer on a PC\n"
    return f"#if UINTPTR_MAX > 0xffffffff\n{host}#else\n{board}#endif\n"


def library_of(snapshot: TflmSnapshot) -> Library:
    """Return a TFLM as the library of a runtime."""
    return Library(
        snapshot.name,
        snapshot.title,
        snapshot.version,
        snapshot.kernels,
        snapshot.date,
        snapshot.vector_unit,
        snapshot.notes,
        snapshot.components,
    )


def requirements_of(snapshot: TflmSnapshot) -> Requirements:
    """Return what a compiler needs for it."""
    return Requirements(snapshot.lib_deps, snapshot.build_flags, snapshot.exclude_sources, snapshot.release_flags)
