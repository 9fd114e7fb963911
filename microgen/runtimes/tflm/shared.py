"""Several models in one firmware: one resolver, and an arena of which each model keeps a part and all share the rest.

TFLM takes the memory of an interpreter in two pieces: what is allocated for good (structures, variables, what kernels
keep) and what holds values while the model is set up and runs. Each model has a piece of its own of the first kind;
that of the second is one for all, as large as the largest needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..memory import align
from ..runtime import CodeOptions, Config, Files, Library, NativeBuild, Part, Requirements, Wording
from . import size
from .arena import plan_reference
from .plan import TflmPlan, constant, model_array, operators_macro, runner_sources, variable_count
from .planner import MemoryPlan, Target
from .resolver import registrations
from .snapshot import snapshot_of

# Two allocators stand in an arena of two pieces in place of one: what they take more, on a PC or a board.
_ALLOCATORS_BYTES = 32
# Measured on a PC, the smallest shared piece of a model with variables was 16 bytes above what the plan adds up to, for
# a reason not found; of six other models it was the plan's.
_ALLOWANCE = 16


@dataclass(frozen=True)
class SharedArena:
    """An arena of several models, in bytes; see `..runtime.Arena`.

    Attributes:
        shared_bytes, persistent_bytes: what all share, and what each model keeps, on the board.
        host_shared_bytes, host_persistent_bytes: the same on a 64-bit PC.
    """

    shared_bytes: int
    persistent_bytes: tuple[int, ...]
    host_shared_bytes: int
    host_persistent_bytes: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """What the firmware reserves on the board."""
        return self.shared_bytes + sum(self.persistent_bytes)

    @property
    def host_bytes(self) -> int:
        """What it reserves on a PC."""
        return self.host_shared_bytes + sum(self.host_persistent_bytes)

    @property
    def origin(self) -> str:
        """Where the figure comes from."""
        kept = " + ".join(f"{size:,}" for size in self.persistent_bytes)
        return f"{self.shared_bytes:,} shared by the models, {kept} for each alone"

    @property
    def is_one_piece(self) -> bool:
        """It is one array."""
        return True

    def to_json(self) -> dict[str, Any]:
        """Return what a project's manifest records of it."""
        return {
            "bytes": self.bytes,
            "shared_bytes": self.shared_bytes,
            "persistent_bytes": list(self.persistent_bytes),
            "host_bytes": self.host_bytes,
        }


