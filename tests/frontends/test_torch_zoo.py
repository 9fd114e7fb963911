"""A zoo of modules, by torch.export and by ONNX: the float model within 1e-5, the int8 model above 14 dB."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from microgen.datasets import request
from microgen.errors import EngineError, InputError
from microgen.frontends.frontend import ConvertOptions
from microgen.quantization import finish
from microgen.runtimes import RUNTIMES
from tests.support.onnx_tools import onnx
from tests.support.torch_tools import export, torch
from tests.support.torch_zoo import FLOAT_ONLY, REFUSED, TABLES, modules

COUNT = 61
# What the old exporter does not have, or writes wrongly.
NOT_EXPORTED = {"shuffle", "tx", "rms", "f64", "half"}
# What the new one does not have: attention of three dimensions.
NOT_BY_NEW = {"sdpa"}


@pytest.fixture(scope="module")
def zoo():
    torch()
    return modules()


@pytest.fixture(scope="module")
def functions():
    """Let PyTorch's new exporter keep the functions of onnxscript, whose sources it reads anew in each export."""
    from microgen.frontends.tracing.listing import operators_listed_once

    with pytest.MonkeyPatch.context() as patch, operators_listed_once():
        if importlib.util.find_spec("onnxscript") is not None:
            from torch.onnx._internal._lazy_import import onnxscript_apis

            patch.setattr(onnxscript_apis, "get_torchlib_ops", functools.cache(onnxscript_apis.get_torchlib_ops))
        yield


def example(module, shape):
    t = torch()
    dtype = next((p.dtype for p in module.parameters()), t.float32)
    return t.randn(1, *shape, dtype=dtype)


def classes(module, data):
    """Return the largest element of each answer as a label, where a module answers with a few numbers."""
    t = torch()
    dtype = next((p.dtype for p in module.parameters()), t.float32)
    with t.no_grad():
        answers = [module(t.from_numpy(data[k : k + 1]).to(dtype)) for k in range(len(data))]
    if isinstance(answers[0], tuple) or answers[0].ndim != 2 or answers[0].shape[1] == 1:
        return {}
    return {"labels": np.array([int(a.argmax()) for a in answers])}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(COUNT))
def test_a_module_in_float_and_int8(zoo, number, tmp_path):
    from microgen.frontends.pytorch.archive import read_program
    from microgen.frontends.pytorch.module import traced
    from microgen.frontends.tracing.convert import convert_graph
    from microgen.frontends.tracing.finish import quantized

    assert len(zoo) == COUNT
    name = list(zoo)[number]
    module, shape = zoo[name]
    data = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    program = read_program(export(module, example(module, shape), tmp_path / "m.pt2"))

    given = {program.inputs[0].name: data, **classes(module, data)}

    def convert():
        return convert_graph(name, traced(program), request(given), 0, must_vary=True)

    if name in REFUSED:
        with pytest.raises((InputError, EngineError)) as caught:
            convert()
        assert REFUSED[name] in caught.value.message + caught.value.hint
        return
    made = convert()
    assert made.difference < 1e-5
    options = ConvertOptions("int8")
    limits = RUNTIMES.get("tflm").quantization_limits(None)
    if name in FLOAT_ONLY:
        with pytest.raises(InputError, match=r"float32|not supported"):
            finish(quantized(made, name, (), options), name, "pt2", "int8", limits)
        return
    result = finish(quantized(made, name, (), options), name, "pt2", "int8", limits)
    assert result.quality.output_sqnr_db > 14, result.quality.output_sqnr_db
    if "labels" in given:
        in_float, in_int8 = result.quality.accuracy
        assert in_float == 1 and in_int8 > 0.85, "the largest element is the same"
    assert ("GATHER" in result.model.ops) == (name in TABLES)


def exporter(name, number):
    """The exporters take turns; the new one needs onnxscript, and has what the old one lacks."""
    has_new = importlib.util.find_spec("onnxscript") is not None
    is_new = has_new and (name in NOT_EXPORTED or (number % 2 == 1 and name not in NOT_BY_NEW))
    if not is_new and name in NOT_EXPORTED:
        pytest.skip("the old exporter does not take it, and the new one needs onnxscript")
    return {"dynamo": True, "verbose": False} if is_new else {"dynamo": False, "opset_version": 17}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(COUNT))
def test_a_module_through_onnx(zoo, functions, number):
    from microgen.frontends.onnx.module import check_reading, traced
    from microgen.frontends.onnx.reading import prepare

    onnx()
    t = torch()
    name = list(zoo)[number]
    options = exporter(name, number)
    module, shape = zoo[name]
    data = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "m.onnx"
        t.onnx.export(module, (example(module, shape),), str(path), **options)
        if name == "upnear_bad":
            with pytest.raises(InputError, match="factor that is no integer"):
                prepared = prepare(path)
                check_reading(name, prepared, traced(name, prepared), [data])
            return
        prepared = prepare(path)
        graph = traced(name, prepared)
        check_reading(name, prepared, graph, [data])
        wanted = module(t.from_numpy(data[:1]).to(example(module, shape).dtype))
        got = graph.module(None, None)(t.from_numpy(data[:1]))
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (wanted, got)), strict=True):
        assert (a - b).abs().max() <= (1e-3 if name == "half" else 1e-5) * max(1.0, float(a.abs().max()))
