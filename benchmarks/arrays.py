"""A C array of 4 MiB: microgen's writer and xxd -i, both as whole processes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .measure import Row, take_turns

_BYTES = 4 * 2**20
_OURS = (
    "import sys; from pathlib import Path; from microgen.support.render import render;"
    "data = Path(sys.argv[1]).read_bytes();"
    "Path('m.cc').write_bytes(render('model_data.cc.j2', name='m', sha256='', file_bytes=len(data), data=data))"
)


def rows(runs: int, problems: list[str]) -> list[Row]:
    """Time both."""

    data = bytes((i * 2654435761 >> 7) & 255 for i in range(_BYTES))

    def with_file(*argv: str):
        def command(folder: Path) -> Sequence[str]:
            (folder / "m.tflite").write_bytes(data)
            return argv

        return command

    tools = {"microgen": with_file(sys.executable, "-c", _OURS, "m.tflite")}
    if shutil.which("xxd"):
        tools["xxd -i"] = with_file("xxd", "-i", "m.tflite", "m.cc")
    else:
        problems.append("xxd is not installed")
    return take_turns("parts", "C array of 4 MiB", tools, runs, {"microgen": "includes the start of Python"})
