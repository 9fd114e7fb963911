"""What a worker process prints."""

from __future__ import annotations

import threading

from .limits import kill
from .process import Process

# What is kept of the end of a worker's output, and how much output is a flood.
_KEPT = 2**20
FLOOD = 64 * 2**20


class Log:
    """Reads a worker's output as it comes, keeps the end of it, and kills a worker that floods."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._kept = bytearray()
        self._count = 0
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    @property
    def is_flood(self) -> bool:
        """Whether the worker was killed because it printed too much."""
        return self._count > FLOOD

    def text(self) -> str:
        """Return the end of the output of a worker that has ended."""
        self._thread.join(1.0)
        return self._kept[-_KEPT:].decode("utf-8", "replace")

    def _drain(self) -> None:
        with self._process.output as stream:
            while chunk := stream.read1(65536):  # type: ignore[attr-defined]
                self._count += len(chunk)
                self._kept += chunk
                if len(self._kept) > 2 * _KEPT:
                    del self._kept[:-_KEPT]
                if self.is_flood:
                    kill(self._process)
