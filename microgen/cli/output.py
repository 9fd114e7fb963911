"""What a command shows while it works."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import visible


class Progress:
    """What is being done, and how much of it, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

            description = TextColumn("{task.description}", markup=False)
            columns = (SpinnerColumn(), description, BarColumn(), TaskProgressColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __call__(self, step: str) -> None:
        """Show what is done now."""
        if self._bar is not None:
            self._bar.reset(self._task, total=None, description=visible(step))

    def part(self, done: int, total: int) -> None:
        """Show how much of the step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
