"""Weights of four bits, rounded so that the outputs of a layer change as little as possible on given inputs.

Frantar et al., "GPTQ: Accurate post-training quantization for generative pre-trained transformers", 2022: columns of
the weights are rounded one after the other, and the others make up for the error, as far as inputs go together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..tflite import Operator, Tensor

LARGEST = 7
# A scale may cut the largest weights off where that makes the others better.
_SHARES = np.linspace(0.5, 1.0, 6)
_DAMPING = 0.01  # of the mean square of an element: inputs are few
_MOST_ROWS = 8192
_BLOCK = 64  # columns whose errors go to the others at once
_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.float32]


def four_bits(
    w: npt.NDArray[np.int8], scales: int, fields: Sequence[_Rows], *, has_bias: bool
) -> tuple[npt.NDArray[np.int8], _Floats, _Floats]:
    """Return int8 weights as -7 to 7, by what their scales grow, and what biases gain, in units of the old weights.

    Args:
        w: weights, output channels first.
        scales: how many scales they have: one, or one per channel.
        fields: what the weights of a channel are multiplied by, [rows, elements], of each group of channels.
        has_bias: whether the layer has a bias, which makes up for the mean of what the outputs change by.
    """
    groups = np.split(w.reshape(len(w), -1).astype(np.float64), len(fields))
    means = [rows.mean(0, dtype=np.float64) * has_bias for rows in fields]
    moments = [_moments(rows, mean) for rows, mean in zip(fields, means, strict=True)]
    inverses = [_inverse_factor(h) for h in moments]
    largest = np.maximum(np.abs(w.reshape(scales, -1).astype(np.float64)).max(1), 1.0) / LARGEST
    best = np.full(scales, np.inf)
    small, factors = np.zeros((len(w), groups[0].shape[1])), largest.copy()
    for share in _SHARES:
        tried = np.broadcast_to(largest * share, (len(w),))
        parts = np.split(tried, len(fields))
        q = np.concatenate([_rounded(*part) for part in zip(groups, parts, moments, inverses, strict=True)])
        errors = np.concatenate(
            [
                _error(g - x * s[:, None], h)
                for g, x, s, h in zip(groups, np.split(q, len(fields)), parts, moments, strict=True)
            ]
        )
        errors = errors.reshape(scales, -1).sum(1)
        better = errors < best
        best, factors = np.where(better, errors, best), np.where(better, largest * share, factors)
        small = np.where(np.repeat(better, len(w) // scales)[:, None], q, small)
    lost = np.concatenate(groups) - small * np.broadcast_to(factors, (len(w),))[:, None]
    bias = np.concatenate([part @ mean for part, mean in zip(np.split(lost, len(fields)), means, strict=True)])
    return small.astype(np.int8).reshape(w.shape), factors, bias


def fields_of(op: Operator, x: npt.NDArray[np.int8], tensors: Sequence[Tensor]) -> list[_Rows]:
    """Return what the weights of a CONV_2D or FULLY_CONNECTED are multiplied by, of each group of channels.

    Args:
        op: the operator.
        x: the values of its input, samples first.
        tensors: of its graph.
    """
    given, kernel, output = (tensors[k] for k in (*op.inputs[:2], op.outputs[0]))
    assert given.quantization is not None
    zero_point = int(given.quantization.zero_points[0])
    if op.name == "FULLY_CONNECTED":
        rows = x.reshape(-1, kernel.shape[1])
        return [rows[_some(len(rows))].astype(np.float32) - zero_point]
    assert op.strides is not None
    _, kh, kw, depth = kernel.shape
    _, oh, ow, _ = output.shape
    real = x.reshape(-1, *given.shape[1:]).astype(np.float32) - zero_point
    pads = [
        max((out - 1) * stride + (size - 1) * dilation + 1 - n, 0) if op.options.padding == "SAME" else 0
        for out, stride, size, dilation, n in zip(
            (oh, ow), op.strides, (kh, kw), op.dilations, given.shape[1:3], strict=True
        )
    ]
    real = np.pad(real, ((0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)))
    sample, y, column = np.unravel_index(_some(len(real) * oh * ow), (len(real), oh, ow))
    taps = [
        real[sample, y * op.strides[0] + i * op.dilations[0], column * op.strides[1] + j * op.dilations[1]]
        for i in range(kh)
        for j in range(kw)
    ]
    stacked = np.stack(taps, axis=1)  # [rows, taps, input channels]
    return [part.reshape(len(part), -1) for part in np.split(stacked, given.shape[3] // depth, axis=2)]


def _some(count: int) -> npt.NDArray[np.int64]:
    """Return the numbers of as many rows as are wanted, from everywhere."""
    return np.linspace(0, count - 1, min(count, _MOST_ROWS)).astype(np.int64)


def _moments(rows: _Rows, mean: _Floats) -> _Floats:
    """Return how elements vary together around a mean, [elements, elements]."""
    centred = rows - mean.astype(np.float32)
    h = (centred.T @ centred).astype(np.float64) / len(rows)
    level = float(np.diag(h).mean()) or 1.0
    return np.asarray(h + np.eye(len(h)) * _DAMPING * level)


def _inverse_factor(h: _Floats) -> tuple[npt.NDArray[np.intp], _Floats]:
    """Return the order of the columns, those that vary most first, and the upper factor of the inverse."""
    order = np.argsort(-np.diag(h), kind="stable")
    return order, np.linalg.cholesky(np.linalg.inv(h[np.ix_(order, order)])).T


def _rounded(w: _Floats, scale: _Floats, h: _Floats, inverse: tuple[npt.NDArray[np.intp], _Floats]) -> _Floats:
    order, factor = inverse
    left = w[:, order]
    q = np.zeros_like(left)
    for begin in range(0, len(h), _BLOCK):
        end = min(begin + _BLOCK, len(h))
        errors = np.zeros((len(w), end - begin))
        for k in range(begin, end):
            q[:, k] = np.clip(np.rint(left[:, k] / scale), -LARGEST, LARGEST)
            errors[:, k - begin] = (left[:, k] - q[:, k] * scale) / factor[k, k]
            left[:, k + 1 : end] -= np.outer(errors[:, k - begin], factor[k, k + 1 : end])
        left[:, end:] -= errors @ factor[begin:end, end:]
    back = np.empty_like(q)
    back[:, order] = q
    return back


def _error(lost: _Floats, h: _Floats) -> _Floats:
    """Return the mean square of what outputs change by, but for its mean."""
    return np.asarray(((lost @ h) * lost).sum(1))
