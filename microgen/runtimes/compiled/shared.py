"""Several compiled models in one firmware: each with its C, kernels once, and one memory for values and scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..runtime import CodeOptions, Config, Files, Library, NativeBuild, Part, Requirements, Wording
from . import size
from .memory import Layout
from .plan import CompiledPlan, compiled
from .project import Variants, model_files

SHARED = "model_shared"  # model_runner.cc defines it


@dataclass(frozen=True)
class SharedBuffer:
    """The memory of several models, in bytes; see `..runtime.Arena`.

    Attributes:
        shared_bytes, state_bytes: what all share, and what each keeps between inferences, on the board.
        host_bytes: both together in plain C, which runs on a PC.
    """

    shared_bytes: int
    state_bytes: tuple[int, ...]
    host_bytes: int

    @property
    def bytes(self) -> int:
        """What the firmware reserves on the board."""
        return self.shared_bytes + sum(self.state_bytes)

    @property
    def origin(self) -> str:
        """Where the figure comes from."""
        kept = " + ".join(f"{size:,}" for size in self.state_bytes)
        return f"{self.shared_bytes:,} shared by the models, {kept} for each alone"

    @property
    def is_one_piece(self) -> bool:
        """What each model keeps lies apart."""
        return False

    def to_json(self) -> dict[str, Any]:
        """Return what a project's manifest records of it."""
        return {
            "bytes": self.bytes,
            "shared_bytes": self.shared_bytes,
            "state_bytes": list(self.state_bytes),
            "host_bytes": self.host_bytes,
        }


@dataclass(frozen=True, eq=False)
class SharedCompiledPlan:
    """Several compiled models on one board; see `..runtime.FirmwarePlan`.

    Attributes:
        plans: each alone.
        models: each as it is compiled to share memory.
    """

    plans: tuple[CompiledPlan, ...]
    models: tuple[Variants, ...]

    @property
    def runtime(self) -> str:
        """The runtime's name."""
        return self.plans[0].runtime

    @property
    def library(self) -> Library:
        """The kernels, which are part of the project."""
        return self.plans[0].library

    @property
    def wording(self) -> Wording:
        """How a README speaks of compiled code of several models."""
        return replace(
            self.plans[0].wording,
            computes="has its models as C11: no interpreter, no library, no heap",
            model_files="the models as C, the kernels that they call, their configuration",
            native="On a PC, the models' code is plain C.",
            verified="the models' code in plain C",
        )

    @property
    def arena(self) -> SharedBuffer:
        """The memory for values."""
        board, host = (
            [model.layout for model in variants]
            for variants in ([m.on_board for m in self.models], [m.plain for m in self.models])
        )
        return SharedBuffer(
            _shared_bytes(board),
            tuple(layout.state_bytes for layout in board),
            _shared_bytes(host) + sum(layout.state_bytes for layout in host),
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
        return self.plans[0].static_bytes

    @property
    def requirements(self) -> Requirements:
        """How the compiler optimises."""
        return self.plans[0].requirements

    @property
    def native(self) -> NativeBuild:
        """PlatformIO's platform for a PC."""
        return self.plans[0].native

    @property
    def native_obstacle(self) -> str:
        """None: plain C runs on every PC."""
        return self.plans[0].native_obstacle

    @property
    def emulation_obstacle(self) -> str:
        """None: every cross compiler takes it."""
        return self.plans[0].emulation_obstacle

    @property
    def code_options(self) -> CodeOptions:
        """What the code was made to be good at."""
        return self.plans[0].code_options

    @property
    def code_bytes(self) -> int:
        """What the kernels and their calls take of the flash."""
        return self._kernels.bytes

    @property
    def _kernels(self) -> Part:
        return size.kernels_part([m.on_board for m in self.models])

    def model_parts(self) -> tuple[Part, ...]:
        """Return what weights and other constants of each model take of the flash."""
        parts = ((plan.model.name, part) for plan in self.plans for part in plan.model_parts())
        return tuple(Part(f"{part.name} {name}", part.bytes, part.error_bytes, part.source) for name, part in parts)

    def code_parts(self) -> tuple[Part, ...]:
        """Return what the code takes: a kernel once, whoever uses it."""
        return (self._kernels, size.firmware_part())

    def sources(self) -> Files:
        """Return the generated C and its kernels."""
        return model_files(self.models)

    def config(self) -> Config:
        """Return the sizes of the memory, which the generated headers know for the CPU that they are compiled for."""
        headers = "".join(f'#include "{m.prefix}.h"\n' for m in self.models)
        names = [m.prefix.upper() for m in self.models]
        largest = f"{names[0]}_SHARED_BYTES"
        for name in names[1:]:
            largest = f"MODEL_LARGER({name}_SHARED_BYTES, {largest})"
        state = " + ".join(f"{name}_BUFFER_BYTES - {name}_SHARED_BYTES" for name in names)
        return Config(
            f"{headers}#define MODEL_LARGER(A, B) ((A) > (B) ? (A) : (B))\n#define MODEL_SHARED_BYTES {largest}\n",
            f"// {self.arena.origin}.\ninline constexpr size_t kWholeArenaBytes = MODEL_SHARED_BYTES + {state};\n",
            tuple(f"inline constexpr size_t kArenaBytes = {name}_BUFFER_BYTES;\n" for name in names),
        )

    def record(self) -> dict[str, Any]:
        """Return what a manifest records of what they share."""
        return {"arena": self.arena.to_json()}


def share(plans: Mapping[str, CompiledPlan]) -> SharedCompiledPlan:
    """Compile models once more, so that they share memory.

    Args:
        plans: each alone, by what its public names are to begin with.
    """
    models = tuple(
        Variants(
            prefix,
            compiled(plan.model, False, plan.options, prefix, SHARED),
            compiled(plan.model, True, plan.options, prefix, SHARED) if plan.variants.dsp else None,
        )
        for prefix, plan in plans.items()
    )
    return SharedCompiledPlan(tuple(plans.values()), models)


def _shared_bytes(layouts: Sequence[Layout]) -> int:
    return max(max(layout.bytes, 1) for layout in layouts)
