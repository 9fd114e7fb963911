"""Writes the program as C11: model.c with constants, one buffer and the calls, and model.h with its interface."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .memory import Layout
from .path import Code, Constant, Program
from .values import C_TYPES, Value

_PER_LINE = 20
# No literal of C, but the negation of a number that an int does not hold.
_LEAST = re.compile(r"-2147483648\b")
# The observer's number for the inputs, which no operator has: before the first of them.
_INPUTS = 2**16 - 1
_COPYRIGHT = "/* SPDX-License-Identifier: Apache-2.0 */"


@dataclass(frozen=True)
class LayerRow:
    """A line of the table of layers.

    Attributes:
        operator: its number in the model; `name` its kind.
        macs: multiply-accumulates of the model's layer; `weight_bytes` constants in flash that no layer before it has;
            `scratch_bytes` its part of the buffer while it runs; `output_bytes` what it writes.
        stored: the form that its weights have where they are not dense, as "runs"; `dense_bytes` what `weight_bytes` is
            with dense weights.
    """

    operator: int
    name: str
    macs: int
    weight_bytes: int
    scratch_bytes: int
    output_bytes: int
    stored: str = ""
    dense_bytes: int = 0


@dataclass(frozen=True)
class Text:
    """What the emitter needs besides the program: names, hash and table.

    Attributes:
        shared: the name of the memory that the model shares with others; "" for a buffer of its own.
    """

    prefix: str
    sha256: str
    layers: Sequence[LayerRow]
    comment: str
    observer: str
    shared: str = ""


def header(program: Program, layout: Layout, text: Text) -> str:
    """Return model.h."""
    p, up = text.prefix, text.prefix.upper()
    lines = [
        _COPYRIGHT,
        f"/* {text.comment}",
        " *",
        f" * Inputs and outputs lie in one buffer. Fill every input before each {p}_invoke(), which may use its memory",
        f" * for later layers; outputs hold until the next. Call {p}_reset() before the first inference. */",
        f"#ifndef {up}_H",
        f"#define {up}_H",
        "#include <stdint.h>",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        f"#define {up}_BUFFER_BYTES {max(layout.bytes + layout.state_bytes, 1)}",
    ]
    if text.shared:
        lines += [
            f"/* Of these, in {text.shared}, which other models use too; the rest is the model's state. */",
            f"#define {up}_SHARED_BYTES {max(layout.bytes, 1)}",
        ]
    for kind, values in (("INPUT", program.inputs), ("OUTPUT", program.outputs)):
        lines.append(f"#define {up}_{kind}S {len(values)}")
        lines += [f"#define {up}_{kind}_{k}_BYTES {v.bytes}" for k, v in enumerate(values)]
    lines += [
        "/* The value of input or output `index`, aligned to 8 bytes; 0 where there is none. */",
        f"void *{p}_input(unsigned index);",
        f"const void *{p}_output(unsigned index);",
        "/* One inference. */",
        f"void {p}_invoke(void);",
        "/* State that is kept between inferences goes back to its start. */",
        f"void {p}_reset(void);",
        "#ifdef MODEL_OBSERVE_TENSORS",
        "/* Calls `take` with each value that operator `op` has just written: the number of its tensor in the model,",
        f" * its bytes, and the `kept` channels that are stored, 0 for all. {up}_INPUT_VALUES writes the inputs. */",
        f"#define {up}_INPUT_VALUES {_INPUTS}u",
        f"void {p}_values(unsigned op,",
        "    void (*take)(unsigned tensor, const void *bytes, unsigned n, const uint16_t *channels, unsigned kept));",
        "#endif",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def source(program: Program, codes: Mapping[int, Code], layout: Layout, text: Text) -> str:
    """Return model.c."""
    emitter = _Emitter(program, codes, layout, text)
    return "\n".join([*emitter.head(), *emitter.data(), *emitter.functions(), ""])


class _Emitter:
    def __init__(self, program: Program, codes: Mapping[int, Code], layout: Layout, text: Text) -> None:
        self._program, self._codes, self._layout, self._text = program, codes, layout, text
        self._buffer = text.shared or f"{text.prefix}_buffer"

    def head(self) -> list[str]:
        p = self._text.prefix
        observer = self._text.observer
        chosen = ["#ifndef MODEL_OBSERVE", f"#define MODEL_OBSERVE {observer}", "#endif"] if observer else []
        headers = sorted({h for c in self._codes.values() for h in c.headers} | {"mg_common.h"})
        return [
            _COPYRIGHT,
            f"/* {self._text.comment}",
            " *",
            *_table(self._text.layers),
            " */",
            f'#include "{p}.h"',
            "",
            *(f'#include "{h}"' for h in headers),
            "",
            "/* A function of this name is called after each operator, with its number in the model. */",
            *chosen,
            "#ifdef MODEL_OBSERVE",
            "extern void MODEL_OBSERVE(unsigned);",
            "#else",
            "#define MODEL_OBSERVE(operator_) ((void)0)",
            "#endif",
            *self._memory(),
            "",
        ]

    def _memory(self) -> list[str]:
        """Return the buffer, or what stands in for it where others share it."""
        if not self._text.shared:
            return [
                "#ifdef MODEL_ARENA_PSRAM",
                f"uint8_t *{self._buffer}; /* allocated before anything else */",
                "#else",
                f"static uint8_t {self._buffer}[{max(self._layout.bytes, 1)}] MG_ALIGNED(16) MG_ARENA;",
                "#endif",
            ]
        size = self._layout.state_bytes
        state = [f"static uint8_t {self._text.prefix}_state[{size}] MG_ALIGNED(16) MG_ARENA;"] if size else []
        return [f"extern uint8_t {self._buffer}[];", *state]

    def _place(self, index: int) -> str:
        """Return the address of a value in C; "" where it needs no place."""
        if index in self._layout.state:
            return f"{self._text.prefix}_state + {self._layout.state[index]}"
        return f"{self._buffer} + {self._layout.values[index]}" if index in self._layout.values else ""

    def data(self) -> list[str]:
        lines: list[str] = []
        shared: dict[str, None] = {}
        for value in self._constants():
            lines.append(array(_constant_of(value)))
        for code in self._codes.values():
            lines += [array(c) for c in code.constants]
            for declaration in code.shared:
                if declaration not in shared:
                    shared[declaration] = None
                    lines.append(declaration)
            lines += code.declarations
        return [*lines, ""]

    def _constants(self) -> Iterable[Value]:
        seen: dict[int, Value] = {}
        for step in self._program.steps:
            if step.index in self._codes:
                used = " ".join((self._codes[step.index].call,))
                for k, v in enumerate(step.inputs):
                    if v.data is not None and f"{{input{k}}}" in used:
                        seen.setdefault(v.index, v)
        for v in self._program.outputs:
            if v.data is not None:
                seen.setdefault(v.index, v)
        return seen.values()

    def functions(self) -> list[str]:
        p = self._text.prefix
        lines = [f"void {p}_invoke(void) {{"]
        lines += ["#ifdef MODEL_OBSERVE_TENSORS", f"  MODEL_OBSERVE({_INPUTS}u);", "#endif"]
        for step in self._program.steps:
            code = self._codes.get(step.index)
            if code is not None and code.call:
                places = {f"input{k}": self._pointer(v, True) for k, v in enumerate(step.inputs)}
                places |= {f"state{k}": self._pointer(v, False) for k, v in enumerate(step.inputs)}
                places |= {f"output{k}": self._pointer(v, False) for k, v in enumerate(step.outputs)}
                places["scratch"] = f"{self._buffer} + {self._layout.scratch.get(step.index, 0)}"
                if not code.scratch_bytes:
                    places["scratch"] = "0"
                lines.append("  " + _fill(code.call, places))
            lines.append(f"  MODEL_OBSERVE({step.index}u);")
        lines += ["}", ""]
        lines += self._reset()
        lines += self._accessor(
            f"void *{p}_input(unsigned index)", [(k, v) for k, v in enumerate(self._program.inputs)]
        )
        outputs = [(k, v) for k, v in enumerate(self._program.outputs)]
        lines += self._accessor(f"const void *{p}_output(unsigned index)", outputs)
        return [*lines, *self._values()]

    def _values(self) -> list[str]:
        """Return what hands the values of an operator to the observer, for a debug build."""
        written = {_INPUTS: self._program.inputs} | {step.index: step.outputs for step in self._program.steps}
        kept, cases = [], []
        for op, values in written.items():
            calls = []
            for v in values:
                place = self._place(v.index)
                if not place or not v.bytes:
                    continue
                channels, count = "0", 0
                if v.channels is not None:
                    channels, count = f"kept{v.index}", len(v.channels)
                    kept.append(array(Constant(channels, "uint16_t", np.array(v.channels, np.int64))))
                calls.append(f"      take({v.index}u, {place}, {v.bytes}u, {channels}, {count}u);")
            if calls:
                cases += [f"    case {op}:", *calls, "      break;"]
        return [
            "#ifdef MODEL_OBSERVE_TENSORS",
            *kept,
            f"void {self._text.prefix}_values(unsigned op,",
            "    void (*take)(unsigned tensor, const void *bytes, unsigned n, const uint16_t *channels,",
            "                 unsigned kept)) {",
            "  switch (op) {",
            *cases,
            "    default:",
            "      (void)take;",
            "  }",
            "}",
            "#endif",
        ]

    def _reset(self) -> list[str]:
        p = self._text.prefix
        lines, body = [], []
        for index, start in self._program.initial.items():
            place = self._place(index)
            if not place:
                continue
            if (start == start.reshape(-1)[0]).all() and start.dtype.itemsize == 1:
                body.append(f"  memset({place}, {int(start.reshape(-1)[0]) & 255}, {start.nbytes});")
            elif not start.any():
                body.append(f"  memset({place}, 0, {start.nbytes});")
            else:
                constant = Constant(f"initial{index}", C_TYPES[str(start.dtype)], start)
                lines.append(array(constant))
                body.append(f"  memcpy({place}, initial{index}, {start.nbytes});")
        return [*lines, f"void {p}_reset(void) {{", *body, "}", ""]

    def _pointer(self, value: Value, is_input: bool) -> str:
        ctype = C_TYPES.get(value.dtype, "void")
        if value.data is not None:
            return _constant_of(value).name
        place = self._place(value.index)
        const = "const " if is_input else ""
        return f"({const}{ctype} *)(void *)({place})" if place else "0"

    def _accessor(self, prototype: str, values: Sequence[tuple[int, Value]]) -> list[str]:
        lines = [f"{prototype} {{", "  switch (index) {"]
        for k, v in values:
            if v.data is not None:
                lines += [f"    case {k}:", f"      return {_constant_of(v).name};"]
            elif place := self._place(v.index):
                lines += [f"    case {k}:", f"      return {place};"]
        return [*lines, "    default:", "      return 0;", "  }", "}", ""]


def _constant_of(value: Value) -> Constant:
    assert value.data is not None
    return Constant(f"constant{value.index}", C_TYPES[value.dtype], value.data, 8)


def _fill(call: str, places: Mapping[str, str]) -> str:
    return re.sub(r"\{(input\d+|state\d+|output\d+|scratch)\}", lambda m: places[m[1]], call)


def array(c: Constant) -> str:
    """Return the definition of a constant array."""
    if c.ctype.startswith("mg_"):
        rows = [f"{{{_numbers(row)}}}" for row in c.values.tolist()]
        size = f"[{len(rows)}]"
    else:
        flat = c.values.reshape(-1).tolist()
        text = _floats if c.ctype == "float" else _numbers
        rows = [text(flat[i : i + _PER_LINE]) for i in range(0, len(flat), _PER_LINE)]
        size = f"[{len(flat)}] MG_ALIGNED({c.alignment})"
    body = ",\n".join(f"    {row}" for row in rows)
    return f"static const {c.ctype} {c.name}{size} = {{\n{body}}};"


def _floats(values: Sequence[float]) -> str:
    return ", ".join(f"{x.hex()}f" for x in values)


def _numbers(values: Sequence[int]) -> str:
    # One conversion for a row: a model has hundreds of thousands of weights.
    return _LEAST.sub("(-2147483647 - 1)", str(values)[1:-1])


def _table(layers: Sequence[LayerRow]) -> list[str]:
    lines = [" * operator                          MACs   constants     scratch      output"]
    for row in layers:
        lines.append(
            f" * {row.operator:4} {row.name:24} {row.macs:10} {row.weight_bytes:11} "
            f"{row.scratch_bytes:11} {row.output_bytes:11}{f'  {row.stored}' if row.stored else ''}"
        )
    return lines
