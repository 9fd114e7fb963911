"""The registry of frontends, and one from a folder of the test's own that the package does not know."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgen
from microgen.errors import InputError
from microgen.frontends import FRONTENDS
from microgen.frontends import source as sources
from microgen.projects import open_project
from tests.plugin.frontend import DenseText
from tests.plugin.job import DenseModel
from tests.support import models
from tests.support.tools import needs_host

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 6)).astype(np.float32)
DATA = RNG.normal(size=(50, 6)).astype(np.float32)


@pytest.fixture
def dense_text():
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    FRONTENDS.register(DenseText())
    yield
    FRONTENDS.unregister("dense_text")


@pytest.fixture
def written(tmp_path):
    np.savetxt(tmp_path / "m.dense", WEIGHTS)
    return tmp_path / "m.dense"


def test_a_frontend_of_ones_own_is_built_and_named_by_the_manifest(dense_text, written, tmp_path):
    needs_host()
    result = microgen.build(written, "pico", calibration=DATA, out=tmp_path / "p", samples=8)
    assert result.verdict.passed and result.verdict.firmware == "equal"
    assert result.source.quality.output_sqnr_db > 25
    weights = next(t for t in result.deployment.model.main.tensors if t.is_constant)
    assert weights.shape == WEIGHTS.shape
    manifest = open_project(tmp_path / "p").manifest
    assert (manifest["frontend"], manifest["source"]["kind"]) == ("dense_text", "dense-text")
    assert microgen.verify(tmp_path / "p", samples=4).firmware == "equal"


def test_an_object_of_its_framework_gives_the_same_model(dense_text, written):
    np.savetxt(written, WEIGHTS)
    model = DenseModel("layer", np.loadtxt(written, np.float32))
    saved, file = (microgen.quantize(m, DATA) for m in (model, written))
    assert saved.model.data == file.model.data
    assert (saved.model.name, file.model.name) == ("layer", "m") and saved.frontend == "dense_text"


def test_what_it_needs_and_refuses_is_reported_as_for_others(dense_text, written):
    with pytest.raises(InputError, match=r"m\.dense: a float model needs calibration data"):
        microgen.quantize(written)
    with pytest.raises(InputError, match=r"m\.dense: not a \.tflite file, but a dense layer as text") as caught:
        microgen.load(written)
    assert "microgen quantize" in caught.value.hint
    written.write_text("1 2 three\n")
    with pytest.raises(InputError, match="three"):
        microgen.quantize(written, DATA)
    assert ".dense" in sources.accepted()
    assert sources.suffixes(FRONTENDS.get("keras")) == ".keras, .h5 or .hdf5"


def test_without_it_its_file_is_no_model(written):
    assert ".dense" not in sources.accepted()
    with pytest.raises(InputError, match=r"m\.dense: not a \.tflite file") as caught:
        microgen.quantize(written, DATA)
    assert caught.value.hint == f"give {sources.accepted()}"


def float_model():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4], "float32"), b.tensor("y", [1, 4], "float32")
    b.op("RELU", [x], [y])
    return b.build([x], [y])


def two_types(first, second, operator):
    """An operator from one type to another; only int8 is quantized."""
    b = models.ModelBuilder()
    x, y = (b.tensor(n, [1, 4], kind, 0.05 if kind == "int8" else ()) for n, kind in (("x", first), ("y", second)))
    b.op(operator, [x], [y])
    return b.build([x], [y])


@pytest.mark.parametrize(
    ("name", "content", "frontend", "kind", "needs"),
    [
        ("m.tflite", models.fully_connected(), "tflite", "tflite", False),
        ("m.bin", models.fully_connected(), "tflite", "tflite", False),
        ("m.TFLITE", float_model(), "float_tflite", "tflite-float", True),
        ("m", float_model(), "float_tflite", "tflite-float", True),
        ("m.tflite", two_types("int8", "float32", "DEQUANTIZE"), "tflite", "tflite", False),
        ("m.tflite", two_types("int32", "int32", "ABS"), "tflite", "tflite", False),
        ("m.keras", b"", "keras", "keras", None),
        ("m.H5", b"", "keras", "h5", None),
        ("m.hdf5", b"", "keras", "h5", None),
        ("folder/saved_model.pb", b"", "saved_model", "saved-model", True),
        ("m.cc", b"", "c_array", "c-array", None),
        ("m.pt2", b"", "pytorch", "pt2", None),
        ("m.pth", b"", "pytorch", "pt2", None),
        ("m.onnx", b"", "onnx", "onnx", True),
        ("m.tflite", b"damaged", "tflite", "tflite", False),
    ],
)
def test_each_model_finds_its_frontend(tmp_path, name, content, frontend, kind, needs):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    taken, source = sources.find(path.parent if path.parent != tmp_path else path)
    assert (taken.name, taken.kind(source)) == (frontend, kind)
    if needs is not None:
        assert taken.needs_calibration(source) == needs


@pytest.mark.parametrize(("name", "says"), [("none.keras", "no such file"), ("", "a folder without a model")])
def test_a_path_without_a_model_is_refused_with_all_that_is_taken(tmp_path, name, says):
    with pytest.raises(InputError, match=says) as caught:
        sources.find(tmp_path / name)
    assert all(suffix in caught.value.hint for frontend in FRONTENDS for suffix in frontend.suffixes)
    assert "SavedModel" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "says"), [("m.keras", "microgen quantize"), ("m.H5", "microgen quantize"), ("m.onnx", "microgen quantize"),
                       ("m.pt2", "microgen quantize"), ("m.pb", "folder"),
                       ("m.zip", "unpack it"), ("m.bin", ".keras, .h5")]
)  # fmt: skip
def test_a_model_of_another_kind_is_told_its_way(name, says, tmp_path):
    (tmp_path / name).write_bytes(b"something else entirely")
    with pytest.raises(InputError, match=r"not a \.tflite file") as caught:
        microgen.load(tmp_path / name)
    assert says in caught.value.hint


def test_the_page_on_security_says_of_each_frontend_what_it_trusts():
    page = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text("utf-8").split())
    for frontend in FRONTENDS:
        assert frontend.trust in page, frontend.name


@given(st.text(max_size=80))
def test_a_name_is_made_of_any_file_name(stem):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", sources.slug(stem))
    assert sources.slug("_my  model (2)_") == "my-model-2" and sources.slug("m_1.x") == "m_1.x"


def test_an_object_or_a_name_that_no_frontend_knows():
    assert not sources.is_object(object()) and not sources.is_object("m.tflite")
    with pytest.raises(InputError, match="no frontend 'kears'") as caught:
        FRONTENDS.get("kears")
    assert caught.value.hint == "did you mean 'keras'?"


def test_the_manifest_names_the_frontend_of_a_tflite(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    out = microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", samples=4, verify=False).project
    manifest = json.loads((out / "microgen.json").read_text())
    assert manifest["frontend"] == "tflite" and manifest["source"] == {"kind": "tflite", "warnings": []}
