"""The kind "c-library", as its user builds it: CMake, CTest, an installed package, and QEMU; away from microgen."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.projects.c_library.kind import target_name
from microgen.support.render import cmake_string
from tests.support import models
from tests.support.tools import needs, needs_cpu, needs_host

HOSTILE = ['say "hi"', "back\\slash ??/", "<b> & 'x'", "Straße 行", "$HOME ${x} #;%"]
LIBRARY = Path(__file__).parents[2] / "firmware/library"
_STRICT = "-Wall -Wextra -Werror"
_CONSUMER = """cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(m_model REQUIRED)
add_executable(app app.c)
target_link_libraries(app PRIVATE m_model::m_model)
"""
_APP = """#include "model_info.h"
static unsigned g_seen;
void model_observe(unsigned op) { g_seen += op + 1; }
int main(void) {
  model_reset();
  model_invoke();
  return g_seen == 1 && model_labels[MODEL_LABELS] == 0 && MODEL_LABELS == 5 ? 0 : 1;
}
"""


def run(folder: Path, *command: str | Path, flags: str = "") -> str:
    """Run a command where nothing of microgen is on the path; return what it printed."""
    paths = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "microgen").exists()]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "CFLAGS": flags, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project for a Cortex-M4F with labels that no language likes, verified."""
    needs_host()
    folder = tmp_path_factory.mktemp("c")
    (folder / "m.tflite").write_bytes(models.fully_connected(units=5))
    options = {"runtime": "compiled", "project_kind": "c-library", "labels": HOSTILE, "samples": 4}
    result = microgen.build(folder / "m.tflite", "nucleo-f446re", out=folder / "p", **options)
    assert result.verdict.firmware == "equal"
    return folder, options


@pytest.fixture
def project(built, tmp_path):
    """A copy elsewhere, with a blank in its path."""
    needs("cmake", "cmake")
    return Path(shutil.copytree(built[0] / "p", tmp_path / "copied to here"))


def test_it_is_built_tested_installed_and_used(project, tmp_path):
    run(project, "cmake", "-B", "build", f"-DCMAKE_INSTALL_PREFIX={tmp_path / 'usr'}", flags=_STRICT)
    run(project, "cmake", "--build", "build", "--target", "install", "example", "golden")
    assert "4 of 4 golden vectors pass" in run(project, "ctest", "--test-dir", "build", "-V")
    lines = run(project, "build/example", "0.5", "-1e9").splitlines()
    assert [line.split(" ", 3)[3] for line in lines] == HOSTILE
    # What it says is what the .tflite says of the same numbers.
    model = microgen.load(project / "model.tflite")
    sample = np.zeros((1, 1, 8), np.int8) + np.int8(model.inputs[0].zero_point)
    sample[0, 0, :2] = [round(0.5 / model.inputs[0].scale) + model.inputs[0].zero_point, -128]
    answer = microgen.predict(project, sample)[0].outputs[0]
    assert [float(line.split()[2]) for line in lines] == pytest.approx(np.ravel(answer), rel=1e-4)

    app = tmp_path / "app"
    app.mkdir()
    (app / "CMakeLists.txt").write_text(_CONSUMER)
    (app / "app.c").write_text(_APP)
    run(app, "cmake", "-B", "b", f"-DCMAKE_PREFIX_PATH={tmp_path / 'usr'}", flags=_STRICT)
    run(app, "cmake", "--build", "b")
    run(app, "b/app")
    if shutil.which("pkg-config"):
        command = "PKG_CONFIG_PATH=../usr/lib/pkgconfig pkg-config --define-prefix --cflags --libs m_model"
        run(app, "sh", "-c", f"cc app.c $({command}) -o by-pkg-config && ./by-pkg-config")

    vectors = project / "test/golden_vectors.h"
    head, _, outputs = vectors.read_text().partition("golden_outputs")
    first = outputs.index("0x") + 2
    wrong = "00" if outputs[first : first + 2] != "00" else "01"
    vectors.write_text(f"{head}golden_outputs{outputs[:first]}{wrong}{outputs[first + 2 :]}")
    run(project, "cmake", "--build", "build", "--target", "golden")
    done = subprocess.run(["build/golden"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1 and "golden vector 0, output 0, byte 0 is " in done.stdout
    assert "3 of 4 golden vectors pass" in done.stdout


@pytest.mark.parametrize("board", ["nucleo-f446re", "esp32c3"])
def test_its_golden_vectors_pass_on_an_emulated_cpu(board, built, project, tmp_path):
    if board != "nucleo-f446re":
        project = tmp_path / "other"
        microgen.build(built[0] / "m.tflite", board, out=project, verify=False, **built[1])
    cpu = microgen.load_board(board).cpu
    needs_cpu(cpu)
    run(project, "cmake", "-B", "build", "--toolchain", f"cmake/{cpu}.cmake", flags=_STRICT)
    run(project, "cmake", "--build", "build")
    assert "4 of 4 golden vectors pass" in run(project, "ctest", "--test-dir", "build", "-V")


def test_the_serial_commands_around_it_run_on_an_emulated_cpu(project):
    needs_cpu("cortex-m4f")
    assert microgen.selftest(project, "emulator").passed


def test_a_user_s_files_are_kept_and_drift_is_found(built, project):
    folder, options = built
    program = project / "example/main.c"
    program.write_text(program.read_text() + "/* mine */\n")
    check = {**options, "out": project, "check": True, "verify": True}
    assert not microgen.build(folder / "m.tflite", "nucleo-f446re", **check).drift
    (project / "CMakeLists.txt").write_text("# edited\n")
    with pytest.raises(InputError, match=r"CMakeLists\.txt: a generated file that was edited"):
        microgen.build(folder / "m.tflite", "nucleo-f446re", out=project, **options)
    assert program.read_text().endswith("/* mine */\n")


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "compiled runtime only", "runtime=compiled"),
        (
            {"runtime": "compiled", "application": "motion"},
            "'c-library' have no driver for the sensor",
            "project_kind=platformio",
        ),
    ],
)
def test_what_a_library_does_not_do_is_refused(options, message, hint, tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match=message) as caught:
        microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", project_kind="c-library", **options)
    assert hint in caught.value.hint and not (tmp_path / "p").exists()


