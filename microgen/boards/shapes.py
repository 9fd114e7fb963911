"""Expressions over the shapes of one operator's tensors, as boards/tflm/*.toml write them.

What an optimised kernel library asks of the arena, and where it is known to be wrong, depends on shapes in ways that
no table of coefficients bounds tightly; boards/README.md lists the names that an expression may use.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ..errors import nearest

_ALIGNMENT = 16  # bytes: MicroArenaBufferAlignment() of TFLM
_Pair = tuple[int, int]


@dataclass(frozen=True)
class OpShape:
    """The shapes of one operator's tensors: all that a kernel library's scratch memory depends on.

    Strides and padding may be left out: then they follow from the shapes, and where several fit, every answer is
    for the worst of them. Where an axis of the output has one element, any longer stride fits too; its stride is
    then taken to be the shortest that fits, or the other axis' stride, or 2 where both axes have one element.

    Attributes:
        input: shape of the activations that come in, NHWC for an image (of TRANSPOSE_CONV: its third input).
        output: shape of the first output.
        filter: shape of the weights as the file has them; () for an operator without weights.
        activation_bytes: bytes of one activation: 1 for int8, 2 for int16.
        inputs: number of inputs.
        strides: (height, width), where they are known.
        dilations: (height, width), used only together with strides.
    """

    input: tuple[int, ...]
    output: tuple[int, ...]
    filter: tuple[int, ...] = ()
    activation_bytes: int = 1
    strides: tuple[int, int] | None = None
    dilations: tuple[int, int] = (1, 1)
    inputs: int = 1

    def settings(self) -> Iterator[dict[str, int]]:
        """Yield the values of the names in an expression, once for each stride and padding that fit."""
        in_h, in_w, in_c = _height_width_channels(self.input)
        out_h, out_w, out_c = _height_width_channels(self.output)
        windowed = len(self.filter) == 4
        filter_h, filter_w = self.filter[1:3] if windowed else (1, 1)
        names = {
            "batch": self.input[0] if self.input else 1,
            "in_rank": len(self.input),
            "in_dim1": self.input[1] if len(self.input) > 1 else 1,
            "in_h": in_h,
            "in_w": in_w,
            "in_c": in_c,
            "out_rank": len(self.output),
            "out_h": out_h,
            "out_w": out_w,
            "out_c": out_c,
            "out_size": math.prod(self.output),
            "filter_h": filter_h,
            "filter_w": filter_w,
            "filter_size": math.prod(self.filter) if self.filter else 0,
            "window": filter_h * filter_w * in_c if windowed else (self.filter[-1] if self.filter else 0),
            "multiplier": max(1, out_c // in_c),
            "activation_bytes": self.activation_bytes,
            "inputs": self.inputs,
        }
        if not windowed:
            yield {**names, **_axis_names("h", (1, 0)), **_axis_names("w", (1, 0))}
            return
        for row, column in sorted(self._axes((in_h, in_w), (out_h, out_w), (filter_h, filter_w))):
            yield {**names, **_axis_names("h", row), **_axis_names("w", column)}

    def _axes(self, size: _Pair, out: _Pair, window: _Pair) -> set[tuple[_Pair, _Pair]]:
        """Return what fits: (stride, leading padding) of the height with that of the width."""
        pairs: set[tuple[_Pair, _Pair]] = set()
        for same in (True, False):
            if self.strides is None:
                rows, columns = (_strides(*axis, same) for axis in zip(size, out, window, strict=True))
                single = [1 in pair for pair in zip(size, out, strict=True)]
                common = {2} if all(single) else set()
                if single[0] and rows:
                    common |= {rows[0][0], *(stride for stride, _ in columns)}
                    rows = _fits(size[0], out[0], window[0], common, same)
                if single[1] and columns:
                    common |= {columns[0][0], *(stride for stride, _ in rows)}
                    columns = _fits(size[1], out[1], window[1], common, same)
            else:
                reach = [(w - 1) * d + 1 for w, d in zip(window, self.dilations, strict=True)]
                rows = _fits(size[0], out[0], reach[0], self.strides[:1], same)
                columns = _fits(size[1], out[1], reach[1], self.strides[1:], same)
            pairs.update(itertools.product(rows, columns))
        # Nothing fits: padding that a converter folded in. Take what comes nearest to SAME.
        return pairs or {(_guess(size[0], out[0], window[0]), _guess(size[1], out[1], window[1]))}


def _height_width_channels(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 4:
        return shape[1], shape[2], shape[3]
    return 1, 1, shape[-1] if shape else 1


def _axis_names(axis: str, setting: _Pair) -> dict[str, int]:
    return {f"stride_{axis}": setting[0], f"pad_{axis}": setting[1]}


def _strides(size: int, out: int, window: int, same: bool) -> list[_Pair]:
    """Return each (stride, leading padding) that turns `size` into `out`, at most eight from both ends."""
    for dilation in range(1, max(size, out, 2)):
        reach = (window - 1) * dilation + 1
        if fits := _fits(size, out, reach, range(1, max(size, out, reach) + 1), same):
            return fits if len(fits) <= 8 else fits[:4] + fits[-4:]
    return []


def _fits(size: int, out: int, reach: int, strides: Iterable[int], same: bool) -> list[_Pair]:
    """Return those of the strides, with their leading padding, for which a filter that reaches so far fits."""
    if out > size:  # a transposed convolution
        size, out = out, size
    return [
        (stride, max(0, (out - 1) * stride + reach - size) // 2 if same else 0)
        for stride in strides
        if out == (-(-size // stride) if same else (size - reach) // stride + 1 if size >= reach else 0)
    ]


def _guess(size: int, out: int, window: int) -> _Pair:
    size, out = max(size, out), min(size, out)
    stride = max(1, size // max(1, out))
    return stride, max(0, (out - 1) * stride + window - size) // 2


_NAMES = frozenset(next(OpShape((1,), (1,)).settings()))
_FUNCTIONS: Mapping[str, Callable[..., int]] = {
    "min": min,
    "max": max,
    "align": lambda x, to: -(-x // to) * to,
}
_BINARY: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


@cache
def _parse(expression: str) -> ast.expr:
    try:
        tree = ast.parse(f"({expression})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression: {error}") from None
    nodes = list(ast.walk(tree))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    for node in nodes:
        if node not in called:
            _check_node(node)
    return tree


def _check_node(node: ast.AST) -> None:
    """Raise ValueError for whatever is not integer arithmetic over the known names."""
    match node:
        case ast.Constant(value=value) if type(value) is int:
            return
        case ast.Name(id=name) if name in _NAMES:
            return
        case ast.Name(id=name):
            hint = nearest(name, _NAMES, f"one of {', '.join(sorted(_NAMES))}")
            raise ValueError(f"unknown name '{name}', {hint}")
        case ast.BinOp(op=ast.FloorDiv() | ast.Mod(), right=right):
            if not (isinstance(right, ast.Constant) and type(right.value) is int and right.value > 0):
                raise ValueError("// and % need a positive number on their right")
        case ast.BinOp(op=op) if type(op) in _BINARY:
            return
        case ast.Compare(ops=ops) if all(type(op) in _COMPARE for op in ops):
            return
        case ast.Call(func=ast.Name(id=name), args=[_, _], keywords=[]) if name in _FUNCTIONS:
            return
        case ast.BoolOp() | ast.IfExp() | ast.UnaryOp(op=ast.Not() | ast.USub()) | ast.Load():
            return
        case ast.operator() | ast.cmpop() | ast.boolop() | ast.unaryop():
            return
        case _:
            raise ValueError(f"{type(node).__name__} is not allowed in an expression")


def _value(node: ast.expr, names: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=value):
            return int(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, names)
            return int(not value) if isinstance(op, ast.Not) else -value
        case ast.BoolOp(op=op, values=values):
            every = all if isinstance(op, ast.And) else any
            return int(every(_value(v, names) for v in values))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, names) else orelse, names)
        case ast.Call(func=ast.Name(id=name), args=[first, second]):
            return _FUNCTIONS[name](_value(first, names), _value(second, names))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            terms = [_value(v, names) for v in (left, *comparators)]
            return int(all(_COMPARE[type(op)](a, b) for op, a, b in zip(ops, terms, terms[1:], strict=False)))
    raise AssertionError(f"_check_node lets {type(node).__name__} pass")


def worst(expression: str | None, shape: OpShape) -> int:
    """Return the largest value of an expression of bytes over all that fits the shape, rounded up to 16."""
    if expression is None:
        return 0
    tree = _parse(expression)
    return _FUNCTIONS["align"](max(0, *(_value(tree, names) for names in shape.settings())), _ALIGNMENT)


def check_expression(text: str) -> str:
    """Return an expression as it is; raises ValueError when it is none, or uses what expressions may not."""
    _parse(text)
    return text


def holds(condition: str, shape: OpShape) -> bool:
    """Return whether a condition is true for one of the settings that fit a shape."""
    return any(_value(_parse(condition), names) for names in shape.settings())