@dataclass(frozen=True)
class SharedTflmPlan:
    """How TFLM runs several models on one board; see `..runtime.FirmwarePlan`.

    Attributes:
        plans: how it runs each alone, by the model's C identifier.
    """

    plans: Mapping[str, TflmPlan]
    arena: SharedArena

    @property
    def _first(self) -> TflmPlan:
        return next(iter(self.plans.values()))

    @property
    def runtime(self) -> str:
        """The runtime's name."""
        return self._first.runtime

    @property
    def library(self) -> Library:
        """The board's TFLM."""
        return self._first.library

    @property
    def wording(self) -> Wording:
        """How a README speaks of TFLM with several models."""
        return replace(
            self._first.wording,
            computes="computes several models with TensorFlow Lite Micro",
            model_files="the models as C arrays, their configuration, and the functions that run them",
        )

    @property
    def resolver_methods(self) -> tuple[str, ...]:
        """What registers the operators of all models."""
        return tuple(sorted({method for plan in self.plans.values() for method in plan.resolver_methods}))

    @property
    def known_faults(self) -> tuple[str, ...]:
        """What the board's own kernels are known to get wrong in any of the models."""
        return tuple(dict.fromkeys(fault for plan in self.plans.values() for fault in plan.known_faults))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all models."""
        return tuple(dict.fromkeys(warning for plan in self.plans.values() for warning in plan.warnings))

    @property
    def static_bytes(self) -> int:
        """An upper bound of the RAM that interpreters, resolver and serial commands take."""
        return size.static_bytes(len(self.resolver_methods), len(self.plans))

    @property
    def requirements(self) -> Requirements:
        """What the board's TFLM needs."""
        return self._first.requirements

    @property
    def native(self) -> NativeBuild:
        """What the TFLM that PlatformIO builds on a PC needs."""
        return self._first.native

    @property
    def native_obstacle(self) -> str:
        """Why the TFLM that PlatformIO builds on a PC cannot run one of the models; "" when it runs all."""
        return next(filter(None, (plan.native_obstacle for plan in self.plans.values())), "")

    @property
    def emulation_obstacle(self) -> str:
        """Where the board's core brings TFLM, no library has it."""
        return self._first.emulation_obstacle

    @property
    def code_options(self) -> CodeOptions:
        """None: the code is the library's."""
        return self._first.code_options

    @property
    def code_bytes(self) -> int:
        """What the library takes of the flash."""
        return sum(part.bytes for part in self.code_parts())

    def model_parts(self) -> tuple[Part, ...]:
        """Return what each model takes of the flash."""
        parts = ((plan.model.name, part) for plan in self.plans.values() for part in plan.model_parts())
        return tuple(Part(f"{part.name} {name}", part.bytes, part.error_bytes, part.source) for name, part in parts)

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes: a kernel once, whoever uses it."""
        return size.code_parts([plan.model for plan in self.plans.values()], self._first.board)

    def sources(self) -> Files:
        """Return each model as a C array, and what runs them."""
        arrays = {
            f"{identifier}_data.cc": model_array(plan.model, identifier, f"{plan.model.name}.tflite")
            for identifier, plan in self.plans.items()
        }
        return {**arrays, **runner_sources()}

    def config(self) -> Config:
        """Return what model_runner.cc takes from model_config.h."""
        first, arena = self._first, self.arena
        calls = registrations([plan.model for plan in self.plans.values()], snapshot_of(first.board))
        shared = constant("kSharedBytes", arena.shared_bytes, arena.host_shared_bytes)
        whole = constant("kWholeArenaBytes", arena.bytes, arena.host_bytes)
        persistent = zip(self.plans.values(), arena.persistent_bytes, arena.host_persistent_bytes, strict=True)
        return Config(
            f"{operators_macro(calls, 'the models use')}#define MODEL_SHARES_ARENA 1\n",
            f"inline constexpr unsigned kOpCount = {len(calls)};\n// {arena.origin}.\n{shared}{whole}",
            tuple(
                f"{variable_count(plan.model)}{constant('kPersistentBytes', own, host)}"
                "inline constexpr size_t kArenaBytes = kSharedBytes + kPersistentBytes;\n"
                for plan, own, host in persistent
            ),
        )

    def record(self) -> dict[str, Any]:
        """Return what a manifest records of what they share."""
        return {"arena": self.arena.to_json()}


def share(plans: Mapping[str, TflmPlan]) -> SharedTflmPlan:
    """Size an arena for several models, with a margin for each of its pieces; see `.arena.size_arena`."""
    alone = list(plans.values())
    unknown = [max(0, plan.arena.host_min_bytes - plan.arena.host_predicted_bytes) for plan in alone]
    margin = snapshot_of(alone[0].board).margin_bytes

    def pieces(layouts: list[MemoryPlan]) -> tuple[int, tuple[int, ...]]:
        shared = [layout.bottom_bytes + _ALLOWANCE + more for layout, more in zip(layouts, unknown, strict=True)]
        kept = [
            layout.persistent_bytes + _ALLOCATORS_BYTES + more for layout, more in zip(layouts, unknown, strict=True)
        ]
        return align(max(shared) + margin(max(shared))), tuple(align(size + margin(size)) for size in kept)

    board = pieces([plan.layout for plan in alone])
    host = pieces([plan_reference(plan.model, Target.HOST) for plan in alone])
    return SharedTflmPlan(plans, SharedArena(*board, *host))
