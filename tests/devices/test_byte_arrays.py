"""Large arrays of bytes: taken out of generated text exactly, and left to the compiler wherever that is not certain."""

from __future__ import annotations

import random
import subprocess

import numpy as np
import pytest

from microgen.deployment.golden import Golden
from microgen.devices import byte_arrays
from microgen.devices.byte_arrays import take_out
from microgen.devices.host_build import compiler
from microgen.support import byte_lines
from microgen.support.render import render
from tests.support.tools import needs_host

HEADER = "extern const unsigned char g_model_data[];\nextern const unsigned int g_model_data_size;\n"


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(byte_arrays, "LARGE_BYTES", 200)
    monkeypatch.setattr(byte_arrays, "_LINES", 4)


def model_source(folder, data):
    source = folder / "model_data.cc"
    source.write_bytes(render("model_data.cc.j2", name="m", sha256="0" * 64, file_bytes=len(data), data=data))
    (folder / "model_data.h").write_text(f"#define MODEL_DATA_ATTRIBUTE\n{HEADER}")
    return source


def work(folder):
    (folder / "w").mkdir(exist_ok=True)
    return folder / "w"


@pytest.mark.parametrize("size", [64, 65, 79, 80, 1000, 1024])
def test_an_array_of_any_length_is_taken_out(size, tmp_path):
    data = random.Random(size).randbytes(size)
    taken = take_out(model_source(tmp_path, data), work(tmp_path))
    assert taken.parent == tmp_path / "w"
    assert (tmp_path / "w/model_data.cc.g_model_data.bin").read_bytes() == data
    text = taken.read_text()
    assert f"extern const unsigned char g_model_data[{size}];" in text and "0x" not in text
    assert "const unsigned int g_model_data_size = sizeof(g_model_data);" in text


def test_golden_vectors_are_taken_out(tmp_path):
    rng = np.random.default_rng(0)
    golden = Golden(*(tuple(rng.bytes(size) for _ in range(2)) for size in (100, 32)))
    (tmp_path / "golden_data.cc").write_bytes(render("golden_data.cc.j2", golden=golden, tolerances=bytes(1)))
    assert "0x" not in take_out(tmp_path / "golden_data.cc", work(tmp_path)).read_text()
    for name, rows in (("inputs", golden.inputs), ("outputs", golden.outputs)):
        assert (tmp_path / f"w/golden_data.cc.g_golden_{name}.bin").read_bytes() == b"".join(rows)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0x07,", "0x7,"), ("0x07,", "0xAB,"), ("0x07,", "7,"), ("0x07,", "0x07;"), ("  0x0", "0x0"),
        ("};", "  // more\n};"), ("};", ""), ("0x07,", "0x107,"), ("0x07,", "0x0g,"), ("0x07,", "'a', "),
    ],
)  # fmt: skip
def test_what_was_edited_is_left_to_the_compiler(old, new, tmp_path):
    source = model_source(tmp_path, bytes(range(256)))
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    taken = take_out(source, work(tmp_path))
    assert taken == source or "0x08" in taken.read_text()


def test_a_byte_that_was_edited_is_the_one_that_is_compiled(tmp_path):
    source = model_source(tmp_path, bytes(range(256)))
    source.write_text(source.read_text().replace("0x07,", "0xa7,", 1))
    take_out(source, work(tmp_path))
    found = (tmp_path / "w/model_data.cc.g_model_data.bin").read_bytes()
    assert [i for i in range(256) if found[i] != i] == [7] and found[7] == 0xA7


def test_the_compiled_program_has_the_bytes_of_both_kinds_of_arrays(tmp_path):
    needs_host()
    folder = tmp_path / 'a "quoted" folder \\ of a user'
    folder.mkdir()
    rng = np.random.default_rng(0)
    data, rows = rng.bytes(700), [rng.bytes(100) for _ in range(3)]
    model_source(folder, data)
    body = "".join(f"{{\n{byte_lines.write(np.frombuffer(row, np.uint8)).decode()}}},\n" for row in rows)
    (folder / "golden.cc").write_text(
        f"extern const unsigned char g_rows[3][100];\nconst unsigned char g_rows[3][100] = {{\n{body}}};\n"
    )
    (folder / "main.cc").write_text(
        f"#include <cstdio>\n{HEADER}extern const unsigned char g_rows[3][100];\n"
        "int main() {\n  fwrite(g_model_data, 1, g_model_data_size, stdout);\n"
        "  fwrite(g_rows, 1, sizeof(g_rows), stdout);\n}\n"
    )
    taken = [take_out(folder / name, work(folder)) for name in ("model_data.cc", "golden.cc", "main.cc")]
    assert [t.parent.name for t in taken[:2]] == ["w", "w"]
    subprocess.run([*compiler(), f"-I{folder}", *taken, "-o", folder / "program"], check=True, capture_output=True)
    printed = subprocess.run([folder / "program"], check=True, capture_output=True).stdout
    assert printed == data + b"".join(rows)
