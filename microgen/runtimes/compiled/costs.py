"""About how many instructions steps take: for choosing how weights are stored, and for what people read.

Measured in QEMU, operator by operator (`benchmarks/instructions.py`), on layers of several shapes. A whole model is
off by up to 15 % on Armv7E-M, and by up to 40 % elsewhere, where one set of numbers stands for several CPUs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .coding import Blocks, Coding, Indexed, Nibbles, Pairs, Runs
from .steps import (
    Alias,
    Conv,
    Conv16,
    Depthwise,
    FullyConnected,
    Lookup,
    Lstm,
    Nothing,
    Pool,
    Reduce,
    Softmax,
    Step,
    Sum,
    TransposeConv,
)

# Of simple steps, against one that moves an element.
_ELEMENTS = {Sum: 1.5, Lookup: 0.8, Softmax: 12}
_WINOGRAD = 0.55  # of the instructions without it
_PAIR_TABLE = 1_300  # instructions that make a layer's table


def is_winograd(step: Conv | FullyConnected, weight_bytes: int) -> bool:
    """Tell whether a layer runs by Winograd's algorithm: its weights are 3.6 times as large then."""
    return isinstance(step, Conv) and weight_bytes > 2 * step.filter.size + 16 * len(step.filter) + 8


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
        nibble: of a multiplication in a convolution with weights of four bits; dense_nibble: in a fully connected
            layer; 0 where the CPU has no kernel for them.
        pair: of a multiplication in a convolution with index pairs; dense_pair: in a fully connected layer; 0 where the
            CPU has no kernel for them.
        block: of a block and one pixel; dense_block: in a fully connected layer.
        depthwise: of a multiplication in a depthwise convolution.
        element: of an output of any other step, times `_ELEMENTS`.
        error_percent: how far a whole model may be off.
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
    nibble: float
    dense_nibble: float
    pair: float
    dense_pair: float
    block: float
    dense_block: float
    depthwise: float
    element: float
    error_percent: int

    def step(self, step: Step, weight_bytes: int) -> float:
        """Return about how many instructions a step takes, its weights as they are stored, in so many bytes."""
        if isinstance(step, Conv | FullyConnected):
            return self.layer(step, step.coding, is_winograd=is_winograd(step, weight_bytes))
        if isinstance(step, Depthwise):
            return self.depthwise * float(step.filter[..., 0].size) * step.output.elements
        if isinstance(step, Conv16 | TransposeConv):
            return 2 * self.mac * float(step.filter[0].size) * step.output.elements
        if isinstance(step, Lstm):
            each = float(sum(g.input_weights.size + g.state_weights.size for g in step.gates))
            return self.dense_mac * each * step.input.elements / max(int(step.gates[0].input_weights.shape[1]), 1)
        if isinstance(step, Alias | Nothing) or not step.outputs:
            return 0
        if isinstance(step, Pool | Reduce):
            return 0.6 * self.element * step.input.elements
        return self.element * _ELEMENTS.get(type(step), 1.5) * step.output.elements

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
        if isinstance(coding, Blocks):
            return pixels * (self.block * coding.count + self.field * elements) + outputs
        if isinstance(coding, Nibbles):
            # What sums begin with takes about as much as one more channel, and a little for each pixel.
            whole = -(-elements // 8) * 8 * self.nibble * (channels + 1)
            return pixels * (whole + self.field * elements + 1.5 * self.output) + outputs
        if isinstance(coding, Pairs):
            return pixels * elements * (self.pair * channels + self.field) + outputs + _PAIR_TABLE
        times = -(-channels // coding.chunk) if coding and coding.chunk else 1
        decoding = self.index * channels * elements if coding else 0
        whole = pixels * elements * (self.mac * channels + self.field * times) + outputs + decoding
        return whole * (_WINOGRAD if is_winograd else 1)

    def _dense(self, step: FullyConnected, coding: Coding | None) -> float:
        units, depth = map(int, step.filter.shape)
        outputs = 2 * self.output * units
        if isinstance(coding, Runs):
            return step.batches * (self.dense_run * coding.tokens + outputs)
        if isinstance(coding, Blocks):
            return step.batches * (self.dense_block * coding.count + outputs)
        if isinstance(coding, Nibbles):
            return step.batches * (self.dense_nibble * (units + 2) * depth + 2 * outputs)
        if isinstance(coding, Pairs):
            return step.batches * (self.dense_pair * units * depth + outputs) + _PAIR_TABLE
        each = self.dense_index if isinstance(coding, Indexed) else self.dense_mac
        return step.batches * (each * units * depth + outputs)


GENERIC = Costs(
    mac=3.2, dense_mac=3.5, field=4, field4=3.5, output=20, run=6.5, run_output=60, dense_run=12, index=12,
    dense_index=12, nibble=0, dense_nibble=0, pair=0, dense_pair=0, block=17, dense_block=30, depthwise=10, element=15,
    error_percent=40,
)  # fmt: skip
ARMV7EM = Costs(
    mac=0.71, dense_mac=0.9, field=2, field4=2.6, output=14, run=2.4, run_output=46, dense_run=7, index=3.5,
    dense_index=3.8, nibble=0.725, dense_nibble=1.3, pair=0.95, dense_pair=2.2, block=7.2, dense_block=25,
    depthwise=1.6, element=5, error_percent=15,
)  # fmt: skip
