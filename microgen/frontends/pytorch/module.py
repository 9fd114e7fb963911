"""A checked program as a torch module that calls its operators one by one. Runs in a worker."""

from __future__ import annotations

import operator as python
from collections.abc import Sequence
from typing import Any

import torch

from ..tracing.convert import Step, Traced
from ..tracing.module import GraphModule
from ..tracing.recurrent import Lstm
from ..tracing.stepping import KINDS, Recurrent, fitted
from . import operators
from .program import DType, Node, Program, Ref, computed, references


class _Call(torch.nn.Module):
    """A node; a module of its own, because the converter names tensors after modules."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        namespace, *names = node.operator.split(".")
        given = dict(node.arguments)
        self._names: list[str | None] = []
        values = []
        if namespace == "operator":
            self._function: Any = getattr(python, names[0])
            values = [value for _, value in node.arguments]
            self._names = [None] * len(values)
        else:
            self._function = getattr(getattr(torch.ops.aten, names[0]), names[1])
            schema = self._function._schema.arguments
            if names == ["lstm", "input"]:
                self._function = Lstm()
            elif names[1] == "input" and names[0] in KINDS:
                self._function = Recurrent(names[0])
            unknown = set(given) - {a.name for a in schema}
            if unknown:
                raise TypeError(f"{node.operator} has no argument '{min(unknown)}'")
            last = max((k for k, a in enumerate(schema) if a.name in given and not a.kwarg_only), default=-1)
            for k, argument in enumerate(schema):
                if argument.kwarg_only and argument.name not in given:
                    continue
                if not argument.kwarg_only and k > last:
                    continue
                self._names.append(argument.name if argument.kwarg_only else None)
                values.append(given.get(argument.name, argument.default_value))
        self._values = values
        self._moves = len(names) > 1 and names[0] in ("view", "reshape", "_unsafe_view") and names[1] == "default"

    def forward(self, known: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor, several, or a size
        arguments = [_value(v, known) for v in self._values]
        if self._moves:
            arguments[1] = fitted(arguments[1], arguments[0])
        placed = [a for a, name in zip(arguments, self._names, strict=True) if name is None]
        named = {name: a for a, name in zip(arguments, self._names, strict=True) if name is not None}
        return self._function(*placed, **named)


def _value(value: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401
    if isinstance(value, Ref):
        return known[value.name]
    if isinstance(value, DType):
        return getattr(torch, value.name)
    if isinstance(value, list):
        return [_value(v, known) for v in value]
    return value


def _module(program: Program, count: int | None, outputs: Sequence[str] | None) -> GraphModule:
    """Return the first nodes of a program as a module, all for None."""
    return GraphModule(
        [i.name for i in program.inputs],
        program.outputs if outputs is None else outputs,
        program.weights,
        [(_Call(node), node.outputs) for node in program.nodes[:count]],
    )


def traced(program: Program) -> Traced:
    """Return a program for conversion."""
    steps = tuple(
        Step(
            operators.layout_kind(node.operator),
            tuple(name for _, value in node.arguments for name in references(value)),
            node.outputs,
            node.path,
            operators.base_name(node.operator),
        )
        for node in program.nodes
    )
    return Traced(
        tuple(i.name for i in program.inputs),
        tuple(i.shape for i in program.inputs),
        tuple(computed(i.dtype) for i in program.inputs),
        program.outputs,
        steps,
        lambda count, outputs: _module(program, count, outputs),
    )
