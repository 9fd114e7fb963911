"""Code of single layers on the kernels of firmware/runtimes/compiled/armv7em/."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .. import linear
from ..coding import Blocks, Indexed, Nibbles, Pairs
from ..pack.coded import indexed_constants, indexed_text
from ..pack.matrix import WITH_SCRATCH, Channels, channel_code, clamp_call, conv_overlap, is_narrow
from ..pack.text import fields as text_of
from ..pack.text import struct
from ..path import IN_PLACE, Code, Constant, Overlap
from ..requantize import BASE, Uniform
from ..steps import Conv, Depthwise, FullyConnected, Pool, Sum
from ..values import Int64, Requantization
from . import streams
from .constants import Constants

_FOLDER = "armv7em"
# So many products of bytes fit 24 bits.
_PART = 508
# Passes of nibbles.inc cost more than those of conv.inc.
_NIBBLES_UNROLL = 8
_PAIR_TABLE = 1024  # bytes of RAM


@dataclass(frozen=True)
class Instance:
    """A kernel of a .inc file for given parameters: a C symbol, and the file that makes it."""

    macro: str
    include: str
    parameters: tuple[int, ...]

    @property
    def symbol(self) -> str:
        """The name of the function."""
        return "_".join([self.macro, *map(str, self.parameters)]).replace("-", "m")

    @property
    def source(self) -> tuple[str, str]:
        """Name and text of the file."""
        arguments = ", ".join([self.symbol, *map(str, self.parameters)])
        return f"{self.symbol}.S", f'#include "{_FOLDER}/{self.include}"\n  {self.macro} {arguments}\n'

    def declaration(self, kind: str) -> str:
        """Its declaration in C."""
        return f"extern {kind} {self.symbol};"


def conv(step: Conv, c: Constants, unroll: int) -> Code:
    """CONV_2D without groups on conv.inc."""
    weights = step.filter.reshape(len(step.filter), -1).astype(np.int64)
    kernel = Instance("mg_conv3", "conv.inc", (immediate(c), unroll))
    fields, stream, scratch = _streamed(step, kernel, streams.conv3(weights, step.bias, c, step.requantization))
    return _conv_code(
        step, kernel, "conv", struct("mg_dsp_conv_params", f"conv{step.index}", fields), (stream,), scratch
    )


def conv_blocks(step: Conv, c: Constants) -> Code:
    """CONV_2D without groups on conv.inc, with weights in blocks."""
    k, coded = step.index, step.coding
    assert isinstance(coded, Blocks)
    kernel = Instance("mg_blocks3", "conv.inc", (immediate(c),))
    fields, stream, scratch = _streamed(step, kernel, streams.blocks3(coded, step.bias, c, step.requantization))
    params = struct("mg_dsp_conv_params", f"conv{k}", fields | {"gaps": f"gaps{k}"})
    gaps = Constant(f"gaps{k}", "uint8_t", coded.gaps(3, 1, 255), 1)
    return _conv_code(step, kernel, "conv", params, (stream, gaps), scratch)


def conv_nibbles(step: Conv, c: Constants, unroll: int) -> Code:
    """CONV_2D without groups on nibbles.inc; the step's bias is that of the coded sums."""
    coded = step.coding
    assert isinstance(coded, Nibbles)
    kernel = Instance("mg_nibbles3", "nibbles.inc", (immediate(c), max(unroll, _NIBBLES_UNROLL)))
    fields, stream, scratch = _streamed(step, kernel, streams.nibbles3(coded, step.bias, c, step.requantization))
    params = struct("mg_dsp_conv_params", f"conv{step.index}", fields)
    scratch += 24 * (coded.words.shape[1] % 2) + 24
    return _conv_code(step, kernel, "conv_nibbles", params, (stream,), scratch)


