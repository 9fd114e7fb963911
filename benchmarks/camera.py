"""Instructions of the application `camera` for each image, besides the model's: `python -m benchmarks.camera`.

No board with a camera has a CPU that can be emulated, so boards with such a CPU get one. The firmware runs on images of
160x120 random pixels in QEMU: it crops and resizes them, quantizes the result for the model, and scores its outputs.
Instructions of QEMU are exact and the same from run to run; they are no cycles.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.boards import load_cpu
from microgen.support import resources
from tests.support.models import ModelBuilder

BOARDS = ("nano33ble", "pico", "esp32c3")
_SENSOR = """
[[sensors]]
kind = "camera"
title = "a camera"
driver = "esp_camera.cc"
build_flags = ["-DCAMERA_D0=15"]
source = "https://example.com"
"""


def board(name: str, folder: Path) -> Path:
    """Write the file of a board that has a camera, too."""
    text = (resources.path("boards") / f"{name}.toml").read_text("utf-8")
    text = re.sub(r"(?m)^aliases = .*\n", "", text).replace(f'name = "{name}"', f'name = "{name}-camera"', 1)
    file = folder / f"{name}-camera.toml"
    file.write_text(text + _SENSOR, "utf-8")
    return file


def model(channels: int) -> bytes:
    """Return a small classifier of images of 96x96."""
    b = ModelBuilder()
    x, mean, flat, scores, y = (
        b.tensor(name, shape, scale=scale, zero_point=-128)
        for name, shape, scale in (
            ("image", [1, 96, 96, channels], 1 / 255),
            ("mean", [1, 1, 1, channels], 1 / 255),
            ("flat", [1, channels], 1 / 255),
            ("scores", [1, 2], 0.1),
            ("probabilities", [1, 2], 1 / 256),
        )
    )
    pool, softmax = schema.Pool2DOptionsT(), schema.SoftmaxOptionsT()
    pool.filterHeight = pool.filterWidth = pool.strideH = pool.strideW = 96
    pool.padding, softmax.beta = schema.Padding.VALID, 1.0
    weights = b.tensor("weights", [2, channels], scale=0.01, values=np.ones((2, channels)))
    b.op("AVERAGE_POOL_2D", [x], [mean], pool)
    b.op("RESHAPE", [mean, b.tensor("shape", [2], "int32", values=[1, channels])], [flat])
    b.op("FULLY_CONNECTED", [flat, weights, -1], [scores], schema.FullyConnectedOptionsT())
    b.op("SOFTMAX", [scores], [y], softmax)
    return b.build([x], [y])


def instructions(name: str, channels: int, folder: Path) -> int:
    """Count the instructions of the application for one image."""
    (folder / "seen.tflite").write_bytes(model(channels))
    built = microgen.build(
        folder / "seen.tflite", board(name, folder), application="camera", labels=["no", "yes"], runtime="compiled",
        application_options={"channels": str(channels), "images_per_s": "5"}, out=folder / "project", verify=False,
    )  # fmt: skip
    counted = microgen.inspect(built.project).application
    assert counted is not None
    if counted.load is None:
        raise SystemExit(f"{name}: {counted.uncounted}")
    return round(counted.instructions / 5)


def main() -> None:
    """Print the instructions of grey and of coloured images."""
    print("CPU: instructions per image of 96x96, grey; three colours")
    for name in BOARDS:
        counts = []
        for channels in (1, 3):
            with tempfile.TemporaryDirectory() as folder:
                counts.append(instructions(name, channels, Path(folder)))
        print(f"{load_cpu(microgen.load_board(name).cpu).title}: {counts[0]:,}; {counts[1]:,}", flush=True)


if __name__ == "__main__":
    main()
