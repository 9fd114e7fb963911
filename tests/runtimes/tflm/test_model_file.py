"""A firmware takes another model from a file, after its hash and its golden vectors were right."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.deployment import Golden, model_file
from microgen.devices import host_firmware
from microgen.tflite import flashed, parse
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import needs_host

INCLUDES = '#include <cstdio>\n#include "model_file.h"\n'
PROGRAM = """
alignas(16) unsigned char g_file[1 << 16];
model::Status Load(const char* folder, const char* name) {
  char path[512];
  std::snprintf(path, sizeof(path), "%s/%s.bin", folder, name);
  FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return model::Status::kIndex;
  const size_t n = std::fread(g_file, 1, sizeof(g_file), file);
  std::fclose(file);
  return model::Init(g_file, n);
}
model::Status LoadAll() {
  const char* folder = FOLDER;
  const char* names[] = {NAMES};
  model::Init();
  char path[512];
  std::snprintf(path, sizeof(path), "%s/status.txt", folder);
  FILE* file = std::fopen(path, "w");
  for (const char* name : names) std::fprintf(file, "%s %s\\n", name, model::StatusName(Load(folder, name)));
  std::fprintf(file, "own %s\\n", model::StatusName(model::Init()));
  std::fprintf(file, "misplaced %s\\n", model::StatusName(model::Init(g_file + 1, 200)));
  std::fclose(file);
  return LAST;
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two projects, of models with the same inputs and outputs."""
    needs_host()
    folder = tmp_path_factory.mktemp("model-file")
    (folder / "a.tflite").write_bytes(models.fully_connected())
    (folder / "b.tflite").write_bytes(models.fully_connected(weights=np.full((4, 8), 99)))
    for name in ("a", "b"):
        microgen.build(folder / f"{name}.tflite", "esp32", out=folder / name, samples=4, verify=False)
    return folder


def another(data, golden=None):
    model = parse(data)
    golden = golden or Golden(
        (bytes(sum(t.bytes for t in model.inputs)),), (bytes(sum(t.bytes for t in model.outputs)),)
    )
    return model_file(model, flashed(model).data, golden)


def rescaled(data):
    """The model with another scale of its output."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    model.subgraphs[0].tensors[-1].quantization.scale = [0.12]
    return models.packed(model)


def with_relu():
    """The dense layer, and an operator that its firmware has not registered."""
    b = models.ModelBuilder()
    x, w = b.tensor("x", [1, 8], zero_point=-5), b.tensor("w", [4, 8], scale=0.013, values=[[1] * 8] * 4)
    between, y = (b.tensor(n, [1, 4], scale=0.11, zero_point=7) for n in ("between", "y"))
    b.op("FULLY_CONNECTED", [x, w, -1], [between], schema.FullyConnectedOptionsT())
    b.op("RELU", [between], [y])
    return b.build([x], [y])


def loading(folder, files, last):
    """Let the firmware of project a try all files, and keep running with the last one; return its program before."""
    for name, data in files.items():
        (folder / f"{name}.bin").write_bytes(data)
    main = folder / "a/src/main.cpp"
    original = main.read_text()
    program = PROGRAM.replace("FOLDER", json.dumps(str(folder))).replace("NAMES", json.dumps(list(files))[1:-1])
    text = original.replace("namespace {\n", f"namespace {{\n{program.replace('LAST', last)}", 1)
    main.write_text(INCLUDES + text.replace("model::Init(KeepAlive)", "LoadAll()", 1))
    return original


def test_only_a_whole_model_that_computes_what_its_file_says_is_taken(made):
    good = (made / "b/model.bin").read_bytes()
    b = parse((made / "b.tflite").read_bytes())
    damaged = bytearray(good)
    damaged[96 + flashed(b).main.tensors[1].offset] ^= 1
    vectors = struct.unpack_from("<I", good, 44)[0]
    files = {
        "good": (good, "ok"),
        "damaged": (bytes(damaged), "model-hash"),
        "cut": (good[:-1], "model-file"),
        "short": (good[:50], "model-file"),
        "foreign": (b"x" + good[1:], "model-file"),
        "no-vectors": (good[:44] + bytes(4) + good[48:], "model-file"),
        "many-vectors": (good[:44] + struct.pack("<I", vectors + 2**31) + good[48:], "model-file"),
        "wrong-vector": (another(b.data), "golden-vector"),
        "other-edges": (another(models.fully_connected(units=3)), "tensor-mismatch"),
        "other-scale": (another(rescaled(b.data)), "tensor-mismatch"),
        "other-operator": (another(with_relu()), "allocate-tensors"),
    }
    original = loading(made, {name: data for name, (data, _) in files.items()}, 'Load(folder, "good")')
    inputs = np.arange(8, dtype=np.int8)
    with host_firmware(sources(made / "a")) as (client, _):
        client.connect()
        said = dict(line.split() for line in (made / "status.txt").read_text().splitlines())
        assert said == {name: status for name, (_, status) in files.items()} | {"own": "ok", "misplaced": "model-file"}
        assert client.hash() == b.sha256 and client.selftest().passed
        answer = client.infer([inputs.tobytes()], 1).outputs[0]
    (made / "a/src/main.cpp").write_text(original)
    with host_firmware(sources(made / "b")) as (client, _):
        client.connect()
        assert client.infer([inputs.tobytes()], 1).outputs[0] == answer
    with host_firmware(sources(made / "a")) as (client, _):
        client.connect()
        assert client.infer([inputs.tobytes()], 1).outputs[0] != answer
        assert client.hash() == parse((made / "a.tflite").read_bytes()).sha256


def test_a_file_says_what_it_holds(made):
    data = (made / "b/model.bin").read_bytes()
    golden = microgen.projects.open_project(made / "b").manifest["golden"]
    size, count, steps, inputs, outputs = struct.unpack_from("<5I", data, 40)
    assert (count, steps, inputs, outputs) == (golden["count"], 1, 8, 4)
    assert data[64:96].hex() == parse((made / "b.tflite").read_bytes()).sha256
    assert parse(data[96 : 96 + size]).ops == {"FULLY_CONNECTED": 1}
    assert len(data) == 96 + size + count * (inputs + outputs)
