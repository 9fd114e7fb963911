"""About how many instructions layers take, by how their weights are stored: for choosing between them, not for users.

Measured in QEMU, as `python -m benchmarks.instructions --operators` does, on layers of several shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .coding import Coding, Indexed, Runs
from .steps import Conv, FullyConnected

_WINOGRAD = 0.55  # of the instructions without it


@dataclass(frozen=True)
class Costs:
    """Instructions of one kind of CPU.

    Attributes:
        mac: of a multiplication in a convolution; dense_mac: in a fully connected layer.
        field: of bringing one element of an output pixel's field to where it is multiplied; field4: with four pixels
            at a time, as runs need it.
        output: of an output's requantization; run_output: of one whose sum came from runs.
        run: of one weight of a run and one pixel; dense_run: in a fully connected layer.
        index: of decoding a weight; dense_index: of decoding it and multiplying with it.
    """

    mac: float
    dense_mac: float
    field: float
    field4: float
    output: float
    run: float
    run_output: float
    dense_run: float
    index: float
    dense_index: float

    def layer(self, step: Conv | FullyConnected, coding: Coding | None, *, is_winograd: bool = False) -> float:
        """Return about how many instructions a layer takes in one inference."""
        if isinstance(step, FullyConnected):
            return self._dense(step, coding)
        channels = len(step.filter)
        elements = int(step.filter[0].size)
        pixels = math.prod(step.output.shape[:3])
        outputs = self.output * pixels * channels
        if isinstance(coding, Runs):
            return pixels * (self.run * coding.tokens + self.field4 * elements + self.run_output * channels)
        times = -(-channels // coding.chunk) if coding and coding.chunk else 1
        decoding = self.index * channels * elements if coding else 0
        whole = pixels * elements * (self.mac * channels + self.field * times) + outputs + decoding
        return whole * (_WINOGRAD if is_winograd else 1)

    def _dense(self, step: FullyConnected, coding: Coding | None) -> float:
        units, depth = map(int, step.filter.shape)
        outputs = 2 * self.output * units
        if isinstance(coding, Runs):
            return step.batches * (self.dense_run * coding.tokens + outputs)
        each = self.dense_index if isinstance(coding, Indexed) else self.dense_mac
        return step.batches * (each * units * depth + outputs)


# Cortex-M0+, M3 and RV32 differ by less than what is chosen by this.
GENERIC = Costs(
    mac=1.7, dense_mac=2.2, field=4, field4=2.6, output=14, run=4, run_output=40, dense_run=9, index=6, dense_index=6
)  # fmt: skip
ARMV7EM = Costs(
    mac=0.71, dense_mac=0.9, field=2, field4=2.6, output=7, run=2.4, run_output=46, dense_run=7, index=3.5,
    dense_index=3.8,
)  # fmt: skip
