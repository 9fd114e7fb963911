"""How one model runs on one board as C11."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, field
from typing import Any

from ..._version import __version__
from ...boards import Board, native_snapshot
from ...tflite import TfliteModel
from ..memory import Buffer, MemoryLayout
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
from . import memory, size
from .armv7em import Armv7emPath
from .compiler import CompiledModel, compile_model
from .path import Options
from .project import Variants, model_files

NAME = "compiled"
PREFIX = "model"
_KERNELS = {"plain": "plain C", "dsp": "plain C and Armv7E-M DSP"}
# model.c calls this after each operator; see model_runner.cc.
_OBSERVER = "model_observe"


@dataclass(frozen=True)
class Buffered:
    """The one static buffer, in bytes: the same on every CPU but for what the code for it keeps there.

    Attributes:
        bytes: on the board.
        host_bytes: of the plain C variant, which runs on a PC.
    """

    bytes: int
    host_bytes: int

    @property
    def origin(self) -> str:
        """Where the figure comes from."""
        return "one static buffer, planned when the model was compiled"

    @property
    def is_one_piece(self) -> bool:
        """It is one array."""
        return True

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"bytes": self.bytes, "host_bytes": self.host_bytes}


@dataclass(frozen=True, eq=False)
class CompiledPlan:
    """A compiled model on one board.

    Attributes:
        variants: the model in C.
        options: what it was compiled with.
        code_options: what its code was made to be good at, the default filled in.
    """

    model: TfliteModel
    board: Board
    variants: Variants
    options: Options
    code_options: CodeOptions = DEFAULT_CODE

    @property
    def runtime(self) -> str:
        """The runtime's name."""
        return NAME

    @property
    def on_board(self) -> CompiledModel:
        """The variant that the board's compiler takes."""
        return self.variants.on_board

    @property
    def library(self) -> Library:
        """The kernels, which are part of the project."""
        return library_of(self.board)

    @property
    def wording(self) -> Wording:
        """How a README speaks of compiled code."""
        variant = "the variant for the DSP extension of Armv7E-M" if self.variants.dsp else "the same code"
        return Wording(
            computes="has the model as C11: no interpreter, no library, no heap",
            model_files="the model as C (model.c), the kernels that it calls, its configuration",
            memory="buffer for tensors",
            native="On a PC, the model's code is plain C.",
            verified="the model's code in plain C",
            on_board=f"The board's compiler uses {variant}",
        )

    @property
    def arena(self) -> Buffered:
        """The static buffer."""
        return Buffered(self.on_board.ram_bytes, self.variants.plain.ram_bytes)

    @property
    def layout(self) -> MemoryLayout:
        """The static buffer as it is on the board."""
        return _layout(self.model, self.on_board)

    @property
    def instructions(self) -> Part:
        """About how many instructions an inference takes on the board."""
        c = self.on_board
        error = -(-c.instructions * c.instructions_error_percent // 100)
        return Part("instructions", c.instructions, error, "estimated from shapes and from how weights are stored")

    def stored(self) -> tuple[str, ...]:
        """Return the layers whose weights are not dense, and what that saves."""
        return tuple(
            f"{row.name} {row.operator}: {row.stored}, {row.weight_bytes:,} bytes for {row.dense_bytes:,}"
            for row in self.on_board.layers
            if row.stored
        )

    @property
    def known_faults(self) -> tuple[str, ...]:
        """None: each build proves its own kernels."""
        return ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def static_bytes(self) -> int:
        """An upper bound of the RAM that the serial commands take."""
        return size.STATIC_BYTES

    @property
    def requirements(self) -> Requirements:
        """How the compiler optimises: platforms have other defaults."""
        return Requirements(build_flags=("-Os" if self.code_options.optimize == "size" else "-O2",))

    @property
    def native(self) -> NativeBuild:
        """PlatformIO's platform for a PC."""
        snapshot = native_snapshot()
        assert snapshot.native is not None
        flags = ("-std=gnu++17", "-fno-exceptions", "-O1", "-DMICROGEN_NATIVE=1")
        return NativeBuild(snapshot.native.platform, Requirements(build_flags=flags))

    @property
    def native_obstacle(self) -> str:
        """None: plain C runs on every PC."""
        return ""

    @property
    def emulation_obstacle(self) -> str:
        """None: every cross compiler takes it."""
        return ""

    @property
    def code_bytes(self) -> int:
        """What the kernels and their calls take of the flash."""
        return size.kernels_part([self.on_board]).bytes

    def model_parts(self) -> tuple[Part, ...]:
        """Return what weights and other constants take of the flash."""
        return (Part("weights", self.on_board.weights_bytes, 0, "the arrays of model.c"),)

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes."""
        return (size.kernels_part([self.on_board]), size.firmware_part())

    def sources(self) -> Files:
        """Return the generated C and its kernels."""
        return model_files([self.variants])

    def config(self) -> Config:
        """Return the size of the buffer, which the serial commands report."""
        macros = '#include "model.h"\n'
        return Config(macros, f"// {self.arena.origin}.\ninline constexpr size_t kArenaBytes = MODEL_BUFFER_BYTES;\n")

    def totals(self) -> dict[str, int]:
        """Return the figures of the memory for `inspect`."""
        return {
            "arena_min_bytes": self.arena.bytes,
            "arena_bytes": self.arena.bytes,
            "margin_bytes": 0,
            "head_bytes": self.arena.bytes,
            "persistent_bytes": 0,
            "planning_bytes": 0,
            "weights_bytes": self.on_board.weights_bytes,
            "dense_weights_bytes": sum(row.dense_bytes for row in self.on_board.layers),
            "proven_channels": self.on_board.proofs.proven,
            "exact_channels": self.on_board.proofs.exact,
        }

    def flash_image(self) -> bytes | None:
        """Return None: the model is code."""
        return None

    def record(self) -> dict[str, Any]:
        """Return what a manifest records."""
        proofs = self.on_board.proofs
        requantization = {"proven_channels": proofs.proven, "exact_channels": proofs.exact}
        options = {**asdict(self.code_options), "build_flags": list(self.requirements.build_flags)}
        return {NAME: {**self.library.to_json(), **requantization, **options}, "arena": self.arena.to_json()}


def has_dsp(board: Board) -> bool:
    """Tell whether a board's CPU has the DSP extension of Armv7E-M."""
    return board.mcu.architecture in ("armv7e-m", "armv8-m")


def library_of(board: Board | None) -> Library:
    """Return the kernels for a board; for None: those in plain C."""
    kernels = _KERNELS["dsp" if board is not None and has_dsp(board) else "plain"]
    return Library(NAME, f"compiled runtime ({kernels})", __version__, kernels)


@dataclass(frozen=True)
class _Named:
    """A model by its file and its name: equal ones are compiled once, for all boards of a kind."""

    data: bytes
    name: str
    model: TfliteModel = field(compare=False)


def compiled(model: TfliteModel, dsp: bool, options: Options, prefix: str = PREFIX, shared: str = "") -> CompiledModel:
    """Return a model as C, in the firmware's runner; see `compile_model`."""
    return _compiled(_Named(model.data, model.name, model), dsp, options, prefix, shared)


@functools.lru_cache(16)
def _compiled(named: _Named, dsp: bool, chosen: Options, prefix: str, shared: str) -> CompiledModel:
    path = Armv7emPath() if dsp else None
    return compile_model(named.model, path, chosen, prefix=prefix, observer=_OBSERVER, shared=shared)


def _layout(model: TfliteModel, compiled: CompiledModel) -> MemoryLayout:
    """Return the buffers as `inspect` draws them; scopes are the operators of the main graph."""
    program, places = compiled.program, compiled.layout
    last = len(program.steps) - 1
    spans: dict[int, list[int]] = {v.index: [0, 0] for v in program.inputs}
    for scope, step in enumerate(program.steps):
        for value in (*step.inputs, *step.outputs):
            spans.setdefault(value.index, [scope, scope])[1] = scope
    for value in program.outputs:
        spans[value.index][1] = last
    values = {v.index: v for s in program.steps for v in (*s.inputs, *s.outputs)} | {v.index: v for v in program.inputs}
    buffers = [
        Buffer(
            values[i].name,
            "tensor",
            0,
            i,
            values[i].bytes,
            span[0],
            span[1],
            places.values[i],
            alignment=memory.ALIGNMENT,
        )
        for i, span in sorted(spans.items())
        if i in places.values and i in values
    ]
    scratch = {row.operator: row.scratch_bytes for row in compiled.layers}
    for scope, step in enumerate(program.steps):
        if step.index in places.scratch:
            place = places.scratch[step.index]
            need = scratch[step.index]
            buffers.append(Buffer(step.name, "scratch", 0, step.index, need, scope, scope, place, alignment=8))
    scopes = tuple((0, step.index) for step in program.steps)
    layout = MemoryLayout(tuple(buffers), scopes, scopes[0] if scopes else (0, 0))
    peak = max(scopes, key=lambda scope: layout.top(*scope), default=(0, 0))
    return MemoryLayout(layout.buffers, scopes, peak)
