"""A zoo of modules, by torch.export and by ONNX: the float model within 1e-5, the int8 model above 14 dB."""

from __future__ import annotations

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
# Of the exporter's: operators that it does not have, or writes wrongly.
NOT_EXPORTED = {"shuffle", "tx", "rms", "f64", "half"}


@pytest.fixture(scope="module")
def zoo():
    torch()
    return modules()


def example(module, shape):
    t = torch()
    dtype = next((p.dtype for p in module.parameters()), t.float32)
    return t.randn(1, *shape, dtype=dtype)


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

    def convert():
        return convert_graph(name, traced(program), request(data), 0, must_vary=True)

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
        with pytest.raises(InputError, match=r"float32|not among the operators"):
            finish(quantized(made, name, (), options), name, "pt2", "int8", limits)
        return
    result = finish(quantized(made, name, (), options), name, "pt2", "int8", limits)
    assert result.quality.output_sqnr_db > 14, result.quality.output_sqnr_db
    assert ("GATHER" in result.model.ops) == (name in TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(COUNT))
def test_a_module_through_onnx(zoo, number):
    from microgen.frontends.onnx.module import check_reading, traced
    from microgen.frontends.onnx.reading import prepare

    onnx()
    t = torch()
    name = list(zoo)[number]
    if name in NOT_EXPORTED:
        pytest.skip("torch.onnx.export does not take it")
    module, shape = zoo[name]
    data = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "m.onnx"
        t.onnx.export(module, (example(module, shape),), str(path), dynamo=False, opset_version=17)
        if name == "upnear_bad":
            with pytest.raises(InputError, match="factor that is no integer"):
                prepared = prepare(path)
                check_reading(name, prepared, traced(name, prepared), [data])
            return
        prepared = prepare(path)
        graph = traced(name, prepared)
        check_reading(name, prepared, graph, [data])
        wanted = module(t.from_numpy(data[:1]))
        got = graph.module(None, None)(t.from_numpy(data[:1]))
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (wanted, got)), strict=True):
        assert (a - b).abs().max() <= 1e-5 * max(1.0, float(a.abs().max()))
