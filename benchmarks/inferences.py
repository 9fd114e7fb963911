"""Inferences a second: TFLM's Python package in a bare loop, and the same inside a verification.

Both are the slope between a short and a long run, so that starting up does not count.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from .measure import ROOT, Row, run

_RAW = (
    "import sys, numpy as np; from tflite_micro.python.tflite_micro import runtime;"
    "i = runtime.Interpreter.from_file(sys.argv[1], arena_size=60000);"
    "x = np.random.default_rng(0).integers(-128, 128, (1, 32, 32, 3)).astype(np.int8);"
    "[(i.set_input(x, 0), i.invoke(), i.get_output(0)) for _ in range(int(sys.argv[2]))]"
)
_VERIFIED = (
    "import sys, numpy as np; from pathlib import Path;"
    "from microgen import workers; from microgen.workers import TFLM, tflm;"
    "data = Path(sys.argv[1]).read_bytes();"
    "x = np.random.default_rng(0).integers(-128, 128, (int(sys.argv[2]), 1, 32, 32, 3)).astype(np.int8);"
    "workers.run(TFLM, tflm.run, tflm.RunRequest(data, (x,), 60000))"
)
_SHORT, _LONG = 50, 450


def rows(model: Path, runs: int) -> list[Row]:
    """Time one inference of ResNet-8 in both."""
    found = []
    for tool, code in (("tflite-micro, a bare loop", _RAW), ("microgen, inside a verification", _VERIFIED)):
        slopes = []
        for _ in range(runs):
            short, long = (run([sys.executable, "-c", code, str(model), str(n)], ROOT)[0] for n in (_SHORT, _LONG))
            slopes.append((long - short) / (_LONG - _SHORT))
        remark = f"{1 / statistics.median(slopes):.0f} inferences per second"
        found.append(Row("parts", "one inference of ResNet-8", tool, slopes, 0, remark))
    return found
