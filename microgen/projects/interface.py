"""What a user's program relies on of a model: its inputs, outputs and labels, and how they changed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError, option
from ..tflite import Tensor, TfliteModel
from .folder import Project

_SHOWN = 6


def check_interface(
    opened: Project, program: bytes, models: Sequence[tuple[str, TfliteModel, tuple[str, ...]]]
) -> None:
    """Refuse to put other inputs, outputs or labels under a main program that its user has edited.

    Scales and zero points may change: the program has them from model_config.h.

    Args:
        opened: the project that is there.
        program: the main program as microgen writes it.
        models: name, model and labels of each model that is to go there.

    Raises:
        InputError: something changed; says what.
    """
    main = opened.path / opened.layout.main
    if not main.is_file() or main.read_bytes() == program:
        return
    changes = interface_changes(opened, models)
    if changes:
        more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise InputError(
            f"{main}: you edited it for a different model: {'; '.join(changes[:_SHOWN])}{more}",
            f"{option('accept_interface', True)} keeps your program, after you adapted it;  "
            f"{option('force', True)} writes a new one",
            path=main,
            option="accept_interface",
        )


def interface_changes(opened: Project, models: Sequence[tuple[str, TfliteModel, tuple[str, ...]]]) -> list[str]:
    """Return what is another input, output or label than a project has, in words."""
    changes = []
    for was, now in itertools.zip_longest(opened.models, models):
        if was is None:
            changes.append(f"model '{now[0]}' is new")
            continue
        name = str(was.required("model.name"))
        if now is None:
            changes.append(f"model '{name}' was removed")
            continue
        place = f"{name}: " if len(models) > 1 or len(opened.models) > 1 else ""
        for kind, tensors in (("input", now[1].inputs), ("output", now[1].outputs)):
            changes += [f"{place}{text}" for text in _edges(kind, was.required(f"model.{kind}s"), tensors)]
        labels = tuple(map(str, was.manifest.get("labels", ())))
        changes += [f"{place}{text}" for text in _labels(labels, now[2])]
    return changes


def _edges(kind: str, was: Sequence[Mapping[str, Any]], now: Sequence[Tensor]) -> list[str]:
    before = [f"{t['dtype']} {list(t['shape'])}" for t in was]
    after = [f"{t.dtype} {list(t.shape)}" for t in now]
    return [
        f"{kind} {k}: {a or 'none'}, now {b or 'none'}"
        for k, (a, b) in enumerate(itertools.zip_longest(before, after, fillvalue=""))
        if a != b
    ]


def _labels(was: Sequence[str], now: Sequence[str]) -> list[str]:
    if not was or not now:
        return [f"labels: {_count(was)}, now {_count(now)}"] if len(was) != len(now) else []
    return [
        f"label {k}: {a or 'none'}, now {b or 'none'}"
        for k, (a, b) in enumerate(itertools.zip_longest(was, now, fillvalue=""))
        if a != b
    ]


def _count(labels: Sequence[str]) -> str:
    return str(len(labels)) if labels else "none"
