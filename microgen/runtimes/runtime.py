"""What a runtime is: the code that computes a model on a board, and all that must be known to plan, build and run it.

A runtime is a package of this folder (or of anyone's own) with an object that follows `Runtime`; the registry in
`microgen.runtimes` knows it by name. The order of calls: `check` refuses what it cannot run, `plan` decides how it runs
the rest, the plan's sources and values become part of a project, and `host` says how that project is compiled for this
machine. Output bytes are those of TensorFlow Lite Micro with its reference kernels, always: that is the contract, which
the verification of each build checks (`microgen.runtimes.reference`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..boards import Board, Component, Cpu
from ..support.host import HostBuild
from ..tflite import Operator, TfliteModel
from .memory import MemoryLayout

Files = Mapping[str, bytes]
Optimize = Literal["speed", "balanced", "size"]


@dataclass(frozen=True)
class CodeOptions:
    """What the code that a runtime generates is to be good at; a runtime that generates none takes no such wish.

    Attributes:
        optimize: one of `Optimize`; None: the runtime's own choice.
        flash_budget: what the model's code, weights and constants may take of the flash, in bytes; None: no limit.
    """

    optimize: str | None = None
    flash_budget: int | None = None


DEFAULT_CODE = CodeOptions()


@dataclass(frozen=True)
class Part:
    """What one thing takes of a memory.

    Attributes:
        bytes: the figure.
        error_bytes: how far it may be off, up or down.
        source: where the figure is from.
    """

    name: str
    bytes: int
    error_bytes: int
    source: str

    @classmethod
    def measured(cls, name: str, size: int, error_percent: int, source: str) -> Part:
        """Return a part whose error is a share of it, rounded up."""
        return cls(name, size, -(-size * error_percent // 100), source)


@dataclass(frozen=True)
class Library:
    """The library with the kernels that compute a model.

    Attributes:
        name: a short name, for manifests.
        title: its name for people.
        kernels: its optimised kernels, or "reference".
        date: when it was made, where that is known.
        vector_unit: the CPU's unit that only these kernels use, for people; "" where there is none.
        notes: what else a user should know.
        components: what of others' is in it, with licences; none where all of it is microgen's.
    """

    name: str
    title: str
    version: str
    kernels: str
    date: str = ""
    vector_unit: str = ""
    notes: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what a project's manifest records of it."""
        return {"name": self.name, "version": self.version, "kernels": self.kernels}


@dataclass(frozen=True)
class Config:
    """A runtime's lines in model_config.h.

    Attributes:
        macros: C++ that stands before the namespace `model`; each line ends with a newline.
        constants: C++ inside it; `kArenaBytes` is among them, or of several models `kWholeArenaBytes`.
        models: of several models, the constants that each has in its own namespace; `kArenaBytes` is what it uses.
    """

    macros: str
    constants: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirements:
    """What a project must give to the compiler besides the sources of the runtime.

    Attributes:
        lib_deps: PlatformIO libraries, as in `lib_deps`.
        build_flags: flags that libraries and firmware both need.
        exclude_sources: patterns of the libraries' sources that must not be compiled, from their source folder.
        release_flags: flags besides, for a firmware that needs no error messages.
    """

    lib_deps: tuple[str, ...] = ()
    build_flags: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    release_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NativeBuild:
    """How PlatformIO compiles a project for a PC.

    Attributes:
        platform: PlatformIO's development platform for the PC.
        requirements: what the compiler needs there.
    """

    platform: str
    requirements: Requirements


@dataclass(frozen=True)
class Wording:
    """How the README of a project speaks of a runtime: words that its sentences are made of.

    Attributes:
        computes: what the firmware does with the model, after "A firmware that".
        model_files: what lies in the model's folder.
        memory: what the memory for tensors is called.
        native: how the firmware differs that PlatformIO compiles for a PC, a sentence; "" where it does not.
        verified: what a verification on a PC runs.
        on_board: what the board computes with in its place, a sentence without a full stop.
    """

    computes: str
    model_files: str
    memory: str
    native: str
    verified: str
    on_board: str


@dataclass(frozen=True)
class QuantizationLimits:
    """What a converter must know of a runtime, so that the runtime can compute what the converter makes.

    Attributes:
        family: the name of the runtime.
        title: its name on one board, where that is known.
        known: the operators that any version of it has, each with whether it is a custom one.
        operators: the same for this board.
        per_channel_dense: the schemes in which FULLY_CONNECTED may have one weight scale per channel.
    """

    family: str
    title: str
    known: frozenset[tuple[str, bool]]
    operators: frozenset[tuple[str, bool]]
    per_channel_dense: frozenset[str] = frozenset()

    def lacking(self, op: Operator) -> str:
        """Return the name of what has no such operator; "" where it has."""
        if (op.name, op.is_custom) not in self.known:
            return self.family
        return "" if (op.name, op.is_custom) in self.operators else self.title


class Arena(Protocol):
    """The memory in which a model's tensors lie."""

    @property
    def bytes(self) -> int:
        """What the firmware reserves on the board."""

    @property
    def host_bytes(self) -> int:
        """What it reserves on a 64-bit PC."""

    @property
    def origin(self) -> str:
        """Where the figure comes from, for people."""

    @property
    def is_one_piece(self) -> bool:
        """Whether it is one array, which a board may place in a further region."""