def conv_pairs(step: Conv, c: Constants, unroll: int) -> Code:
    """CONV_2D without groups on pairs.inc."""
    k, coded = step.index, step.coding
    assert isinstance(coded, Pairs)
    kernel = Instance("mg_pairs3", "pairs.inc", (immediate(c), unroll))
    fields, stream, scratch = _streamed(step, kernel, streams.pairs3(coded, step.bias, c, step.requantization))
    params = struct("mg_dsp_conv_pairs_params", f"conv{k}", {"conv": f"{{{text_of(fields)}}}", "book": f"book{k}"})
    book = Constant(f"book{k}", "int8_t", coded.book, 1)
    code = _conv_code(step, kernel, "conv_pairs", params, (stream, book), _PAIR_TABLE + scratch, "dsp_pairs.c")
    return replace(code, headers=(f"{_FOLDER}/dsp_pairs.h",))


def dense_pairs(step: FullyConnected) -> Code:
    """FULLY_CONNECTED with index pairs."""
    k, coded = step.index, step.coding
    assert isinstance(coded, Pairs)
    units, depth = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_dsp_dense_pairs_params", f"dense{k}", {
        "weights": f"codes{k}", "book": f"book{k}", "channels": f"channels{k}", "batches": step.batches,
        "depth": depth, "units": units, "zero": table.zero,
    })  # fmt: skip
    constants = (
        Constant(f"codes{k}", "uint8_t", coded.codes.reshape(-1)),
        Constant(f"book{k}", "int8_t", coded.book, 1),
        table.constant(f"channels{k}", step.bias),
    )
    header = f"{_FOLDER}/dsp_pairs.h"
    code = channel_code(step, table, "dsp_dense_pairs", f"dense{k}", params, constants, header, WITH_SCRATCH)
    files = _files("pairs.S", "dsp_pairs.c", f"dsp_dense_pairs{table.suffix}.c", clamp=step.requantization)
    return replace(code, files=files, scratch_bytes=_PAIR_TABLE)


def dense_nibbles(step: FullyConnected) -> Code:
    """FULLY_CONNECTED with nibbles; the step's bias is that of the coded sums."""
    k, coded = step.index, step.coding
    assert isinstance(coded, Nibbles)
    units, depth = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_dsp_dense_nibbles_params", f"dense{k}", {
        "weights": f"words{k}", "channels": f"channels{k}", "batches": step.batches, "depth": depth, "units": units,
        "zero": table.zero,
    })  # fmt: skip
    constants = (Constant(f"words{k}", "uint32_t", coded.words), table.constant(f"channels{k}", step.bias))
    code = channel_code(step, table, "dsp_dense_nibbles", f"dense{k}", params, constants, f"{_FOLDER}/dsp.h")
    files = _files("nibbles.S", f"dsp_dense_nibbles{table.suffix}.c", clamp=step.requantization)
    return replace(code, files=files)


def conv_indexed(step: Conv, c: Constants, unroll: int) -> Code:
    """CONV_2D without groups, an even number of channels, on conv.inc, with weights as indices."""
    k, coded = step.index, step.coding
    assert isinstance(coded, Indexed)
    kernel = Instance("mg_conv3", "conv.inc", (immediate(c), unroll))
    fields, scratch = _conv_fields(step, kernel)
    params = struct("mg_dsp_conv_indexed_params", f"conv{k}", {
        "conv": f"{{{text_of(fields)}}}", "weights": indexed_text(k, coded), "constants": f"words{k}",
        "head": 0 if isinstance(c, Uniform) else 2 * step.requantization.zero_point + 1,
        "chunk": coded.chunk, "scratch": scratch,
    })  # fmt: skip
    constants = (*indexed_constants(k, coded), Constant(f"words{k}", "int32_t", streams.constants(step.bias, c)))
    scratch += coded.chunk // 2 * (8 * coded.fours + 16) + 4
    code = _conv_code(step, kernel, "conv_indexed", params, constants, scratch)
    return replace(code, headers=(f"{_FOLDER}/dsp_indexed.h",), overlaps=())


