"""What a compression method costs and brings on the compiled runtime, as the results have it."""

from __future__ import annotations

from dataclasses import dataclass

DENSE, INT4 = "int8, dense", "int4"
HEADS = ("optimised for", "", "accuracy", "against dense", "weights", "instructions", "RAM, bytes", "code, bytes")


@dataclass(frozen=True)
class Share:
    """A method on a network, over its seeds.

    Attributes:
        score, change: accuracy in TFLM on held-out samples, and its difference to dense weights with its standard
            error.
        weights, instructions: shares of those of dense weights, compiled alike.
        ram_bytes, code_bytes: what is needed more, and what kernels take more, at most.
    """

    network: str
    optimize: str
    method: str
    seeds: int
    score: float
    change: str
    weights: float
    instructions: float
    ram_bytes: int
    code_bytes: int

    def cells(self) -> list[str]:
        """Return it as cells of a table: the network, and what `HEADS` names."""
        label = self.method if self.method in (DENSE, INT4) else f"`{self.method}`"
        figures = [f"{self.weights:.3f}", f"{self.instructions:.3f}", f"{self.ram_bytes:+d}", f"{self.code_bytes:+d}"]
        return [f"{self.network} ({self.seeds})", self.optimize, label, f"{self.score:.4f}", self.change, *figures]
