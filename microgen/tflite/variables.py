"""Resource variables: VAR_HANDLE names them, READ_VARIABLE and ASSIGN_VARIABLE access them."""

from __future__ import annotations

from ..errors import InputError
from .model import Operator, Subgraph, Tensor, TfliteModel

HANDLE, READ, ASSIGN = "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"
_HINT = "convert it again: a variable keeps one name, shape and type, and has an initial value"


def names(model: TfliteModel) -> tuple[str, ...]:
    """Return the names of the variables, in the order in which the graphs name them."""
    handles = [op for graph in model.subgraphs for op in graph.operators if op.name == HANDLE]
    return tuple(dict.fromkeys(op.options.shared_name for op in handles))


def name_of(graph: Subgraph, op: Operator) -> str | None:
    """Return the variable that READ_VARIABLE or ASSIGN_VARIABLE accesses; None if its handle is not of this graph."""
    for other in graph.operators[: op.index]:
        if other.name == HANDLE and op.inputs[:1] == other.outputs:
            return other.options.shared_name
    return None


def value_of(graph: Subgraph, op: Operator) -> Tensor:
    """Return what READ_VARIABLE writes, or ASSIGN_VARIABLE reads."""
    return graph.tensors[op.outputs[0] if op.name == READ else op.inputs[1]]


def check_variables(model: TfliteModel) -> None:
    """Reject variables for which TFLM would access memory out of bounds, or crash; TFLM does not check them.

    Source: `micro_resource_variable.cc` of TensorFlow Lite Micro.

    Raises:
        InputError: names the operator.
    """
    sizes: dict[str, tuple[str, int]] = {}
    containers = set[str | None]()
    read: dict[str, Operator] = {}
    assigned = set[str]()
    for graph in model.subgraphs:
        for op in graph.operators:
            if op.name == HANDLE:
                containers.add(op.options.container)
                if not op.options.shared_name or len(op.outputs) != 1 or op.inputs:
                    raise _refusal(model, op, "names no variable")
                if len(containers) > 1:
                    raise _refusal(model, op, "names a variable in a different container from the others")
            elif op.name in (READ, ASSIGN):
                wanted = (1, 1) if op.name == READ else (2, 0)
                name = name_of(graph, op)
                if (len(op.inputs), len(op.outputs)) != wanted or min(op.inputs) < 0 or name is None:
                    raise _refusal(model, op, "has no handle of a variable from the same graph")
                tensor = value_of(graph, op)
                if sizes.setdefault(name, (tensor.dtype, tensor.bytes)) != (tensor.dtype, tensor.bytes):
                    raise _refusal(model, op, f"uses variable '{name}' with a different size or type from elsewhere")
                if op.name == READ:
                    read.setdefault(name, op)
                else:
                    assigned.add(name)
    for name, op in read.items():
        if name not in assigned:
            raise _refusal(model, op, f"reads variable '{name}', which nothing assigns")


def _refusal(model: TfliteModel, op: Operator, what: str) -> InputError:
    return InputError(f"{model.name}: operator {op.index} ({op.name}) {what}", _HINT, operator=op.name)
