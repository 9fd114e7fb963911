"""The compiled runtime: the model itself becomes C11, with no interpreter, no library and no heap."""

from __future__ import annotations

from collections.abc import Mapping

from ...boards import Board, Cpu
from ...errors import InputError, option
from ...support import resources
from ...support.host import HostBuild
from ...tflite import TfliteModel
from ...tflite.check import check_runnable
from .. import reference
from ..runtime import (
    DEFAULT_CODE,
    CodeOptions,
    FirmwarePlan,
    Library,
    QuantizationLimits,
    Runtime,
    RuntimePlan,
)
from . import options
from .lower import OPERATORS, lower
from .plan import NAME, PREFIX, CompiledPlan, compiled, has_dsp, library_of
from .project import Variants
from .shared import share


class Compiled:
    """See `microgen.runtimes.runtime.Runtime`."""

    name = NAME

    def library(self, board: Board | None) -> Library:
        """Return the kernels for a board; for None: those in plain C."""
        return library_of(board)

    def check(self, model: TfliteModel, board: Board, *, allow_float: bool = False) -> None:
        """Refuse what no TFLM runs, and operators that the compiled runtime lacks."""
        check_runnable(model, allow_float=allow_float)
        lower(model)

    def plan(
        self,
        model: TfliteModel,
        board: Board,
        host_min_bytes: int = 0,
        arena_bytes: int | None = None,
        code: CodeOptions = DEFAULT_CODE,
    ) -> RuntimePlan:
        """Compile the model.

        Raises:
            InputError: a size was asked for: the buffer has just the size that the model needs; there is no such
                option, or no code of the model is as small as its budget.
        """
        if arena_bytes is not None:
            raise InputError(
                "the compiled runtime has no arena whose size could be set",
                f"omit {option('arena_bytes')}; the runtime computes the size of its buffer",
                option="arena_bytes",
            )
        dsp = has_dsp(board)
        chosen = options.choose(code, lambda wanted: compiled(model, dsp, wanted))
        variants = Variants(PREFIX, compiled(model, False, chosen), compiled(model, True, chosen) if dsp else None)
        return CompiledPlan(model, board, variants, chosen, CodeOptions(chosen.optimize, code.flash_budget))

    def share(self, plans: Mapping[str, RuntimePlan]) -> FirmwarePlan:
        """Let values and scratch of all models lie in one memory, and each have its own for what it keeps."""
        return share({prefix: plan for prefix, plan in plans.items() if isinstance(plan, CompiledPlan)})

    def tuned_arena_bytes(self, model: TfliteModel, board: Board, used_bytes: int) -> int:
        """Refuse: the buffer has no slack."""
        raise InputError(
            "the compiled runtime has no arena to tune; its buffer has the exact size",
            "nothing to do",
        )

    def quantization_limits(self, board: Board | None) -> QuantizationLimits:
        """Return the operators that it has; weights may have one scale per channel everywhere."""
        known = frozenset((name, False) for name in OPERATORS)
        title = "the compiled runtime"
        return QuantizationLimits(title, title, known, known, frozenset({"int8", "int16x8"}))

    def host(self) -> HostBuild:
        """Return the build that keeps what every operator writes, for the comparison with the reference."""
        observer = resources.path("firmware") / "runtimes" / NAME / "host" / "observe.cc"
        flags = ("-DMODEL_OBSERVE=microgen_observe", "-DMODEL_OBSERVE_TENSORS")
        return HostBuild(sources=(observer,), flags=flags, obstacle=reference.obstacle())

    def emulator_obstacle(self, cpu: Cpu) -> str:
        """Return that every CPU with a compiler can run it."""
        return ""


RUNTIME: Runtime = Compiled()
