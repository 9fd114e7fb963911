"""What the builds of one model for several boards have in common, and make once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ..quantization import Quantized
from ..verification import EngineRuns


class BuildCache:
    """Quantized models and the engines' answers, for builds that differ in nothing but the board.

    Attributes:
        engines: what LiteRT and TFLM answered, by model and samples.
    """

    def __init__(self) -> None:
        self.engines = EngineRuns()
        self._sources: dict[Hashable, Quantized] = {}

    def __enter__(self) -> BuildCache:
        self.engines.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.engines.__exit__()

    def source(self, key: Hashable, make: Callable[[], Quantized]) -> Quantized:
        """Return the quantized model that boards with this key get, made when the first one asks."""
        if key not in self._sources:
            self._sources[key] = make()
        return self._sources[key]
