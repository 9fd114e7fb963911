"""Code of layers whose weights are not stored dense, for any CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..coding import Blocks, Indexed, Runs
from ..path import Code, Constant
from ..steps import Conv, FullyConnected
from ..values import Int64
from . import matrix
from .matrix import WITH_SCRATCH, Channels, channel_code, clamp_call, conv_overlap, fours
from .text import fields, struct


def conv(step: Conv) -> Code:
    """CONV_2D, however its weights are stored."""
    if isinstance(step.coding, Runs):
        return _conv_runs(step, step.coding)
    if isinstance(step.coding, Indexed):
        return _conv_indexed(step, step.coding)
    if isinstance(step.coding, Blocks):
        return _conv_blocks(step, step.coding)
    return matrix.conv(step)


def fully_connected(step: FullyConnected) -> Code:
    """FULLY_CONNECTED, however its weights are stored."""
    if isinstance(step.coding, Runs):
        return _dense_runs(step, step.coding)
    if isinstance(step.coding, Indexed):
        return _dense_indexed(step, step.coding)
    if isinstance(step.coding, Blocks):
        return _dense_blocks(step, step.coding)
    return matrix.fully_connected(step)


def _conv_runs(step: Conv, coded: Runs) -> Code:
    k = step.index
    _, kh, kw, ci = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_conv_runs_params", f"conv{k}", {
        "runs": f"runs{k}", "pairs": f"pairs{k}", "channels": f"channels{k}", "shape": _shape(step),
        "zero": table.zero,
    })  # fmt: skip
    constants = (*_runs_constants(k, coded), table.constant(f"channels{k}", step.bias))
    code = channel_code(step, table, "conv_runs", f"conv{k}", params, constants, "runs.h", WITH_SCRATCH)
    return replace(code, scratch_bytes=8 * kh * kw * ci, overlaps=(conv_overlap(step),))


def _shape(step: Conv) -> str:
    """Return the C of a `mg_field_shape`."""
    co, kh, kw, ci = step.filter.shape
    n, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    inner: dict[str, int | str] = {
        "batches": n, "in_h": h, "in_w": w, "in_c": ci, "out_h": oh, "out_w": ow, "out_c": co,
        "kernel_h": kh, "kernel_w": kw, "stride_h": step.strides[0], "stride_w": step.strides[1],
        "dilation_h": step.dilations[0], "dilation_w": step.dilations[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "zero_point": step.input.zero_point,
    }  # fmt: skip
    return f"{{{fields(inner)}}}"


def _conv_blocks(step: Conv, coded: Blocks) -> Code:
    k = step.index
    _, kh, kw, ci = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_conv_blocks_params", f"conv{k}", {
        "blocks": f"{{.weights = blocks{k}, .gaps = gaps{k}}}", "channels": f"channels{k}", "shape": _shape(step),
        "zero": table.zero,
    })  # fmt: skip
    constants = _blocks_constants(k, coded, table.table(step.bias))
    code = channel_code(step, table, "conv_blocks", f"conv{k}", params, constants, "blocks.h", WITH_SCRATCH)
    return replace(code, scratch_bytes=32 * -(-kh * kw * ci // 4), overlaps=(conv_overlap(step),))


def _dense_blocks(step: FullyConnected, coded: Blocks) -> Code:
    k = step.index
    units, depth = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_dense_blocks_params", f"dense{k}", {
        "blocks": f"{{.weights = blocks{k}, .gaps = gaps{k}}}", "channels": f"channels{k}", "batches": step.batches,
        "depth": depth, "units": units, "zero": table.zero,
    })  # fmt: skip
    constants = _blocks_constants(k, coded, table.table(step.bias))
    return channel_code(step, table, "dense_blocks", f"dense{k}", params, constants, "blocks.h")


def _blocks_constants(k: int, coded: Blocks, channels: Int64) -> tuple[Constant, ...]:
    # A model whose weights are all zero has no blocks, and C no empty arrays.
    weights = coded.weights if coded.count else np.zeros(8, np.int8)
    return (
        Constant(f"blocks{k}", "int8_t", weights),
        Constant(f"gaps{k}", "uint8_t", coded.gaps(), 1),
        Constant(f"channels{k}", "int32_t", np.pad(channels, ((0, len(channels) % 2), (0, 0)))),
    )


def _dense_runs(step: FullyConnected, coded: Runs) -> Code:
    k = step.index
    units, depth = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_dense_runs_params", f"dense{k}", {
        "runs": f"runs{k}", "pairs": f"pairs{k}", "channels": f"channels{k}", "batches": step.batches,
        "depth": depth, "units": units, "zero": table.zero,
    })  # fmt: skip
    constants = (*_runs_constants(k, coded), table.constant(f"channels{k}", step.bias))
    return channel_code(step, table, "dense_runs", f"dense{k}", params, constants, "runs.h")


def _conv_indexed(step: Conv, coded: Indexed) -> Code:
    k = step.index
    dense = matrix.conv_parts(replace(step, coding=None))
    params = struct("mg_conv_indexed_params", f"conv{k}", {
        "conv": f"{{{fields(dense.fields)}}}", "weights": indexed_text(k, coded),
        "chunk": -(-coded.chunk // 4) * 4, "scratch": dense.scratch,
    })  # fmt: skip
    return Code(
        call=f"mg_conv_indexed{dense.rows.suffix}({{input0}}, {{output0}}, {{scratch}}, &conv{k});"
        + clamp_call(step, step.requantization),
        constants=(*indexed_constants(k, coded), Constant(f"channels{k}", "int32_t", dense.channels)),
        declarations=(params,),
        headers=("indexed.h",),
        files=tuple(dict.fromkeys((*dense.rows.files("conv"), *dense.rows.files("conv_indexed")))),
        scratch_bytes=dense.scratch + -(-coded.chunk // 4) * 4 * coded.elements,
        proven=dense.rows.proven,
        exact=dense.rows.exact,
    )


def _dense_indexed(step: FullyConnected, coded: Indexed) -> Code:
    k = step.index
    units, depth = step.filter.shape
    table = Channels.of(step.requantization)
    params = struct("mg_dense_indexed_params", f"dense{k}", {
        "weights": indexed_text(k, coded), "channels": f"channels{k}", "batches": step.batches,
        "depth": depth, "units": units, "zero": table.zero,
    })  # fmt: skip
    constants = (*indexed_constants(k, coded), Constant(f"channels{k}", "int32_t", fours(table.table(step.bias))))
    return channel_code(step, table, "dense_indexed", f"dense{k}", params, constants, "indexed.h")


def _runs_constants(k: int, coded: Runs) -> tuple[Constant, ...]:
    # A model whose weights are all zero has no runs, and C no empty arrays.
    filled = coded.runs if coded.runs.size else np.zeros(1, np.uint8)
    return Constant(f"runs{k}", "uint8_t", filled, 1), Constant(f"pairs{k}", "uint16_t", coded.pairs, 2)


def indexed_constants(k: int, coded: Indexed) -> tuple[Constant, ...]:
    """Return the indices and books of layer k."""
    return (
        Constant(f"codes{k}", "uint8_t", coded.codes),
        Constant(f"books{k}", "int8_t", coded.books, 1),
        Constant(f"book{k}", "uint8_t", coded.book, 1),
    )


def indexed_text(k: int, coded: Indexed) -> str:
    """Return the C of a `mg_indexed`."""
    inner: dict[str, int | str] = {
        "codes": f"codes{k}", "books": f"books{k}", "book": f"book{k}", "fours": coded.fours, "bits": coded.bits,
    }  # fmt: skip
    return f"{{{fields(inner)}}}"
