"""A project whose runtime is a table of TFLM's answers: it runs where no TFLM does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import microgen
from microgen.boards import Cpu
from microgen.projects import open_project
from microgen.projects.manifest import project_model
from microgen.runtimes import RUNTIMES
from microgen.verification import EngineRun, make_samples

_RUNNER = """#include "model_runner.h"

#include "model_config.h"

#ifdef MODEL_OBSERVE
extern "C" void MODEL_OBSERVE(unsigned op);
#else
#define MODEL_OBSERVE(op)
#endif

namespace model {{
namespace {{
struct Row {{
  uint8_t input[kInputBytes];
  uint8_t output[kOutputBytes];
}};
const Row kRows[] = {{
{rows}
}};
uint8_t g_input[kInputBytes];
uint8_t g_output[kOutputBytes];

template <size_t n>
size_t Offset(const TensorInfo (&tensors)[n], size_t index) {{
  size_t offset = 0;
  for (size_t i = 0; i < index; ++i) offset += tensors[i].bytes;
  return offset;
}}
}}  // namespace

Status Init(void (*)()) {{ return Status::kOk; }}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {{
  if (index >= kInputCount) return Status::kIndex;
  if (n != kInputs[index].bytes) return Status::kSize;
  std::memcpy(g_input + Offset(kInputs, index), bytes, n);
  return Status::kOk;
}}

Status Invoke() {{
  std::memset(g_output, 0xee, sizeof(g_output));
  MODEL_OBSERVE(0);
  for (const Row& row : kRows) {{
    if (std::memcmp(row.input, g_input, sizeof(g_input)) == 0) {{
      std::memcpy(g_output, row.output, sizeof(g_output));
      return Status::kOk;
    }}
  }}
  return Status::kInvoke;
}}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {{
  if (index >= kOutputCount) return Status::kIndex;
  *bytes = g_output + Offset(kOutputs, index);
  *n = kOutputs[index].bytes;
  return Status::kOk;
}}

Status Reset() {{ return Status::kOk; }}
size_t ArenaUsedBytes() {{ return sizeof(g_input) + sizeof(g_output); }}
}}  // namespace model
"""


def runner_of(path: Path) -> Path:
    """What a project's runtime is compiled from."""
    return path / open_project(path).layout.model / "model_runner.cc"


def table_project(tflite: bytes, board: str, folder: Path, samples: int = 20, **options) -> Path:
    """Build a project, and put a table of the answers to its samples in TFLM's place."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.tflite").write_bytes(tflite)
    path = microgen.build(
        folder / "m.tflite", board, out=folder / "p", samples=samples, verify=False, **options
    ).project
    model = project_model(open_project(path))
    inputs = make_samples(model, samples, 0)
    with EngineRun(model, inputs) as running:
        outputs = running.result().tflm
    rows = (f"    {{{{{_list(a)}}}, {{{_list(b)}}}}}," for a, b in zip(_bytes(inputs), _bytes(outputs), strict=True))
    runner_of(path).write_text(_RUNNER.format(rows="\n".join(rows)))
    manifest = json.loads((path / "microgen.json").read_text())
    manifest["table"] = manifest[manifest["runtime"]]
    manifest["runtime"] = "table"
    (path / "microgen.json").write_text(json.dumps(manifest))
    return path


class Table:
    """TFLM in all but what it takes to run on an emulated CPU: a table of its answers does."""

    name = "table"

    def __getattr__(self, attribute: str) -> Any:
        return getattr(RUNTIMES.get("tflm"), attribute)

    def emulator_obstacle(self, cpu: Cpu) -> str:
        return ""


def _bytes(arrays: Sequence[np.ndarray]) -> list[bytes]:
    """The bytes of each sample, all tensors side by side."""
    return [b"".join(np.ascontiguousarray(a[k]).tobytes() for a in arrays) for k in range(len(arrays[0]))]


def _list(data: bytes) -> str:
    return ", ".join(str(byte) for byte in data)
