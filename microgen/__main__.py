"""Entry point: `python -m microgen`, and the program `microgen`."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit; see `cli.main.main`."""
    left: list[object] = []
    # Registered first, so run last: what any module does at the end is done by then.
    atexit.register(_end, left)
    from .cli.main import main as run

    try:
        run()
    except SystemExit as end:
        left.append(end.code)
        raise


def _end(left: list[object]) -> None:
    """End the process with its exit code, without taking every module apart: that took 70 ms after a build."""
    if not left or not isinstance(left[0], int):
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # Python reports it its own way
    os._exit(left[0])


if __name__ == "__main__":
    main()
