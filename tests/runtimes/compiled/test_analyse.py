"""The smaller program computes what the larger one does, and its ranges hold: both run here, step by step, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.runtimes.compiled import requantize
from microgen.runtimes.compiled.analyse import analyse
from microgen.runtimes.compiled.lower import lower
from microgen.runtimes.compiled.path import Program
from microgen.runtimes.compiled.steps import Alias, Conv, Depthwise, FullyConnected, Lookup, Pool, Step
from microgen.runtimes.compiled.values import Value
from microgen.tflite import parse
from tests.support.models import ModelBuilder

from . import random_models

WINDOWS = Conv | Depthwise | Pool


def taps(step: WINDOWS, x: np.ndarray, kernel: tuple[int, int], outside: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """What each element of a window sees for all outputs, [n, height, width, channels]."""
    height, width = step.output.shape[1:3]
    spread = (1, 1) if isinstance(step, Pool) else step.dilations
    before, (sy, sx) = step.padding, step.strides
    after = (sy * height + kernel[0] * spread[0], sx * width + kernel[1] * spread[1])
    whole = np.pad(x, ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)), constant_values=outside)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            seen = whole[:, ky * spread[0] :: sy, kx * spread[1] :: sx]
            yield ky, kx, seen[:, :height, :width]


def accumulators(step: Step, x: np.ndarray) -> np.ndarray:
    """[channels, outputs] of a layer with weights."""
    zero = step.input.zero_point
    if isinstance(step, FullyConnected):
        return step.filter.astype(np.int64) @ x.reshape(-1, step.filter.shape[1]).T + step.bias[:, None]
    acc = np.zeros((*step.output.shape[:3], len(step.bias)), np.int64)
    if isinstance(step, Depthwise):
        for ky, kx, seen in taps(step, x, step.filter.shape[:2], zero):
            acc += np.repeat(seen, step.multiplier, axis=3) * step.filter[ky, kx]
    else:
        each, depth = len(step.filter) // step.groups, step.filter.shape[3]
        for ky, kx, seen in taps(step, x, step.filter.shape[1:3], zero):
            for g in range(step.groups):
                w = step.filter[g * each : (g + 1) * each, ky, kx].astype(np.int64)
                acc[..., g * each : (g + 1) * each] += seen[..., g * depth : (g + 1) * depth] @ w.T
    return (acc + step.bias).reshape(-1, len(step.bias)).T


def run(program: Program, inputs: list[np.ndarray]) -> dict[int, np.ndarray]:
    """All values of a program; asserts that accumulators are in their ranges, where these are known."""
    known = {v.index: x.astype(np.int64) for v, x in zip(program.inputs, inputs, strict=True)}
    for step in program.steps:
        x = known[step.input.index]
        if isinstance(step, Conv | Depthwise | FullyConnected):
            r, acc = step.requantization, accumulators(step, x)
            if len(r.acc_low):
                varies = r.acc_low < r.acc_high  # of others, only the answer counts
                assert (acc >= r.acc_low[:, None])[varies].all() and (acc <= r.acc_high[:, None])[varies].all()
            y = requantize.apply(r, acc).T
        elif isinstance(step, Pool) and step.kind == "max":
            y = np.clip(np.max([s for _, _, s in taps(step, x, step.kernel, -128)], axis=0), step.low, step.high)
        elif isinstance(step, Pool):
            total = sum(s for _, _, s in taps(step, x, step.kernel, 0))
            count = sum(s for _, _, s in taps(step, np.ones_like(x), step.kernel, 0))
            y = np.clip(np.sign(total) * ((2 * abs(total) + count) // (2 * count)), step.low, step.high)
        elif isinstance(step, Lookup):
            y = step.table.astype(np.int64)[x + 128]
        else:
            assert isinstance(step, Alias)
            y = x
        known[step.output.index] = y.reshape(step.output.shape)
    return known


def samples(values: tuple[Value, ...], rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    for low, high in ((-128, 127), (-128, -128), (127, 127), (-9, 30)):
        yield [rng.integers(low, high + 1, v.shape) for v in values]


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_the_smaller_program_computes_the_same(first):
    left_out = 0
    for seed in range(first, first + 20):
        program = lower(parse(random_models.thinned(seed)))
        small = analyse(program)
        for inputs in samples(program.inputs, np.random.default_rng(seed)):
            whole, found = run(program, inputs), run(small, inputs)
            for step in small.steps:
                v = step.output
                kept = whole[v.index] if v.channels is None else whole[v.index][..., list(v.channels)]
                assert np.array_equal(found[v.index], kept), (seed, step.index, step.name)
        assert all(v.channels is None for v in (*small.inputs, *small.outputs))
        left_out += sum(s.output.channels is not None for s in small.steps)
    assert left_out >= 2, "hardly anything became smaller"


def test_ranges_are_as_narrow_as_they_can_be():
    rng = np.random.default_rng(2)
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 6], "int8", 0.05), b.tensor("y", [1, 9], "int8", 9.0)
    w = b.tensor("w", [9, 6], "int8", 0.01, values=rng.integers(-128, 128, (9, 6)))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    (step,) = analyse(lower(parse(b.build([x], [y])))).steps
    for k, row in enumerate(step.filter):
        for low, high, end in ((-128, 127, step.requantization.acc_low), (127, -128, step.requantization.acc_high)):
            assert accumulators(step, np.where(row > 0, low, high))[k, 0] == end[k]


def convolutions(padding: int, weights: list[np.ndarray], bias: np.ndarray, table: bool = False) -> Program:
    """Convolutions, padded (0) or not (1); the bias is that of the first; table: LOGISTIC comes after each."""
    b = ModelBuilder()
    size, x = 4, b.tensor("x", [1, 4, 4, 2], "int8", 0.05)
    source = x
    for k, values in enumerate(weights):
        count, side = len(values), values.shape[1]
        size = size if padding == 0 else size - side + 1
        target = b.tensor(f"y{k}", [1, size, size, count], "int8", 0.05 * 8**k, 3)
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = padding, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        w = b.tensor(f"w{k}", values.shape, "int8", 0.01, values=values)
        addend = b.tensor(f"b{k}", [count], "int32", 0.0005, values=bias if k == 0 else np.zeros(count))
        b.op("CONV_2D", [source, w, addend], [target], options)
        source = target
        if table:
            source = b.tensor(f"t{k}", [1, size, size, count], "int8", 1 / 256, -128)
            b.op("LOGISTIC", [target], [source])
    return lower(parse(b.build([x], [source])))


@pytest.mark.parametrize(
    ("padding", "constant", "kept"),
    [(1, 50, (1, 2, 5, 6)), (0, 0, (1, 2, 5, 6)), (0, 50, (0, 1, 2, 3, 4, 5, 6, 7))],
)
def test_channels_that_nobody_reads_are_not_stored(padding, constant, kept):
    """Channel 0 is constant, which folds into a bias where padding is no other number; 3, 4 and 7 meet weights of 0."""
    rng = np.random.default_rng(3)
    first, second = rng.integers(1, 100, (8, 1, 1, 2)), rng.integers(1, 100, (4, 3, 3, 8))
    first[0], second[..., [3, 4, 7]] = 0, 0
    bias = np.zeros(8)
    bias[0] = constant * 100  # a step of the output is 100 of the accumulator
    found = analyse(convolutions(padding, [first, second], bias)).steps
    assert found[0].output.channels == (None if len(kept) == 8 else kept)
    assert found[0].filter.shape[0] == found[1].filter.shape[3] == len(kept)
    assert np.array_equal(found[1].filter, second[..., list(kept)])


def test_what_fills_a_group_up_is_computed_too():
    """Three channels of the second layer are read; the fourth, of its own weights, is compared with TFLM's as well."""
    rng = np.random.default_rng(3)
    first, second, third = (rng.integers(1, 100, shape) for shape in ((12, 1, 1, 2), (8, 1, 1, 12), (4, 1, 1, 8)))
    second[4:, ..., :8] = 0
    third[..., [0, 1, 2, 3, 7]] = 0
    program = convolutions(1, [first, second, third], np.zeros(12))
    small = analyse(program)
    assert small.steps[1].output.channels == (0, 4, 5, 6)
    for inputs in samples(program.inputs, rng):
        whole, found = run(program, inputs), run(small, inputs)
        for v in (s.output for s in small.steps):
            assert np.array_equal(found[v.index], whole[v.index][..., list(v.channels or range(v.shape[-1]))])


def test_a_constant_passes_a_table():
    rng = np.random.default_rng(3)
    first, second = rng.integers(1, 100, (8, 1, 1, 2)), rng.integers(1, 100, (4, 3, 3, 8))
    first[[0, 3, 4, 7]] = 0
    program = convolutions(1, [first, second], np.arange(8) * 300, table=True)
    small = analyse(program)
    assert [s.output.channels for s in small.steps] == [(1, 2, 5, 6), (1, 2, 5, 6), None, None]
    for inputs in samples(program.inputs, rng):
        last = program.outputs[0].index
        assert np.array_equal(run(program, inputs)[last], run(small, inputs)[last])
