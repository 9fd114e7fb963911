"""Models whose shapes, options or constants do not go together: refused by name, or compiled to sound C."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import parse
from microgen.tflite.check import check_runnable
from tests.support.models import packed
from tests.support.tools import needs_host

from . import check, host, random_models


def damaged(seed: int) -> bytes:
    """A random model of which one number is another: of a shape, a zero point, an option, an axis, a list of inputs."""
    rng = np.random.default_rng(seed)
    model = schema.ModelT.InitFromPackedBuf(random_models.model(seed), 0)
    graph = model.subgraphs[0]
    kind = int(rng.integers(4))
    if kind == 0:
        tensor = graph.tensors[int(rng.integers(len(graph.tensors)))]
        if len(tensor.shape) > 0:
            tensor.shape = list(tensor.shape)
            tensor.shape[int(rng.integers(len(tensor.shape)))] = int(rng.integers(0, 7))
    elif kind == 1:
        op = graph.operators[int(rng.integers(len(graph.operators)))]
        if op.builtinOptions is not None:
            names = [k for k, v in vars(op.builtinOptions).items() if type(v) is int]
            if names:
                setattr(op.builtinOptions, str(rng.choice(names)), int(rng.integers(-2, 5)))
    elif kind == 2:
        constants = [b for b in model.buffers if b.data is not None and 0 < len(b.data) <= 32]
        if constants:
            data = constants[int(rng.integers(len(constants)))]
            data.data = np.array(data.data)
            data.data[int(rng.integers(len(data.data)))] = int(rng.integers(256))
    else:
        op = graph.operators[int(rng.integers(len(graph.operators)))]
        if len(op.inputs) > 0:
            op.inputs = list(op.inputs)
            op.inputs[int(rng.integers(len(op.inputs)))] = int(rng.integers(-1, len(graph.tensors)))
    return packed(model)


@pytest.mark.parametrize("first", range(0, 160, 80))
def test_damaged_models_are_refused_or_sound(tmp_path, first):
    needs_host()
    compiled, samples = [], []
    for seed in range(first, first + 80):
        try:
            model = parse(damaged(seed))
            check_runnable(model, allow_float=True)
            found = compile_model(model, prefix=f"m{len(compiled)}")
        except InputError:
            continue
        compiled.append(found)
        samples.append(check.samples_for(model, 2, seed))
    assert compiled
    host.run(tmp_path, compiled, samples)
