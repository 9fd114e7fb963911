"""Code for a step, and how a CPU path gives it.

How a CPU path plugs in
    A path is one object with a name and one method, `codes(program, options)`. It sees the whole program at once, so it
    can share code between layers and spend memory on the layers with most MACs. It returns a `Code` for each step that
    it does better than plain C, by `Step.index`; the generic path does the rest. Steps are typed: test with
    `isinstance`, and check dtypes (`step.input.dtype == "int8"`) before taking one.

    A `Code` is C text: constants (NumPy arrays), declarations (parameter structs), and a call in which the places
    `{input0}`, `{input1}`, `{output0}`, `{scratch}` stand for pointers of the values' C type (int8_t *, int16_t *,
    int32_t *, float *; scratch is void *); `{state1}` is input 1, to be written too. Names of constants must be
    unique in a model: end them with the step's index. All values and scratch are aligned to 8 bytes. Layout is dense,
    NHWC, in the shape of the value. `overlaps` names, per input, where the output may lie over it; None: nowhere.

    Requantization: `requantize.uniform(r, bias)` gives constants with one shift for all channels, or None;
    `requantize.per_channel(r)` gives a shift per channel and a correction of ties, or None; both are proven equal to
    TFLM's function for every accumulator in the range. See `requantize.Uniform` and `PerChannel` for the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..runtime import Optimize
from .costs import Costs
from .steps import Step
from .values import Value


@dataclass(frozen=True)
class Overlap:
    """Where an output may begin relative to an input that nothing reads later: low <= output - input <= high, in bytes.

    None for `low` is without limit. SAME is Overlap(0, 0): in place; BELOW D is Overlap(None, -D).
    """

    low: int | None
    high: int


IN_PLACE = Overlap(0, 0)


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant array of the generated C: `static const ctype name[]`, aligned to `alignment` bytes."""

    name: str
    ctype: str
    values: npt.NDArray[np.generic]
    alignment: int = 4

    @property
    def bytes(self) -> int:
        """Its size in flash."""
        return int(self.values.size) * _SIZES[self.ctype]


_SIZES = {
    "int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "float": 4,
    "mg_between": 2,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Code:
    """The C of one step.

    Attributes:
        call: one or more statements, with places for pointers (see the module).
        constants: arrays that the call or the declarations name.
        declarations: C text that comes after the constants: parameter structs, static functions.
        shared: declarations that more than one step may bring along; each text is written once.
        headers, files: of firmware/runtimes/compiled/: included by model.c; compiled into the project.
        sources: generated files beside model.c, name and text; the same name must have the same text.
        scratch_bytes: what `{scratch}` needs.
        overlaps: per input, where output 0 may lie over it; `scratch_overlap`: where scratch may lie over input 0.
        proven: requantized channels whose cheap constants were proven; `exact`: those with the 64-bit form.
    """

    call: str
    constants: tuple[Constant, ...] = ()
    declarations: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scratch_bytes: int = 0
    overlaps: tuple[Overlap | None, ...] = ()
    scratch_overlap: Overlap | None = None
    sources: tuple[tuple[str, str], ...] = ()
    proven: int = 0
    exact: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """A model as steps in their order. `variables` keep their bytes between inferences, and start with `initial`."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    initial: Mapping[int, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What the code is to be good at.

    Attributes:
        optimize: "speed" spends flash on the layers with most MACs, "size" shares all code, "balanced" spends little.
        extra_weight_bytes: what weights may grow by for speed (Winograd), None for the default of `optimize`.
        storage: how weights are stored: "best", in other forms than dense where that pays; "dense"; "coded", in other
            forms wherever there is one, whatever it costs, for tests.
    """

    optimize: Optimize = "balanced"
    extra_weight_bytes: int | None = None
    storage: Literal["best", "dense", "coded"] = "best"


class CpuPath(Protocol):
    """Code for one kind of CPU; see the module for how it plugs in."""

    @property
    def name(self) -> str:
        """A short name: "generic", "armv7em"."""

    @property
    def costs(self) -> Costs:
        """About how many instructions layers take."""

    def codes(self, program: Program, options: Options) -> Mapping[int, Code]:
        """Return the code of the steps that this path has better code for, by `Step.index`."""
