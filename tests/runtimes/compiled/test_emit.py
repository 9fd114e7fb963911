"""The generated C: its interface, its state, its table."""

from __future__ import annotations

import subprocess

import numpy as np

import microgen
from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import parse
from tests.support import models
from tests.support.tools import needs_host

from . import host, random_models

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


def test_the_source_says_what_it_is_of():
    model = parse(models.fully_connected(), "net")
    text = compile_model(model).files["model.c"].decode()
    assert "SPDX-License-Identifier: Apache-2.0" in text
    assert model.sha256 in text
    assert " *    0 FULLY_CONNECTED                  32" in text


def test_state_starts_again(tmp_path):
    needs_host()
    data = random_models.one_operator(3, "lstm")
    compiled = compile_model(parse(data), prefix="m0")
    rng = np.random.default_rng(0)
    sample = [rng.integers(-128, 128, v.shape).astype(v.dtype) for v in compiled.program.inputs]
    (once,) = host.run(tmp_path, [compiled], [[sample, sample]])
    (again,) = host.run(tmp_path, [compiled], [[sample]])
    assert once[0].outputs[0].tobytes() == again[0].outputs[0].tobytes()


_USE = """
#include <cstdio>
#include "model_runner.h"
static int calls = 0;
int main() {
  using namespace model;
  uint8_t x[8] = {1, 2, 3, 4, 250, 6, 7, 8};
  const uint8_t* y = nullptr;
  size_t n = 0;
  if (Invoke() != Status::kNotInitialised || ArenaUsedBytes() != 0) return 1;
  if (Init([] { calls++; }) != Status::kOk || Init() != Status::kOk) return 2;
  if (SetInput(1, x, 8) != Status::kIndex || SetInput(0, x, 7) != Status::kSize) return 3;
  if (SetInput(0, x, 8) != Status::kOk || Invoke() != Status::kOk || calls != 1) return 4;
  if (Output(1, &y, &n) != Status::kIndex || Output(0, &y, &n) != Status::kOk || n != 4) return 5;
  if (Reset() != Status::kOk || ArenaUsedBytes() == 0) return 6;
  for (size_t i = 0; i < n; i++) std::printf("%d ", static_cast<int8_t>(y[i]));
}
"""


def test_the_runner_of_the_firmware(tmp_path):
    needs_host()
    path = tmp_path / "net.tflite"
    path.write_bytes(models.fully_connected())
    folder = microgen.build(path, "pico", out=tmp_path / "p", runtime="compiled", verify=False).project / "lib/model"
    (tmp_path / "use.cc").write_text(_USE)
    include = f"-I{folder}"
    sources = [str(p) for p in folder.glob("*.c")]
    subprocess.run(["gcc", "-std=c11", *WARNINGS, include, "-c", *sources], cwd=tmp_path, check=True)
    runner = [str(p) for p in folder.glob("*.cc")]
    objects = [str(p) for p in tmp_path.glob("*.o")]
    subprocess.run(
        ["g++", "-std=c++17", *WARNINGS, include, "use.cc", *runner, *objects, "-o", "use"], cwd=tmp_path, check=True
    )
    done = subprocess.run([str(tmp_path / "use")], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    x = np.array([1, 2, 3, 4, -6, 6, 7, 8], np.int8)
    other = compile_model(parse(path.read_bytes()), prefix="m0")
    (runs,) = host.run(tmp_path, [other], [[[x[None]]]])
    assert [int(v) for v in done.stdout.split()] == runs[0].outputs[0].reshape(-1).tolist()
