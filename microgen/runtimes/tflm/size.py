"""What TFLM takes of a board's flash and RAM besides the arena, from measured parts."""

from __future__ import annotations

from collections.abc import Sequence

from ...boards import Board
from ...tflite import TfliteModel
from ..runtime import Part
from .snapshot import snapshot_of

# The firmware's own statics on a 32-bit target: interpreter, serial commands and, for each operator, its entry in the
# resolver. Upper bounds; tests/deployment/test_firmware_objects.py measures the objects again.
_STATIC_BYTES = 1_024
_STATIC_BYTES_PER_OP = 40
_STATIC_BYTES_PER_MODEL = 320
_CUSTOM_OP_BYTES = 8_192


def static_bytes(resolver_methods: int, models: int = 1) -> int:
    """Return an upper bound of the statics of a firmware of so many models, for a resolver with so many methods."""
    return _STATIC_BYTES + _STATIC_BYTES_PER_OP * resolver_methods + _STATIC_BYTES_PER_MODEL * (models - 1)


def code_parts(models: Sequence[TfliteModel], board: Board) -> tuple[Part, ...]:
    """Return what the code of the runtime and of the models' kernels takes."""
    code = snapshot_of(board).code
    operators = {(op.name, op.is_custom) for model in models for graph in model.subgraphs for op in graph.operators}
    ops = [name for name, is_custom in operators if not is_custom]
    custom = len(operators) - len(ops)
    percent = code.error_percent[board.mcu.architecture]
    parts = [
        Part.measured("TFLM runtime and firmware", code.runtime_bytes, percent, code.source),
        Part.measured(f"kernels of {_counted(len(ops))}", sum(code.op_bytes[op] for op in ops), percent, code.source),
    ]
    if custom:
        parts.append(Part.measured(f"kernels of {custom} custom", _CUSTOM_OP_BYTES * custom, 100, "not measured"))
    return tuple(parts)


def _counted(count: int) -> str:
    return f"{count} operator{'' if count == 1 else 's'}"
