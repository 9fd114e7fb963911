"""Instructions and RAM of the resizing of a camera's images on emulated CPUs: `python -m benchmarks.image`.

An image of 160x120 random pixels goes row by row through the C code of the application `camera`. The result is compared
with `microgen.Image`, value by value. Instructions of QEMU are exact and the same from run to run; they are no cycles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from microgen.preprocessing.image import Image

from . import semihosting
from .preprocessing import ADAPTERS, CODE
from .semihosting import CPUS, Cpu


def measure(image: Image, cpu: Cpu, folder: Path) -> tuple[int, int, int]:
    """Resize one image; return instructions, bytes of RAM, and how many values differ from Python's."""
    pixels = np.random.default_rng(0).integers(0, 65536, (image.source_height, image.source_width), np.uint16)
    expected = image.pixels(pixels)
    for name, text in image.emit().items():
        (folder / name).write_text(text)
    (folder / "sizes.h").write_text(
        f"#define IN_BYTES {{{pixels.nbytes}}}\n#define OUT_BYTES {{{expected.nbytes}, 4}}\n"
    )
    (folder / "in.bin").write_bytes(pixels.tobytes())
    sizes = [f"-DROWS={image.source_height}", f"-DCOLUMNS={image.source_width}", f"-DVALUES={expected.size}"]
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", f"-I{CODE}", f"-I{ADAPTERS}", *sizes]
    files = ["camera_image.c", CODE / "image.c", ADAPTERS / "image.c", semihosting.FILES / "harness.c"]
    semihosting.build(folder, cpu, "program.elf", flags, [str(file) for file in files])
    run = semihosting.inference(folder, cpu, "program.elf")
    answer = (folder / "out.bin").read_bytes()
    values = np.frombuffer(answer, np.uint8, expected.size).reshape(expected.shape)
    (ram,) = np.frombuffer(answer[expected.size :], np.uint32, 1)
    return run.instructions, int(ram), int((values != expected).sum())


def main() -> None:
    """Measure grey and coloured images."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image", description=main.__doc__)
    parser.add_argument("--cpu", action="append", choices=CPUS, help="all otherwise")
    args = parser.parse_args()
    print("CPU, channels: instructions, bytes of RAM; values that differ")
    for name in args.cpu or CPUS:
        for channels in (1, 3):
            with tempfile.TemporaryDirectory() as folder:
                instructions, ram, differ = measure(Image(channels=channels), CPUS[name], Path(folder))
            print(f"{name}, {channels}: {instructions}, {ram}; {differ}", flush=True)
            if differ:
                sys.exit(1)


if __name__ == "__main__":
    main()
