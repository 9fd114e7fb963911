"""A graph as a torch module that calls its nodes one by one. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch


def tensors(result: Any) -> list[torch.Tensor]:  # noqa: ANN401
    """Return what a module returns as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


class GraphModule(torch.nn.Module):
    """Nodes in the order of their running; each is a module of its own, "n3", which tensors are then named after.

    Args:
        inputs, outputs: names of values.
        weights: constants by name.
        calls: for each node a module that takes all known values by name, and the names of what it returns.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        weights: Mapping[str, npt.NDArray[Any]],
        calls: Sequence[tuple[torch.nn.Module, Sequence[str]]],
    ) -> None:
        super().__init__()
        self._inputs, self._outputs = list(inputs), list(outputs)
        self._weights = {}
        for k, (name, values) in enumerate(weights.items()):
            self.register_buffer(f"w{k}", torch.from_numpy(np.array(values)))
            self._weights[name] = f"w{k}"
        self._written = [tuple(outputs) for _, outputs in calls]
        for k, (call, _) in enumerate(calls):
            self.add_module(f"n{k}", call)

    def forward(self, *inputs: torch.Tensor) -> Any:  # noqa: ANN401 - one tensor, or several
        """Run the nodes; the inputs have the batch."""
        known: dict[str, Any] = dict(zip(self._inputs, inputs, strict=True))
        known.update((name, getattr(self, key)) for name, key in self._weights.items())
        for k, names in enumerate(self._written):
            result = getattr(self, f"n{k}")(known)
            if len(names) == 1 and not isinstance(result, (list, tuple)):
                known[names[0]] = result
            else:
                known.update(zip(names, result, strict=False))
        results = tuple(known[name] for name in self._outputs)
        return results[0] if len(results) == 1 else results