class FirmwarePlan(Protocol):
    """How a runtime runs the models of one firmware on one board: its one, or several that share memory."""

    @property
    def runtime(self) -> str:
        """The runtime's name."""

    @property
    def library(self) -> Library:
        """The library on the board."""

    @property
    def wording(self) -> Wording:
        """How a project's README speaks of it."""

    @property
    def arena(self) -> Arena:
        """The memory for tensors, which the board may place in a further region."""

    @property
    def known_faults(self) -> tuple[str, ...]:
        """What the board's own kernels are known to get wrong in its models, one line each."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """`known_faults`, and what of its memory is unknown."""

    @property
    def static_bytes(self) -> int:
        """RAM that the runtime takes besides the arena; an upper bound."""

    @property
    def requirements(self) -> Requirements:
        """What the compiler for the board needs."""

    @property
    def native(self) -> NativeBuild:
        """What PlatformIO's compiler for a PC needs."""

    @property
    def native_obstacle(self) -> str:
        """Why a model does not run on a PC under PlatformIO; "" when all do."""

    @property
    def emulation_obstacle(self) -> str:
        """Why PlatformIO cannot compile them for the emulated CPU of the board; "" when it can."""

    @property
    def code_options(self) -> CodeOptions:
        """What its code was made to be good at."""

    @property
    def code_bytes(self) -> int:
        """What the code that computes the models takes of the flash, constants too, before it is linked."""

    def model_parts(self) -> tuple[Part, ...]:
        """Return what the models take of the flash."""

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes of the flash, and of the RAM where the board copies code there."""

    def sources(self) -> Files:
        """Return the C and C++ that computes the models behind model_runner.h, by path inside the model's folder."""

    def config(self) -> Config:
        """Return the runtime's lines in model_config.h."""

    def record(self) -> dict[str, Any]:
        """Return what a manifest records: of one model the library's `to_json` under the runtime's name, and "arena";
        of several, "arena" alone."""


class RuntimePlan(FirmwarePlan, Protocol):
    """How a runtime runs one model on one board."""

    @property
    def layout(self) -> MemoryLayout:
        """Where each buffer lies in the memory for tensors."""

    @property
    def instructions(self) -> Part | None:
        """About how many instructions an inference takes on the board, in place of bytes; None: it cannot tell."""

    def stored(self) -> tuple[str, ...]:
        """Return how the weights lie in flash that are not stored as they are in the model, a line for each layer."""

    def totals(self) -> dict[str, int]:
        """Return the figures of the memory for `inspect`, in bytes.

        `arena_min_bytes`, `arena_bytes` and `margin_bytes` are its size; `head_bytes`, `persistent_bytes` and
        `planning_bytes` what activations, structures and the allocation take. A runtime may add others.
        """

    def flash_image(self) -> bytes | None:
        """Return the model as bytes that a firmware can also take from elsewhere; None where the model is code."""


class Runtime(Protocol):
    """One way to compute a model on a board."""

    @property
    def name(self) -> str:
        """The name that users and manifests have for it: "tflm"."""

    def library(self, board: Board | None) -> Library:
        """Return its library on a board; for None: on this machine.

        Raises:
            InputError: it has none for this board.
        """

    def check(self, model: TfliteModel, board: Board, *, allow_float: bool = False) -> None:
        """Refuse a model that it cannot run on this board.

        Args:
            model: the model.
            board: the board.
            allow_float: take operators that compute in float32.

        Raises:
            InputError: names the tensor or operator.
        """

    def plan(
        self,
        model: TfliteModel,
        board: Board,
        host_min_bytes: int = 0,
        arena_bytes: int | None = None,
        code: CodeOptions = DEFAULT_CODE,
    ) -> RuntimePlan:
        """Decide how it runs a model on a board.

        Args:
            model: a model that `check` let pass.
            board: the board.
            host_min_bytes: the smallest arena in which the reference ran it on this machine; 0: not measured.
            arena_bytes: size of the arena where the user set it.
            code: what generated code is to be good at.

        Raises:
            InputError: the arena is too small for the model, its code does not fit its budget, or the runtime has no
                such options.
        """

    def share(self, plans: Mapping[str, RuntimePlan]) -> FirmwarePlan:
        """Decide how it runs several models in one firmware: memory that one of them needs at a time is shared.

        Args:
            plans: how it runs each alone on the same board, by the model's C identifier, which what is generated for
                it begins with.

        Raises:
            InputError: it runs one model only.
        """

    def tuned_arena_bytes(self, model: TfliteModel, board: Board, used_bytes: int) -> int:
        """Return the size that an arena should have of which a board used so much with this model.

        Raises:
            InputError: its arena has no slack to tune.
        """

    def quantization_limits(self, board: Board | None) -> QuantizationLimits:
        """Return what a converter must keep to; for None: so that every board can run the model."""

    def host(self) -> HostBuild:
        """Return what is compiled with a project for this machine, and why that is not possible."""

    def emulator_obstacle(self, cpu: Cpu) -> str:
        """Return why its projects cannot be compiled here for an emulated CPU; "" where they can."""
