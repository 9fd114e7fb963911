"""TensorFlow Lite Micro as a runtime."""

from __future__ import annotations

from collections.abc import Mapping

from ...boards import Board, Cpu
from ...errors import InputError, option
from ...support.host import HostBuild
from ...tflite import TfliteModel
from ...tflite.check import check_runnable
from ..runtime import (
    DEFAULT_CODE,
    CodeOptions,
    FirmwarePlan,
    Library,
    QuantizationLimits,
    Runtime,
    RuntimePlan,
)
from .arena import plan_board, size_arena
from .check import check_board
from .host import TFLM_WHEEL, host_build
from .plan import NAME, TflmPlan, library_of
from .resolver import CUSTOM_METHODS, METHODS, registrations, resolver_methods
from .shared import share
from .snapshot import known_faults, snapshot_of


class Tflm:
    """See `microgen.runtimes.runtime.Runtime`."""

    name = NAME

    def library(self, board: Board | None) -> Library:
        """Return the board's TFLM, or that of this machine."""
        if board is None:
            return Library("tflite-micro (host)", "tflite-micro", TFLM_WHEEL, "reference")
        return library_of(snapshot_of(board))

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
                    "the tflm runtime generates no code; its kernels come from the board's library",
                    f"omit it, or use {option('runtime', 'compiled')}",
                    option=name,
                    value=value,
                )
        layout = plan_board(model, board)
        return TflmPlan(
            model,
            board,
            size_arena(model, board, layout, host_min_bytes, arena_bytes),
            layout,
            resolver_methods(model),
            registrations([model], snapshot_of(board)),
            known_faults(model, snapshot_of(board)),
        )

    def share(self, plans: Mapping[str, RuntimePlan]) -> FirmwarePlan:
        """Split the arena: what one model needs at a time is shared, what each keeps is its own."""
        return share({identifier: plan for identifier, plan in plans.items() if isinstance(plan, TflmPlan)})

    def tuned_arena_bytes(self, model: TfliteModel, board: Board, used_bytes: int) -> int:
        """Return what the board used, or what the interpreter needs while it allocates, and the margin.

        A board does not report the second figure, which is the larger one for many small models.
        """
        needed = max(used_bytes, plan_board(model, board).allocation_bytes)
        return needed + snapshot_of(board).margin_bytes(needed)

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
        """Return that TFLM's library for other CPUs comes with the board's tools only, or that nothing runs there."""
        if cpu.obstacle:
            return f"{cpu.title} cannot be emulated"
        return f"no TFLM for {cpu.title} on this machine; the compiled runtime runs there"


RUNTIME: Runtime = Tflm()