def _streamed(step: Conv, kernel: Instance, stream: Int64) -> tuple[dict[str, int | str], Constant, int]:
    """Return the parameters of a convolution whose weights are a stream, that stream, and its scratch in bytes."""
    name = f"stream{step.index}"
    fields, scratch = _conv_fields(step, kernel)
    return fields | {"weights": name, "end": f"{name} + {len(stream)}"}, Constant(name, "int32_t", stream), scratch


def _conv_code(
    step: Conv,
    kernel: Instance,
    function: str,
    params: str,
    constants: tuple[Constant, ...],
    scratch: int,
    *files: str,
) -> Code:
    """Return the code of a convolution that dsp_FUNCTION.c computes with a kernel.

    Args:
        params: the definition of `convK`, which the function takes.
        files: what the function needs besides its own file and that of `mg_dsp_conv`.
    """
    own = dict.fromkeys(("dsp_conv.c", f"dsp_{function}.c"))
    return Code(
        call=f"mg_dsp_{function}({{input0}}, {{output0}}, {{scratch}}, &conv{step.index});"
        + clamp_call(step, step.requantization),
        constants=constants,
        declarations=(params,),
        shared=(kernel.declaration("mg_conv3_kernel"),),
        headers=(f"{_FOLDER}/dsp.h",),
        files=_files(*own, *files, "widen.S", clamp=step.requantization),
        sources=(kernel.source,),
        scratch_bytes=scratch,
        overlaps=(conv_overlap(step),),
        proven=len(step.filter),
    )


