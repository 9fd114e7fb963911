"""Holds compiled models against TFLM, every tensor that any operator writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.semihosting import Cpu
from microgen.errors import InputError
from microgen.runtimes.compiled.compiler import CompiledModel, Options, compile_model
from microgen.tflite import TfliteModel, parse

from . import emulated, host, reference


@dataclass
class Outcome:
    """What became of one model: "" where it is equal, else what differs; `refused` where we or TFLM do not take it."""

    difference: str = ""
    refused: str = ""


def samples_for(model: TfliteModel, count: int, seed: int) -> list[list[np.ndarray]]:
    """Random inputs, and ones at the edges."""
    rng = np.random.default_rng(seed)
    return [[_values(rng, t, k) for t in model.inputs] for k in range(count)]


def _values(rng, tensor, k: int) -> np.ndarray:
    shape, dtype = tensor.shape, tensor.numpy_dtype
    if dtype.kind == "f":
        scale = 10.0 ** rng.integers(-2, 3)
        return np.asarray(rng.normal(0, scale, shape), dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape), dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if k == 1:
        return np.full(shape, low, dtype)
    if k == 2:
        return np.full(shape, high, dtype)
    if k % 3 == 2:
        return np.asarray(rng.choice([low, high], shape), dtype)
    if k % 3 == 1:
        middle, width = rng.integers(low, high), (high - low) / rng.integers(4, 100)
        return np.clip(rng.normal(middle, width, shape).round(), low, high).astype(dtype)
    return rng.integers(low, high + 1, shape).astype(dtype)


def check(
    folder: Path,
    models: Sequence[bytes],
    count: int = 6,
    seed: int = 0,
    cpu: Cpu | None = None,
    options: Options | None = None,
    flags: Sequence[str] = (),
) -> list[Outcome]:
    """Compile and run the models, on this machine (with more flags) or an emulated CPU, and compare with TFLM."""
    outcomes = [Outcome() for _ in models]
    taken: list[tuple[int, CompiledModel, TfliteModel]] = []
    for k, data in enumerate(models):
        model = parse(data, f"model{k}")
        try:
            compiled_model = compile_model(model, cpu.path if cpu else None, options, prefix=f"m{len(taken)}")
            taken.append((k, compiled_model, model))
        except InputError as error:
            outcomes[k].refused = error.message
    samples = {k: samples_for(model, count, seed + k) for k, _, model in taken}
    full = {k: reference.with_all_outputs(models[k]) for k, _, _ in taken}
    wanted = dict(zip(samples, reference.run([(full[k][0], samples[k]) for k in samples]), strict=True))
    plain = dict(zip(samples, reference.run([(models[k], samples[k]) for k in samples]), strict=True))
    compiled = [c for _, c, _ in taken]
    if not compiled:
        return outcomes
    fed = [samples[k] for k, _, _ in taken]
    runs = emulated.run(folder, compiled, fed, cpu) if cpu else host.run(folder, compiled, fed, flags)
    for (k, c, _), got in zip(taken, runs, strict=True):
        if isinstance(plain[k], reference.Crashed):
            outcomes[k].refused = f"TFLM: {plain[k]}"
            continue
        outcomes[k].difference = _compare_outputs(got, plain[k])
        if not isinstance(wanted[k], reference.Crashed):
            outcomes[k].difference = _compare(c, got, wanted[k], full[k][1]) or outcomes[k].difference
    return outcomes


def _compare_outputs(got, wanted) -> str:
    for s, (run, answer) in enumerate(zip(got, wanted, strict=True)):
        for o, (ours, theirs) in enumerate(zip(run.outputs, answer, strict=True)):
            if ours.tobytes() != theirs.tobytes():
                return f"sample {s}, output {o}: {_where(ours, theirs)}"
    return ""


def _compare(compiled: CompiledModel, got, wanted, order: Sequence[int]) -> str:
    steps = compiled.program.steps
    for s, (run, answer) in enumerate(zip(got, wanted, strict=True)):
        theirs = dict(zip(order, answer, strict=True))
        for step in steps:
            for v in step.outputs:
                if v.index in run.tensors and v.index in theirs:
                    expected = theirs[v.index].reshape(*_logical(theirs[v.index], v))
                    if v.channels is not None:
                        expected = expected[..., list(v.channels)]
                    if run.tensors[v.index].tobytes() != expected.tobytes():
                        return (f"sample {s}, operator {step.index} {step.name} '{v.name}': "
                                f"{_where(run.tensors[v.index], expected)}")  # fmt: skip
    return ""


def _logical(array: np.ndarray, value) -> tuple[int, ...]:
    return array.shape if value.channels is not None else value.shape


def _where(ours: np.ndarray, theirs: np.ndarray) -> str:
    a, b = ours.reshape(-1), theirs.reshape(-1)
    if len(a) != len(b):
        return f"{ours.shape} and {theirs.shape}"
    at = np.nonzero(~((a == b) | ((a != a) & (b != b))))[0]
    if not len(at):
        return "bits differ"
    return f"{len(at)} of {len(a)} differ, first at {at[0]}: {a[at[0]]} for {b[at[0]]}"
