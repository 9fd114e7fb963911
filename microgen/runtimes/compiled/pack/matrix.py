"""Code of convolutions, fully connected layers and pooling for any CPU: plain C, weights in groups of four channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .. import requantize
from ..path import IN_PLACE, Code, Constant, Overlap
from ..steps import BatchMatmul, Conv, Depthwise, FullyConnected, Pool, Step, TransposeConv
from ..values import Int64, Requantization
from .text import struct

# Arguments of a function that needs scratch memory, before its parameters.
WITH_SCRATCH = "{input0}, {output0}, {scratch}"
_ALL = slice(None)
_LANE_BYTES = 88  # of mg_lane_work in mg_lanes.h, without the fields


@dataclass(frozen=True, eq=False)
class ConvParts:
    """What the code of a convolution is made of.

    Attributes:
        fields: the parameters of conv.h but the weights.
        channels: the table of its channels.
        scratch: bytes that the kernel needs.
    """

    fields: Mapping[str, int | str]
    rows: Channels
    channels: Int64
    scratch: int


def conv_parts(step: Conv) -> ConvParts:
    """Return the parts of a convolution's code that do not depend on how its weights are stored."""
    co, kh, kw, ci = step.filter.shape
    per_group = co // step.groups
    rows = Channels.of(step.requantization)
    channels = []
    for g in range(step.groups):
        part = slice(g * per_group, (g + 1) * per_group)
        channels.append(
            fours(rows.table(step.bias[part] + _offset_bias(step.filter[part].reshape(per_group, -1)), part))
        )
    n, h, w_in, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    fields: dict[str, int | str] = {
        "channels": f"channels{step.index}", "batches": n, "groups": step.groups,
        "in_h": h, "in_w": w_in, "in_c": ci, "out_h": oh, "out_w": ow, "out_c": per_group,
        "kernel_h": kh, "kernel_w": kw, "stride_h": step.strides[0], "stride_w": step.strides[1],
        "dilation_h": step.dilations[0], "dilation_w": step.dilations[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "zero_point": step.input.zero_point, "zero": rows.zero,
        "pixel": co,
    }  # fmt: skip
    return ConvParts(fields, rows, np.concatenate(channels), _LANE_BYTES + 8 * kh * kw * ci)


def conv(step: Conv) -> Code:
    """CONV_2D with dense weights."""
    k, parts = step.index, conv_parts(step)
    rows, wide = parts.rows, parts.rows.suffix
    weights = [grouped(w.reshape(len(w), -1)) for w in np.split(step.filter, step.groups)]
    return Code(
        call=f"mg_conv{wide}({{input0}}, {{output0}}, {{scratch}}, &conv{k});" + clamp_call(step, step.requantization),
        constants=(
            Constant(f"weights{k}", "uint8_t", np.concatenate(weights)),
            Constant(f"channels{k}", "int32_t", parts.channels),
        ),
        declarations=(struct("mg_conv_params", f"conv{k}", {"weights": f"weights{k}", **parts.fields}),),
        headers=("conv.h",),
        files=rows.files("conv"),
        scratch_bytes=parts.scratch,
        overlaps=(conv_overlap(step),),
        proven=rows.proven,
        exact=rows.exact,
    )


def conv_overlap(step: Conv) -> Overlap | None:
    """Return how far a convolution's output may lie over its input, if two pixels are read before they are written.

    An output pixel p may be written once no later field starts before its end. Fields start with the row of their first
    tap, or with that tap where the kernel has one row.
    """
    if step.groups > 1:
        return None
    n, h, w, ci = step.input.shape
    _, oh, ow, co = step.output.shape
    y, x = np.divmod(np.arange(oh * ow, dtype=np.int64), ow)
    row = np.maximum(y * step.strides[0] - step.padding[0], 0)
    column = np.maximum(x * step.strides[1] - step.padding[1], 0)
    if step.filter.shape[1] > 1:
        column[:] = 0
    first = np.minimum(row, h) * w * ci + np.minimum(column, w) * ci
    first = (np.arange(n, dtype=np.int64)[:, None] * h * w * ci + first[None, :]).reshape(-1)
    # What is read from pixel p on lies behind the least of these.
    first = np.minimum.accumulate(first[::-1])[::-1]
    distance = np.arange(len(first), dtype=np.int64) * co - first
    return Overlap(None, -int(distance[1:].max(initial=-int(step.input.bytes))))


def depthwise(step: Depthwise) -> Code:
    """DEPTHWISE_CONV_2D."""
    kh, kw, channels = step.filter.shape
    k = step.index
    n, h, w, c = step.input.shape
    _, oh, ow, _ = step.output.shape
    rows = (oh - 1) * step.strides[0] + (kh - 1) * step.dilations[0] + 1
    columns = (ow - 1) * step.strides[1] + (kw - 1) * step.dilations[1] + 1
    table = Channels.of(step.requantization)
    is_3x3 = (kh, kw, *step.dilations, step.strides[0]) == (3, 3, 1, 1, 1)
    kind, function = ("3x3", "mg_plane_3x3") if is_3x3 else ("any", "mg_plane")
    params = struct("mg_depthwise_params", f"depthwise{k}", {
        "plane": f"{function}{table.suffix}", "weights": f"weights{k}", "channels": f"channels{k}", "batches": n,
        "in_h": h, "in_w": w, "in_c": c, "out_h": oh, "out_w": ow, "multiplier": step.multiplier,
        "kernel_h": kh, "kernel_w": kw, "stride_h": step.strides[0], "stride_w": step.strides[1],
        "dilation_h": step.dilations[0], "dilation_w": step.dilations[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "rows": rows, "columns": columns,
        "zero_point": step.input.zero_point, "channel": table.bytes, "zero": table.zero,
    })  # fmt: skip
    in_place = step.multiplier == 1 and (n == 1 or (oh, ow) == (h, w))
    return Code(
        call=f"mg_depthwise({{input0}}, {{output0}}, {{scratch}}, &depthwise{k});"
        + clamp_call(step, step.requantization),
        constants=(
            Constant(f"weights{k}", "int8_t", step.filter.transpose(2, 0, 1).reshape(channels, -1)),
            table.constant(f"channels{k}", step.bias),
        ),
        declarations=(params,),
        headers=("depthwise.h",),
        files=("depthwise.c", *table.files(f"depthwise_{kind}")),
        scratch_bytes=rows * columns,
        overlaps=(IN_PLACE if in_place else None,),
        proven=table.proven,
        exact=table.exact,
    )


def fully_connected(step: FullyConnected) -> Code:
    """FULLY_CONNECTED."""
    units, depth = step.filter.shape
    k = step.index
    table = Channels.of(step.requantization)
    params = struct("mg_fully_connected_params", f"dense{k}", {
        "weights": f"weights{k}", "channels": f"channels{k}", "batches": step.batches,
        "depth": depth, "units": units, "zero": table.zero,
    })  # fmt: skip
    constants = (
        Constant(f"weights{k}", "uint8_t", grouped(step.filter)),
        Constant(f"channels{k}", "int32_t", fours(table.table(step.bias))),
    )
    return channel_code(step, table, "fully_connected", f"dense{k}", params, constants, "fully_connected.h")


def channel_code(
    step: Conv | FullyConnected | TransposeConv | BatchMatmul,
    table: Channels,
    kernel: str,
    name: str,
    params: str,
    constants: tuple[Constant, ...],
    header: str,
    places: str = "{input0}, {output0}",
) -> Code:
    """Return the code of a layer that one kernel computes, in its cheap form or its exact one.

    Args:
        step: the layer.
        table: its channels.
        kernel: the function without "mg_", and its file without ".c".
        name, params: of the parameters that the function takes last; their definition.
        constants: what `params` names.
        header: what declares the function.
        places: its arguments before the parameters.
    """
    return Code(
        call=f"mg_{kernel}{table.suffix}({places}, &{name});" + clamp_call(step, step.requantization),
        constants=constants,
        declarations=(params,),
        headers=(header,),
        files=table.files(kernel),
        proven=table.proven,
        exact=table.exact,
    )


def rows_as_conv(step: FullyConnected) -> Conv:
    """Return a fully connected layer as a convolution of 1x1 over its rows."""
    units, depth = step.filter.shape
    inputs = (replace(step.input, shape=(1, 1, step.batches, depth)), *step.inputs[1:])
    outputs = (replace(step.output, shape=(1, 1, step.batches, units)),)
    return Conv(
        index=step.index, name=step.name, inputs=inputs, outputs=outputs,
        filter=step.filter.reshape(units, 1, 1, depth), bias=step.bias, strides=(1, 1), dilations=(1, 1),
        padding=(0, 0), groups=1, requantization=step.requantization,
    )  # fmt: skip


def pool(step: Pool) -> Code:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    k = step.index
    n, h, w, c = step.input.shape
    _, oh, ow, _ = step.output.shape
    params = struct("mg_pool_params", f"pool{k}", {
        "batches": n, "in_h": h, "in_w": w, "channels": c, "out_h": oh, "out_w": ow,
        "kernel_h": step.kernel[0], "kernel_w": step.kernel[1],
        "stride_h": step.strides[0], "stride_w": step.strides[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "low": step.low, "high": step.high,
    })  # fmt: skip
    wide = "16" if step.input.dtype == "int16" else ""
    return Code(
        call=f"mg_{step.kind}_pool{wide}({{input0}}, {{output0}}, &pool{k});",
        declarations=(params,),
        headers=("pool.h",),
        files=("pool16.c" if wide else f"{step.kind}_pool.c",),
        overlaps=(IN_PLACE if n * oh * ow == 1 else None,),
    )


class Channels:
    """The requantization of a layer's channels, cheap where that is proven and exact where it is not."""

    def __init__(self, r: Requantization, cheap: bool = True) -> None:
        self._r = r
        self._cheap = requantize.per_channel(r) if cheap else None

    @classmethod
    def of(cls, r: Requantization, cheap: bool = True) -> Channels:
        """Try the cheap form, if it is wanted."""
        return cls(r, cheap)

    @property
    def suffix(self) -> str:
        """What the names of the exact kernels end in."""
        return "" if self._cheap else "_wide"

    @property
    def bytes(self) -> int:
        """What a channel takes in the table."""
        return 8 if self._cheap else 16

    @property
    def zero(self) -> int:
        """Twice the output's zero point, and 1."""
        return 2 * self._r.zero_point + 1

    def files(self, kernel: str) -> tuple[str, ...]:
        """Return the files of a kernel that exists in both forms, and what `clamp_call` needs."""
        exact = (f"{kernel}{self.suffix}.c",) if self.suffix else ()
        return (f"{kernel}.c", *exact, *(("clamp.c",) if is_narrow(self._r) else ()))

    @property
    def proven(self) -> int:
        """How many channels have the proven cheap form."""
        return len(self._r.multiplier) if self._cheap else 0

    @property
    def exact(self) -> int:
        """How many channels have the exact form."""
        return 0 if self._cheap else len(self._r.multiplier)

    def table(self, bias: Int64, part: slice = _ALL) -> Int64:
        """Return the `mg_channel` of some channels, [channels, 2 or 4]."""
        c, r = self._cheap, self._r
        if c:
            return np.stack([wrapped(256 * bias + c.shift[part]), c.multiplier[part]], axis=1)
        multiplier = r.multiplier[part]
        return np.stack([wrapped(bias), multiplier, r.shift[part], np.full_like(multiplier, r.zero_point)], axis=1)

    def constant(self, name: str, bias: Int64) -> Constant:
        """Return the `mg_channel` of all channels as an array."""
        return Constant(name, "int32_t", self.table(bias))


def is_narrow(r: Requantization) -> bool:
    """Tell whether outputs are clamped to less than int8."""
    return (r.low, r.high) != (-128, 127)


def clamp_call(step: Step, r: Requantization) -> str:
    """Return the call that clamps outputs to less than int8, "" where nothing is to be done."""
    if not is_narrow(r):
        return ""
    return f" mg_clamp_bytes({{output0}}, {step.output.elements}, {r.low}, {r.high});"


def grouped(w: Int64 | np.ndarray) -> np.ndarray:
    """Return weights [channels, n] as [groups of 4][n][4], with an offset of 128; the last group is filled up."""
    n = -(-len(w) // 4) * 4
    full = np.zeros((n, w.shape[1]), np.int64)
    full[: len(w)] = w
    return (full.reshape(n // 4, 4, -1).transpose(0, 2, 1).reshape(-1) + 128).astype(np.uint8)


def fours(table: Int64) -> Int64:
    """Fill up the rows of a table to whole fours."""
    return np.concatenate([table, np.zeros((-len(table) % 4, table.shape[1]), np.int64)])


def _offset_bias(w: np.ndarray) -> Int64:
    """Return what the offsets of 128 of bytes and weights add to a sum, negative: see mg_lanes.h."""
    return np.asarray(-128 * w.astype(np.int64).sum(1))


def wrapped(x: Int64) -> Int64:
    """Return what int32 arithmetic makes of a number."""
    return np.asarray(((x + 2**31) % 2**32) - 2**31)
