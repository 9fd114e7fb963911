"""A runtime as a third party would add one: one FULLY_CONNECTED operator in plain C and C++, without a library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgen.errors import InputError
from microgen.runtimes.memory import Buffer, MemoryLayout
from microgen.runtimes.runtime import (
    DEFAULT_CODE,
    CodeOptions,
    Config,
    Library,
    NativeBuild,
    Part,
    QuantizationLimits,
    Requirements,
    Wording,
)
from microgen.support.host import HostBuild

NAME = "plain"

_RUNNER = """\
#include "model_runner.h"

#include <cstring>

#include "model_config.h"

extern "C" int32_t plain_scale(int32_t value);
#ifdef MODEL_OBSERVE
extern "C" void MODEL_OBSERVE(unsigned op);
#else
#define MODEL_OBSERVE(op)
#endif

namespace model {{
namespace {{

constexpr int8_t kWeights[{units}][{width}] = {weights};
constexpr int32_t kBias[{units}] = {bias};

int8_t g_input[{width}];
int8_t g_output[{units}];
bool g_ready = false;

}}  // namespace

Status Init(void (*)()) {{
  g_ready = true;
  return Status::kOk;
}}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {{
  if (!g_ready) return Status::kNotInitialised;
  if (index != 0) return Status::kIndex;
  if (n != sizeof(g_input)) return Status::kSize;
  std::memcpy(g_input, bytes, n);
  return Status::kOk;
}}

Status Invoke() {{
  if (!g_ready) return Status::kNotInitialised;
  for (int unit = 0; unit < {units}; ++unit) {{
    int32_t sum = kBias[unit];
    for (int i = 0; i < {width}; ++i) sum += (g_input[i] - ({input_zero})) * kWeights[unit][i];
    int32_t value = plain_scale(sum) + ({output_zero});
    if (value < -128) value = -128;
    if (value > 127) value = 127;
    g_output[unit] = static_cast<int8_t>(value);
  }}
  MODEL_OBSERVE(0);
  return Status::kOk;
}}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {{
  if (!g_ready) return Status::kNotInitialised;
  if (index != 0) return Status::kIndex;
  *bytes = reinterpret_cast<const uint8_t*>(g_output);
  *n = sizeof(g_output);
  return Status::kOk;
}}

Status Reset() {{ return g_ready ? Status::kOk : Status::kNotInitialised; }}

const char* ModelSha256() {{ return kSha256; }}

uint32_t StateChanges() {{ return 0; }}

size_t ArenaUsedBytes() {{ return g_ready ? kArenaBytes : 0; }}

}}  // namespace model
"""

_SCALE = """\
#include <stdint.h>

int32_t plain_scale(int32_t value);

// MultiplyByQuantizedMultiplier() of TFLM, which rounds twice.
int32_t plain_scale(int32_t value) {{
  const int64_t high = ((int64_t)value * {multiplier} + ((int64_t)1 << 30)) >> 31;
  const int64_t mask = ((int64_t)1 << {right}) - 1;
  return (int32_t)((high >> {right}) + ((high & mask) > (mask >> 1) + (high < 0)));
}}
"""


@dataclass(frozen=True)
class Arena:
    bytes: int
    origin = "input and output"
    is_one_piece = True

    @property
    def host_bytes(self):
        return self.bytes


class Plan:
    runtime = NAME
    known_faults = warnings = ()
    static_bytes = 256
    requirements = Requirements()
    native = NativeBuild("native", Requirements())
    native_obstacle = ""
    emulation_obstacle = ""
    code_options = CodeOptions()
    wording = Wording("multiplies", "one layer", "two arrays", "", "the multiplication", "The board multiplies")
    code_bytes = 2_000
    instructions = None

    def stored(self):
        return ()

    def __init__(self, model):
        self.model = model
        (self.op,) = model.main.operators
        x, y = model.inputs[0], model.outputs[0]
        self.arena = Arena(x.bytes + y.bytes)
        buffers = (
            Buffer(x.name, "tensor", 0, x.index, x.bytes, 0, 1, alignment=1),
            Buffer(y.name, "tensor", 0, y.index, y.bytes, 1, 1, offset=x.bytes, alignment=1),
        )
        self.layout = MemoryLayout(buffers, (None, (0, 0)), (0, 0))

    @property
    def library(self):
        return RUNTIME.library(None)

    def model_parts(self):
        return (Part("weights", sum(t.size for t in self.model.main.tensors), 0, "counted"),)

    def code_parts(self):
        return (Part("firmware", 20_000, 2_000, "an estimate"),)

    def sources(self):
        tensors = self.model.main.tensors
        x, w = (tensors[i] for i in self.op.inputs[:2])
        bias = self.op.inputs[2]
        y = tensors[self.op.outputs[0]]
        weights = self._constant(w, np.int8).reshape(w.shape)
        product = np.float32(x.scale) * np.float32(w.scale)
        fraction, exponent = math.frexp(float(product) / float(np.float32(y.scale)))
        values = {
            "units": w.shape[0],
            "width": w.shape[1],
            "weights": _braces(weights),
            "bias": _braces(self._constant(tensors[bias], np.int32) if bias >= 0 else np.zeros(len(weights), int)),
            "multiplier": math.floor(fraction * 2**31 + 0.5),
            "right": -exponent,
            "input_zero": x.zero_point,
            "output_zero": y.zero_point,
        }
        return {
            "model_runner.cc": _RUNNER.format(**values).encode(),
            "scale.c": _SCALE.format(**values).encode(),
        }

    def _constant(self, tensor, dtype):
        return np.frombuffer(self.model.data[tensor.offset :][: tensor.size], dtype)

    def config(self):
        return Config("", f"inline constexpr size_t kArenaBytes = {self.arena.bytes};\n")

    def totals(self):
        return {"arena_min_bytes": self.arena.bytes, "arena_bytes": self.arena.bytes}

    def flash_image(self):
        return None

    def record(self):
        return {NAME: self.library.to_json(), "arena": {"bytes": self.arena.bytes}}


class Plain:
    name = NAME

    def library(self, board):
        return Library("plain (host)" if board is None else NAME, "plain C++", "1", "generic")

    def check(self, model, board, *, allow_float=False):
        if others := sorted(set(model.ops) - {"FULLY_CONNECTED"}):
            raise InputError(f"{model.name}: it has no operator {', '.join(others)}", "choose another runtime")

    def plan(self, model, board, host_min_bytes=0, arena_bytes=None, code=DEFAULT_CODE):
        return Plan(model)

    def share(self, plans):
        raise InputError(f"the runtime {NAME} runs one model only", "build one project per model")

    def tuned_arena_bytes(self, model, board, used_bytes):
        return used_bytes

    def quantization_limits(self, board):
        operators = frozenset({("FULLY_CONNECTED", False)})
        return QuantizationLimits(NAME, NAME, operators, operators)

    def host(self):
        return HostBuild()

    def emulator_obstacle(self, cpu):
        return ""


RUNTIME = Plain()


def _braces(values):
    return "{" + ", ".join(_braces(v) if np.ndim(v) else str(v) for v in values) + "}"