def _conv_fields(step: Conv, kernel: Instance) -> tuple[dict[str, int | str], int]:
    """Return the parameters of a convolution on conv.inc but its weights, and its scratch in bytes."""
    co, kh, kw, ci = step.filter.shape
    n, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    steps = -(-kh * kw * ci // 4)
    is_whole = kw * ci % 4 == 0
    in_place = is_whole and step.dilations[1] == 1
    last = [size - (taps - 1) * dilation - 1 if in_place else -1 for size, taps, dilation in
            zip((h, w), (kh, kw), step.dilations, strict=True)]  # fmt: skip
    flat = is_whole and (kh, kw, *step.strides, *step.padding, oh, ow) == (1, 1, 1, 1, 0, 0, h, w)
    fields: dict[str, int | str] = {
        "kernel": kernel.symbol,
        "batches": 1 if flat else n, "pixels": (n if flat else 1) * oh * ow, "image": 0 if flat else h * w * ci,
        "row": w * ci, "width": kw * ci, "rows": kh if is_whole else 1, "fours": kw * ci // 4 if is_whole else steps,
        "steps": steps, "last_y": last[0], "last_x": last[1],
        "in_h": h, "in_w": w, "in_c": ci, "out_w": ow, "out_c": co, "pixel": co, "kernel_h": kh, "kernel_w": kw,
        "stride_h": step.strides[0], "stride_w": step.strides[1],
        "dilation_h": step.dilations[0], "dilation_w": step.dilations[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "zero_point": step.input.zero_point, "flat": int(flat),
    }  # fmt: skip
    behind = 12 * steps if _crosses_border(step) or not is_whole else 0
    return fields, 24 * steps + max(behind, 3 * (co + 1) if co % 2 else 0)


def dot_kernel(shift: int, unroll: int, tied: bool, wide: bool = True) -> Instance:
    """Return a kernel of dot.inc; `wide`: for a row that mg_widen1 has prepared."""
    return Instance("mg_dot4", "dot.inc", (shift, unroll, int(tied), int(wide)))


def dense(step: FullyConnected, c: Constants, kernel: Instance) -> Code:
    """FULLY_CONNECTED of one row on dot.inc.

    Input and output are taken to be filled up to whole fours: values are aligned to 8 bytes, and what lies behind them
    belongs to nobody.
    """
    k = step.index
    units, depth = step.filter.shape
    fours = -(-depth // 4)
    is_second = not immediate(c) and kernel.parameters[0]
    symbol = kernel.symbol + ("_tied" if is_second else "")
    stream = streams.dot4(
        step.filter.astype(np.int64), step.bias, c, step.requantization, BASE if kernel.parameters[0] else 0
    )
    is_wide = kernel.parameters[3]
    row = "{scratch}" if is_wide else "{input0}"
    return Code(
        call=(f"mg_widen1({{scratch}}, {{input0}}, {fours}); " if is_wide else "")
        + f"{symbol}({row}, stream{k}, stream{k} + {len(stream)}, {{output0}}, {fours});"
        + clamp_call(step, step.requantization),
        constants=(Constant(f"stream{k}", "int32_t", stream),),
        shared=(f"extern mg_dot4_kernel {symbol};",),
        headers=(f"{_FOLDER}/dsp.h",),
        files=_files(*(("widen.S",) if is_wide else ()), clamp=step.requantization),
        sources=(kernel.source,),
        scratch_bytes=8 * fours if is_wide else 0,
        # mg_widen1 writes twice what it has read.
        scratch_overlap=Overlap(None, -4 * fours),
        overlaps=(Overlap(None, step.input.bytes) if is_wide else None,),
        proven=units,
    )


def wide_dense(step: FullyConnected, unroll: int) -> Code:
    """FULLY_CONNECTED of one row whose sums take more than 23 bits, in parts."""
    k = step.index
    units, depth = step.filter.shape
    kernel = dot_kernel(-1, unroll, tied=False)
    table = Channels.of(step.requantization)
    w = step.filter.astype(np.int64)
    stream = np.concatenate([streams.dot4_sums(w[:, i : i + _PART]) for i in range(0, depth, _PART)])
    params = struct("mg_dsp_dense_params", f"dense{k}", {
        "kernel": kernel.symbol, "weights": f"stream{k}", "channels": f"channels{k}", "zero": table.zero,
        "depth": depth, "part": min(_PART, -(-depth // 4) * 4), "units": units,
    })  # fmt: skip
    constants = (Constant(f"stream{k}", "int32_t", stream), table.constant(f"channels{k}", step.bias))
    header = f"{_FOLDER}/dsp.h"
    return replace(
        channel_code(step, table, "dsp_dense", f"dense{k}", params, constants, header, WITH_SCRATCH),
        shared=(kernel.declaration("mg_dot4_kernel"),),
        files=_files("widen.S", f"dsp_dense{table.suffix}.c", clamp=step.requantization),
        sources=(kernel.source,),
        scratch_bytes=2 * min(_PART, -(-depth // 4) * 4) + 32 * -(-units // 4),
        overlaps=(Overlap(None, step.input.bytes),),
    )


def depthwise_plane(step: Depthwise) -> tuple[int, int]:
    """Return rows and columns of the plane that depthwise.inc needs."""
    _, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    rows = max((oh - 1) * step.strides[0] + 3, h + step.padding[0])
    columns = max((ow - 1) * step.strides[1] + (4 if step.strides[1] == 1 else 6), w + step.padding[1])
    return rows, columns + columns % 2


def depthwise(step: Depthwise, c: Constants, unroll: int, elements: int) -> Code:
    """DEPTHWISE_CONV_2D up to 3x3 on depthwise.inc."""
    k = step.index
    kh, kw, channels = step.filter.shape
    n, h, w, ci = step.input.shape
    _, oh, ow, _ = step.output.shape
    rows, columns = depthwise_plane(step)
    kernel = Instance(
        "mg_depthwise3x3", "depthwise.inc", (immediate(c), oh, ow, columns, channels, *step.strides, unroll)
    )
    at_once = max(r for r in range(1, h + 1) if h % r == 0 and (r == 1 or (r * w <= elements and r * w * ci <= 4096)))
    plane = Instance("mg_plane", "depthwise.inc", (h, w, columns, ci, at_once))
    filled = np.pad(step.filter.astype(np.int64), ((0, 3 - kh), (0, 3 - kw), (0, 0))).transpose(2, 0, 1)
    stream = streams.depthwise3x3(filled, step.bias, c)
    params = struct("mg_dsp_depthwise_params", f"depthwise{k}", {
        "kernel": kernel.symbol, "plane": plane.symbol, "weights": f"stream{k}",
        "batches": n, "channels": ci, "multiplier": step.multiplier, "zero": 2 * step.requantization.zero_point + 1,
        "rows": rows, "columns": columns, "first": step.padding[0] * columns + step.padding[1],
        "zero_point": step.input.zero_point, "in_pixels": h * w, "out_pixels": oh * ow,
    })  # fmt: skip
    in_place = step.multiplier == 1 and (n == 1 or oh * ow == h * w)
    return Code(
        call=f"mg_dsp_depthwise({{input0}}, {{output0}}, {{scratch}}, &depthwise{k});"
        + clamp_call(step, step.requantization),
        constants=(Constant(f"stream{k}", "int32_t", stream),),
        declarations=(params,),
        shared=(kernel.declaration("mg_depthwise_kernel"), plane.declaration("mg_plane_kernel")),
        headers=(f"{_FOLDER}/dsp.h",),
        files=_files("dsp_depthwise.c", clamp=step.requantization),
        sources=(kernel.source, plane.source),
        scratch_bytes=2 * rows * columns,
        overlaps=(IN_PLACE if in_place else None,),
        proven=channels,
    )


def winograd(step: Conv, c: Constants, positions: int) -> Code:
    """CONV_2D 3x3 with stride 1 on winograd.inc."""
    k = step.index
    co, _, _, ci = step.filter.shape
    _, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    fours = ci // 4
    kernel = Instance("mg_winograd", "winograd.inc", (immediate(c), fours, positions))
    stream = streams.winograd(step.filter.astype(np.int64), step.bias, c, step.requantization)
    params = struct("mg_dsp_winograd_params", f"winograd{k}", {
        "kernel": kernel.symbol, "weights": f"stream{k}", "end": f"stream{k} + {len(stream)}",
        "in_h": h, "in_w": w, "out_h": oh, "out_w": ow, "out_c": co, "fours": fours,
        "pad_h": step.padding[0], "pad_w": step.padding[1], "zero_point": step.input.zero_point,
    })  # fmt: skip
    return Code(
        call=f"mg_dsp_winograd({{input0}}, {{output0}}, {{scratch}}, &winograd{k});"
        + clamp_call(step, step.requantization),
        constants=(Constant(f"stream{k}", "int32_t", stream),),
        declarations=(params,),
        shared=(kernel.declaration("mg_winograd_kernel"),),
        headers=(f"{_FOLDER}/dsp.h",),
        files=_files("dsp_winograd.c", "winograd_input.S", "widen.S", clamp=step.requantization),
        sources=(kernel.source,),
        scratch_bytes=256 * fours + 256 + 96 * fours + (8 * co if oh % 2 or ow % 4 else 0),
        overlaps=(_winograd_overlap(step),),
        proven=co,
    )


def _winograd_overlap(step: Conv) -> Overlap:
    """Return how far the output may lie over the input: what pairs of tiles wrote, later pairs do not read."""
    co, _, _, ci = step.filter.shape
    _, _, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    y, x = (a.reshape(-1) for a in np.mgrid[0:oh:2, 0:ow:4])
    first = (np.maximum(y - step.padding[0], 0) * w + np.maximum(x - step.padding[1], 0)) * ci
    needed = np.minimum.accumulate(first[::-1])[::-1]
    end = (np.minimum(y + 1, oh - 1) * ow + np.minimum(x + 4, ow)) * co
    return Overlap(None, -int((end[:-1] - needed[1:]).max(initial=-step.input.bytes)))


def sum_(step: Sum, unroll: int) -> Code | None:
    """ADD or SUB of two tensors of one shape on sum.inc, if a linear form or one with a table is proven."""
    k = step.index
    if plane := linear.fit(step):
        a, b, c, shift = plane
        kind, numbers = "linear", np.array([a, b, c])
    elif fitted := linear.fit_table(step):
        table, b, shift = fitted
        kind, numbers = "table", np.concatenate([[b], table])
    else:
        return None
    kernel = Instance(f"mg_sum_{kind}_dsp", "sum.inc", (shift, unroll))
    n = step.output.elements
    return Code(
        call=f"{kernel.symbol}({{input0}}, {{input1}}, {{output0}}, {n}, sum{k});"
        + clamp_call(step, step.requantization),
        constants=(Constant(f"sum{k}", "int32_t", numbers),),
        shared=(kernel.declaration("mg_sum_kernel"),),
        headers=(f"{_FOLDER}/dsp.h",),
        files=_files(clamp=step.requantization),
        sources=(kernel.source,),
        overlaps=(IN_PLACE, IN_PLACE),
        proven=1,
    )


def pool(step: Pool) -> Code:
    """AVERAGE_POOL_2D or MAX_POOL_2D on pool.S."""
    k = step.index
    n, h, w, c = step.input.shape
    _, oh, ow, _ = step.output.shape
    params = struct("mg_dsp_pool_params", f"pool{k}", {
        "batches": n, "in_h": h, "in_w": w, "channels": c, "out_h": oh, "out_w": ow,
        "kernel_h": step.kernel[0], "kernel_w": step.kernel[1],
        "stride_h": step.strides[0], "stride_w": step.strides[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "low": step.low, "high": step.high,
    })  # fmt: skip
    return Code(
        call=f"mg_dsp_{step.kind}_pool({{input0}}, {{output0}}, &pool{k});",
        declarations=(params,),
        headers=(f"{_FOLDER}/dsp.h",),
        files=(f"{_FOLDER}/dsp_{step.kind}_pool.c", f"{_FOLDER}/pool.S"),
        overlaps=(IN_PLACE if n * oh * ow == 1 else None,),
    )


def mean(step: Pool) -> Code:
    """AVERAGE_POOL_2D of a whole image on pool.S."""
    _, h, w, c = step.input.shape
    return Code(
        call=f"mg_dsp_mean({{input0}}, {{output0}}, {h * w}, {c}, {step.low}, {step.high});",
        headers=(f"{_FOLDER}/dsp.h",),
        files=(f"{_FOLDER}/dsp_mean.c", f"{_FOLDER}/pool.S"),
        overlaps=(IN_PLACE,),
    )


def as_conv(step: Depthwise) -> Conv:
    """Return a depthwise convolution of one input channel as the convolution that it is."""
    return Conv(
        index=step.index, name=step.name, inputs=step.inputs, outputs=step.outputs,
        filter=np.ascontiguousarray(step.filter.transpose(2, 0, 1)[..., None]), bias=step.bias,
        strides=step.strides, dilations=step.dilations, padding=step.padding, groups=1,
        requantization=step.requantization,
    )  # fmt: skip


def immediate(c: Constants) -> int:
    """Return the shift that a kernel has as an immediate, 0 for a shift per channel."""
    return c.shift if isinstance(c, Uniform) else 0


def _crosses_border(step: Conv) -> bool:
    """Tell whether fields are not rows of the image as they lie there."""
    _, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    _, kh, kw, _ = step.filter.shape
    inside = all(
        before == 0 and (out - 1) * stride + (kernel - 1) * dilation < size
        for before, out, stride, kernel, dilation, size in zip(
            step.padding, (oh, ow), step.strides, (kh, kw), step.dilations, (h, w), strict=True
        )
    )
    return not inside or step.dilations[1] > 1


def _files(*names: str, clamp: Requantization | None = None) -> tuple[str, ...]:
    narrow = clamp is not None and is_narrow(clamp)
    return (*(f"{_FOLDER}/{name}" for name in names), *(("clamp.c",) if narrow else ()))
