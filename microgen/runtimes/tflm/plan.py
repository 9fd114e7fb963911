"""TensorFlow Lite Micro as a runtime: the board's own library with its kernels, and the model as a C array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...boards import Board, Cpu, TflmSnapshot, native_snapshot
from ...errors import InputError, option
from ...support import resources
from ...support.host import HostBuild
from ...support.render import render
from ...tflite import TfliteModel, flashed, flashed_bytes, variables
from ...tflite.check import check_runnable
from ..runtime import (
    DEFAULT_CODE,
    CodeOptions,
    Config,
    Files,
    Library,
    NativeBuild,
    Part,
    QuantizationLimits,
    Requirements,
    Runtime,
    RuntimePlan,
    Wording,
)
from . import size
from .arena import Arena, plan_board, size_arena
from .check import check_board
from .host import TFLM_WHEEL, host_build
from .planner import MemoryPlan
from .resolver import CUSTOM_METHODS, METHODS, registrations, resolver_methods
from .snapshot import known_faults, snapshot_of, unknown_memory

_NAME = "tflm"
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
        return _NAME

    @property
    def library(self) -> Library:
        """The board's TFLM."""
        return _library(snapshot_of(self.board))

    @property
    def wording(self) -> Wording:
        """How a README speaks of TFLM."""
        return Wording(
            computes="computes the model with TensorFlow Lite Micro",
            model_files="the model as a C array, its configuration, and the functions that run it",
            memory="tensor arena",
            native="On a PC, TensorFlow Lite Micro is built from source.",
            verified="the firmware's C++ with TensorFlow Lite Micro's reference kernels",
            on_board=f"The board has kernels of its own ({self.library.kernels})",
        )

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
        return _requirements(snapshot_of(self.board))

    @property
    def native(self) -> NativeBuild:
        """What the TFLM that PlatformIO builds on a PC needs."""
        snapshot = native_snapshot()
        own = _requirements(snapshot)
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
        return (Part("model", array, 0, f"what a device reads of the file{left_out}"),)

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes."""
        return size.code_parts(self.model, self.board)

    def sources(self) -> Files:
        """Return the model as a C array, and what runs it."""
        model = self.model
        array = render(
            "model_data.cc.j2",
            name=model.name,
            sha256=model.sha256,
            file_bytes=len(model.data),
            data=flashed_bytes(model),
        )
        folder = resources.path("firmware") / "runtimes" / "tflm"
        return {"model_data.cc": array, **{name: (folder / name).read_bytes() for name in _SOURCES}}

    def config(self) -> Config:
        """Return what model_runner.cc takes from model_config.h."""
        calls = "".join(f" X({call})" for call in self.registrations)
        return Config(
            "// What registers the operators that the model uses, and no others, with a MicroMutableOpResolver.\n"
            f"#define MODEL_OPS(X){calls}\n",
            f"inline constexpr unsigned kOpCount = {len(self.resolver_methods)};\n"
            f"inline constexpr int kVariableCount = {len(variables.names(self.model))};  // beside the graph\n"
            f"// {self.arena.origin}.\n{_arena_constant(self.arena)}",
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
            _NAME: self.library.to_json(),
            "arena": self.arena.to_json(),
            "array": {"bytes": len(array.data), "sha256": array.sha256},
        }


def _arena_constant(arena: Arena) -> str:
    board = f"inline constexpr size_t kArenaBytes = {arena.bytes};\n"
    if arena.host_bytes == arena.bytes:
        return board
    host = f"inline constexpr size_t kArenaBytes = {arena.host_bytes};  // pointers are longer on a PC\n"
    return f"#if UINTPTR_MAX > 0xffffffff\n{host}#else\n{board}#endif\n"


def _library(snapshot: TflmSnapshot) -> Library:
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


def _requirements(snapshot: TflmSnapshot) -> Requirements:
    return Requirements(snapshot.lib_deps, snapshot.build_flags, snapshot.exclude_sources, snapshot.release_flags)


class Tflm:
    """See `microgen.runtimes.runtime.Runtime`."""

    name = _NAME

    def library(self, board: Board | None) -> Library:
        """Return the board's TFLM, or that of this machine."""
        if board is None:
            return Library("tflite-micro (host)", "tflite-micro", TFLM_WHEEL, "reference")
        return _library(snapshot_of(board))

    def check(self, model: TfliteModel, board: Board, *, allow_float: bool = False) -> None:
        """Refuse what no TFLM runs, and what this board's TFLM lacks or computes wrongly."""
        check_runnable(model, allow_float=allow_float)
        check_board(model, snapshot_of(board))
        resolver_methods(model)

    def plan(
        self,
        model: TfliteModel,
        board: Board,
        host_min_bytes: int = 0,
        arena_bytes: int | None = None,
        code: CodeOptions = DEFAULT_CODE,
    ) -> RuntimePlan:
        """Lay out and size the arena, and look up what is known of the board's kernels.

        Raises:
            InputError: the arena is too small, or generated code is wanted.
        """
        for name, value in vars(code).items():
            if value is not None:
                raise InputError(
                    "the tflm runtime generates no code: its kernels are those of the board's library",
                    f"leave it out, or take {option('runtime', 'compiled')}",
                    option=name,
                    value=value,
                )
        layout = plan_board(model, board)
        return TflmPlan(
            model,
            board,
            size_arena(model, board, layout, host_min_bytes, arena_bytes),
            layout,
            tuple(resolver_methods(model)),
            registrations(model, snapshot_of(board)),
            known_faults(model, snapshot_of(board)),
        )

    def tuned_arena_bytes(self, board: Board, used_bytes: int) -> int:
        """Return what the board used, and the margin for what the interpreter needs while it plans."""
        return used_bytes + snapshot_of(board).margin_bytes(used_bytes)

    def quantization_limits(self, board: Board | None) -> QuantizationLimits:
        """Return the operators of TFLM and of the board's, and where dense layers may have a scale per channel."""
        known = frozenset({*((name, False) for name in METHODS), *((name, True) for name in CUSTOM_METHODS)})
        if board is None:
            return QuantizationLimits("TFLM", "TFLM", known, known)
        snapshot = snapshot_of(board)
        per_channel = {
            "int8": snapshot.per_channel_fully_connected,
            "int16x8": snapshot.per_channel_fully_connected_int16,
        }
        return QuantizationLimits(
            "TFLM",
            snapshot.title,
            known,
            frozenset({*((name, False) for name in snapshot.ops), *((name, True) for name in snapshot.custom_ops)}),
            frozenset(scheme for scheme, support in per_channel.items() if support == "supported"),
        )

    def host(self) -> HostBuild:
        """Return the declarations and the library of the tflite-micro package."""
        return host_build()

    def emulator_obstacle(self, cpu: Cpu) -> str:
        """Return that TFLM's library for other CPUs comes with the board's tools only."""
        return f"no TFLM for {cpu.title} on this machine; the compiled runtime runs there"


RUNTIME: Runtime = Tflm()
