"""Names the tensors of a converted model after the modules that compute them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..converted import Scale

_STEP = re.compile(r"_n(\d+)(?=[;/]|$)")


def named(
    tflite: bytes, inputs: Sequence[str], outputs: Sequence[str], paths: Sequence[str], scales: Sequence[Scale | None]
) -> tuple[bytes, tuple[str, ...], dict[str, Scale]]:
    """Return a .tflite with short names, the modules that these begin with, and the scales of tensors by name.

    litert-torch names a tensor after all classes and modules on the way to what it was computed by, and joins these
    names where operators were fused: up to half of a small model's bytes.

    Args:
        tflite: the model; its tensors are named after modules "n3" for the node 3.
        inputs, outputs: what these are to be called.
        paths: the module of each node, "" if it is not known.
        scales: those that the file brings, by the numbers in the tensors' names, see `ranges`.
    """
    from ..rewriting.graph import Graph
    from .ranges import scale_of

    graph = Graph(tflite)
    taken: dict[str, int] = {}
    scaled: dict[str, Scale] = {}
    written = {i for op in graph.main.operators for i in graph.outputs(op)}
    numbers = [int(i) for i in graph.main.inputs]
    wanted = dict(zip(graph.results, outputs, strict=True)) | dict(zip(numbers, inputs, strict=True))
    order = [*wanted, *sorted(set(range(len(graph.main.tensors))) - set(wanted), key=lambda i: i not in written)]
    layers = [path for path in dict.fromkeys(outputs) if path in paths]
    for i in order:
        scale = scale_of(graph.label(i), scales)
        found = [paths[int(n)] for n in _STEP.findall(graph.label(i)) if int(n) < len(paths)]
        # Of fused operators the first is the layer, and those that follow its activation.
        path = next((p for p in reversed(found) if p), "")
        if path and path not in layers:
            layers.append(path)
        name = wanted.get(i) or path or "value"
        if i not in written and i not in numbers:
            name += "/constant"
        count = taken[name] = taken.get(name, -1) + 1
        name = f"{name}_{count}" if count else name
        graph.main.tensors[i].name = name.encode()
        if scale is not None:
            scaled[name] = scale
    for signature in graph.model.signatureDefs or ():
        for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
            entry.name = graph.label(entry.tensorIndex).encode()
    return graph.pack(), tuple(layers), scaled