def test_microgen_says_who_compiles_it(project):
    with pytest.raises(InputError, match="your own CMake build compiles them") as caught:
        microgen.flash(project)
    assert "README.md" in caught.value.hint
    assert microgen.inspect(project).to_json()["project"] == "c-library"


@pytest.mark.parametrize(
    ("name", "target"),
    [("kws", "kws_model"), ("A.b-C", "a_b_c_model"), ("7seg", "m7seg_model"), ("-x", "m_x_model"),
     ("test", "test_model"), ("my_model", "my_model")],
)  # fmt: skip
def test_a_library_has_a_name_that_linkers_take(name, target):
    assert target_name(name) == target


def test_cmake_reads_back_what_was_escaped(tmp_path):
    needs("cmake", "cmake")
    script = "".join(f"file(APPEND out {cmake_string(text)} \"\\n\")\n" for text in HOSTILE)  # fmt: skip
    (tmp_path / "s.cmake").write_text(script)
    run(tmp_path, "cmake", "-P", "s.cmake")
    assert (tmp_path / "out").read_text().splitlines() == HOSTILE


class Tensor(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("type", ctypes.c_int), ("elements", ctypes.c_uint32), ("bytes", ctypes.c_uint32),
        ("rank", ctypes.c_uint8), ("dims", ctypes.c_int32 * 6), ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
    )  # fmt: skip


def test_numbers_become_bytes_and_back_as_in_tflite(tmp_path):
    library = tmp_path / "t.so"
    flags = ["-std=c11", *_STRICT.split(), "-Wconversion", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    compiler = needs("gcc", "gcc")
    subprocess.run([compiler, *flags, "-shared", "-fPIC", LIBRARY / "model_tensor.c", "-o", library], check=True)
    code = ctypes.CDLL(str(library))
    code.model_dequantize.restype = ctypes.c_float
    values = np.float32([0, 0.04, 0.05, -0.05, 0.14999, 3.3, -6.4, 7e3, -7e3, 1e30, -np.inf, np.inf, np.nan, 1])
    types = [np.int8, np.int16, np.uint8, np.int32, np.float32, np.bool_]
    for number, dtype in enumerate(types):
        for scale, zero in ((0.1, 3), (0.0, 0)):
            tensor = Tensor(b"t", number, len(values), 0, 1, (ctypes.c_int32 * 6)(), scale, zero)
            bytes_ = np.zeros(len(values), dtype)
            for k, value in enumerate(values):
                code.model_quantize(ctypes.byref(tensor), ctypes.c_float(value), ctypes.c_void_p(bytes_.ctypes.data), k)
            back = [
                code.model_dequantize(ctypes.byref(tensor), ctypes.c_void_p(bytes_.ctypes.data), ctypes.c_size_t(k))
                for k in range(len(values))
            ]
            if dtype is np.float32:
                np.testing.assert_array_equal(back, values)
                continue
            if dtype is np.bool_:
                assert bytes_.tolist() == [value != 0 for value in values]
                continue
            steps = (values / np.float32(scale) if scale else values).astype(np.float64)
            rounded = np.sign(steps) * np.floor(np.abs(steps) + 0.5)
            info = np.iinfo(dtype)
            top = 2147483520 if dtype is np.int32 else info.max
            expected = np.clip(np.nan_to_num(rounded, nan=0.0, posinf=1e300, neginf=-1e300) + zero, info.min, top)
            assert bytes_.tolist() == expected.astype(np.int64).tolist()
            np.testing.assert_allclose(back, (expected - zero) * (scale or 1), rtol=1e-6)
