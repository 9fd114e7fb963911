"""Times a PyTorch program of DS-CNN: ours to a verified project, and litert-torch's alone to a float .tflite.

Both are whole processes, and begin with a .pt2. Ours includes what litert-torch does, the comparison with PyTorch, the
quantization, and the firmware, compiled and compared. On a machine that others use, too, the processor time is what
counts: it is that of the command and of the processes that it waited for.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .measure import ROOT, Row, take_turns

_PLAIN = """
import torch, litert_torch
program = torch.export.load("ds_cnn.pt2")
litert_torch.convert(program.module(), (torch.zeros(1, 1, 49, 10),)).export("ds_cnn.tflite")
"""
_MAKE = """
import sys
import numpy as np
from tests.support.torch_nets import network
from tests.support.torch_tools import export, torch
module, shape = network("ds-cnn")
export(module, torch().zeros(1, *shape), sys.argv[1] + "/ds_cnn.pt2")
np.save(sys.argv[1] + "/data.npy", np.random.default_rng(0).normal(size=(100, *shape)).astype(np.float32))
"""


def rows(runs: int, problems: list[str]) -> list[Row]:
    """Time both in turns."""
    if importlib.util.find_spec("litert_torch") is None:
        problems.append("litert-torch is not installed: the extra torch")
        return []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, "-c", _MAKE, made], cwd=ROOT, check=True, capture_output=True)

        def given(folder: Path, command: Sequence[str]) -> Sequence[str]:
            for path in Path(made).iterdir():
                (folder / path.name).write_bytes(path.read_bytes())
            return command

        build = ["build", "ds_cnn.pt2", "--calibration", "data.npy", "--board", "pico", "--samples", "20"]
        found = take_turns(
            "parts",
            "DS-CNN from a .pt2",
            {
                "microgen": lambda folder: given(folder, [sys.executable, "-m", "microgen", *build]),
                "litert-torch": lambda folder: given(folder, [sys.executable, "-c", _PLAIN]),
            },
            runs,
            {"microgen": "to a verified project", "litert-torch": "to a float .tflite"},
        )
    for row in found:
        if row.cpu_seconds:
            row.remark += f", {statistics.median(row.cpu_seconds):.3g} s of processor time; load {load:.2f}"
    return found
