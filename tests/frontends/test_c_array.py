"""A model that exists as a C array: read as text, whatever the text is."""

from __future__ import annotations

import time

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.frontends import c_array
from microgen.frontends.c_array import byte_arrays
from microgen.projects import open_project
from tests.frontends.test_frontend import float_model
from tests.support import models
from tests.support.tools import needs_host

MODEL = models.fully_connected()


def listed(data, form="0x{:02x}"):
    return ", ".join(form.format(b) for b in data)


def array(data=MODEL, name="g_model", form="0x{:02x}"):
    return f"alignas(8) const unsigned char {name}[] = {{{listed(data, form)}}};\nconst int {name}_len = {len(data)};\n"


@pytest.mark.parametrize("form", ["0x{:02x}", "0X{:X}u", "{}", "0b{:b}", "0{:o}"])
@pytest.mark.parametrize(
    "text",
    [
        "unsigned char g_model[] = {{{0}}};\nunsigned int g_model_len = 9;",  # xxd -i
        '#include "m.h"\n#if X\n#define A {{ \\\n }}\n#endif\nconst uint8_t g_model[{1}] ALIGN(16)\n = {{\n{0},\n}};',
        'extern "C" {{ namespace a {{ char g_model [] __attribute__((aligned(8), section(".r"))) = {{{0}}};}} }}',
        "/* int8_t g_model[] = {{1}}; */ // {{ '\nconstexpr std::uint8_t g_model[]{{{0} // end\n}};",
        "int f(char x[]) {{ return '}}'; }}\nconst unsigned char g_model[] PROGMEM = {{ /* {{ */ {0} }};",
    ],
)
def test_every_usual_form_gives_the_bytes(form, text):
    assert dict(byte_arrays(text.format(listed(MODEL, form), len(MODEL)))) == {"g_model": MODEL}


def test_random_bytes_come_back_signed_or_not():
    rng = np.random.default_rng(0)
    for _ in range(50):
        data = rng.integers(0, 256, rng.integers(1, 300), np.uint8)
        signed = ",".join(map(str, data.view(np.int8)))
        text = f"int8_t a[] = {{{signed}}}; float b[] = {{1.5, 2}}; uint8_t c[2][1] = {{{{1}}, {{2}}}};" + array(
            data, "d"
        )
        assert dict(byte_arrays(text)) == {"a": data.tobytes(), "d": data.tobytes()}


@pytest.mark.parametrize(
    "values",
    ["1,,2", ",1", "256", "-129", "08", "1 2", '"a"', "'a', 1", "x, 1", "0x", "0x1ffffffff", "1.0", "(char)1", "", " "],
)
def test_an_array_of_anything_else_is_left_out(values):
    assert not list(byte_arrays(f"const unsigned char a[] = {{{values}}};"))


def test_a_c_array_is_built_like_the_model_in_it(tmp_path):
    needs_host()
    (tmp_path / "m.h").write_text(array())
    (tmp_path / "m.tflite").write_bytes(MODEL)
    built = microgen.build(tmp_path / "m.h", "pico", out=tmp_path / "p", samples=8)
    assert built.verdict.passed and built.verdict.firmware == "equal"
    assert (tmp_path / "p/model.tflite").read_bytes() == MODEL
    manifest = open_project(tmp_path / "p").manifest
    assert (manifest["frontend"], manifest["source"]) == ("c_array", {"kind": "c-array", "warnings": []})
    plain = microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "q", samples=8).project
    for path in (p for p in plain.rglob("*") if p.is_file() and p.name != "microgen.json"):
        assert (tmp_path / "p" / path.relative_to(plain)).read_bytes() == path.read_bytes(), path
    assert microgen.inspect(tmp_path / "m.h").model.sha256 == built.deployment.model.sha256


def test_a_float_model_in_a_c_array_is_quantized(tmp_path):
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    (tmp_path / "m.cpp").write_text(array(float_model()))
    data = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    found = microgen.quantize(tmp_path / "m.cpp", data)
    assert found.model.inputs[0].dtype == "int8" and found.frontend == "c_array"
    with pytest.raises(InputError, match=r"m\.cpp: a float model needs calibration data"):
        microgen.quantize(tmp_path / "m.cpp")


def test_one_of_several_models_is_chosen_by_name(tmp_path):
    other = models.two_by_two()
    path = tmp_path / "m.h"
    path.write_text(array() + array(other, "g_other") + array(b"12345678", "g_table"))
    with pytest.raises(InputError, match="has the models g_model, g_other") as caught:
        microgen.load(path)
    assert caught.value.hint == f"choose one: {path}:g_model"
    assert microgen.load(f"{path}:g_other").data == other
    assert microgen.quantize(f"{path}:g_model").model.name == "m"
    with pytest.raises(InputError, match="no array of bytes is named 'g_modle'") as caught:
        microgen.load(f"{path}:g_modle")
    assert caught.value.hint == "did you mean 'g_model'?"
    with pytest.raises(InputError, match=r"m\.h:g_table: not a \.tflite file"):
        microgen.load(f"{path}:g_table")
    path.write_text(array(b"12345678", "g_table") + array())
    assert microgen.load(path).data == MODEL
    with pytest.raises(InputError, match="no such file"):
        microgen.load(f"{tmp_path}/none.h:g_model")


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "none of its arrays is a .tflite", "it has no array of bytes"),
        (array(b"12345678"), "none of its arrays is a .tflite", "its arrays of bytes: g_model"),
        (array() + array(), "has 2 arrays named 'g_model'", "keep only one"),
        (array(MODEL[:400]), "m.c:g_model: damaged or truncated", "complete"),
        (array().replace("const int", "}}} /*"), None, None),
    ],
)
def test_a_file_without_one_sound_model_is_refused(tmp_path, text, says, hint):
    path = tmp_path / "m.c"
    path.write_text(text)
    if says is None:
        assert microgen.load(path).data == MODEL
        return
    with pytest.raises(InputError) as caught:
        microgen.load(path)
    assert says in caught.value.message and hint in caught.value.hint


def test_a_file_that_was_changed_is_read_again(tmp_path):
    path = tmp_path / "m.h"
    for data in (MODEL, models.two_by_two()):
        path.write_text(array(data))
        assert microgen.load(path).data == data


def test_a_file_of_any_size_is_refused_before_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "m.h").write_text(array())
    monkeypatch.setattr(c_array, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="too large for a C array of a model"):
        microgen.load(tmp_path / "m.h")


HOSTILE = [
    "/*", '"', "'", '"\\a', "a[", "a[]", "a[]={", "a[]=", "a ", "{", "}", "x[]={,", "x[]={1,", "#\\\n", "\n ", " \t",
    "[[", "0x1,",
]  # fmt: skip


@pytest.mark.parametrize("start", ["", "x[]={", "x[", '"', "/*"])
@pytest.mark.parametrize("unit", HOSTILE)
def test_the_time_grows_with_the_size(start, unit):
    """A search that starts again at every character would take hours for this."""
    began = time.process_time()
    sum(1 for _ in byte_arrays(start + unit * (200_000 // len(unit))))
    assert time.process_time() - began < 2
