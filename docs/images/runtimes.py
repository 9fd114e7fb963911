"""Draws what an inference costs, TFLM beside the compiled runtime: python docs/images/runtimes.py [FOLDER]

The compiled runtime's figures are those of benchmarks/RESULTS.json (`python -m benchmarks instructions`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from drawing import save, text

RESULTS = Path(__file__).parents[2] / "benchmarks" / "RESULTS.json"
CPU, OPTIMIZE = "m4f", "balanced"
# TFLM of August 2026 with CMSIS-NN, built from source with GCC 12.2 at -O2 and counted once in QEMU: instructions of an
# inference, and bytes of code.
TFLM = {
    "kws_ref_model": ("keyword spotting", 7_700_000, 104_948),
    "pretrainedResnet_quant": ("ResNet-8", 29_870_000, 99_588),
    "ad01_int8": ("anomaly detection", 583_000, 45_832),
    "micro_speech_quantized": ("micro_speech", 1_495_000, 76_284),
    "hello_world_int8": ("hello_world", 3_600, 45_832),
}
WIDTH, ROW, TOP, BAR = 960, 58, 70, 16
LEFT, RIGHT = (170, 300), (580, 300)


def draw(theme: dict[str, str]) -> str:
    """Return the picture as SVG: for each model a pair of bars for instructions, and one for code."""
    compiled = {
        row["model"]: row
        for row in json.loads(RESULTS.read_text("utf-8"))["instructions"]
        if (row["cpu"], row["optimize"]) == (CPU, OPTIMIZE)
    }
    height = TOP + ROW * len(TFLM) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>Instructions of an inference and bytes of code on a Cortex-M4F, TFLM with CMSIS-NN beside the compiled "
        "runtime</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="{theme["page"]}"/>',
        text(LEFT[0], 30, "instructions per inference", theme["text"], 15, "start", bold=True),
        text(RIGHT[0], 30, "flash for code, without weights", theme["text"], 15, "start", bold=True),
        *legend(theme),
    ]
    for row, (model, (title, instructions, code)) in enumerate(TFLM.items()):
        top = TOP + ROW * row
        ours = compiled[model]
        parts.append(text(LEFT[0] - 14, top + BAR + 4, title, theme["text"], 14, "end"))
        parts += pair(theme, LEFT, top, instructions, ours["instructions"], millions)
        parts += pair(theme, RIGHT, top, code, ours["code_bytes"], "{:,} bytes".format)
    note = "Cortex-M4F in QEMU, GCC 12.2 at -O2; both give the same output bytes"
    parts.append(text(WIDTH / 2, height - 12, note, theme["soft"], 13))
    return "\n".join([*parts, "</svg>", ""])


def legend(theme: dict[str, str]) -> list[str]:
    """Return what the colors mean."""
    parts = []
    for x, color, title in ((LEFT[0], theme["line"], "TFLM with CMSIS-NN"), (LEFT[0] + 170, theme["key"], "compiled")):
        parts.append(f'<rect x="{x}" y="44" width="12" height="12" rx="2" fill="{color}"/>')
        parts.append(text(x + 18, 55, title, theme["soft"], 13, "start"))
    return parts


def pair(
    theme: dict[str, str], place: tuple[int, int], top: float, tflm: int, ours: int, words: Callable[[int], str]
) -> list[str]:
    """Return two bars, the longer one as long as there is room."""
    x, width = place
    most = max(tflm, ours)
    parts = []
    for k, (value, color, more) in enumerate(
        ((tflm, theme["line"], ""), (ours, theme["key"], f", {tflm / ours:.1f} times less"))
    ):
        y = top + (BAR + 4) * k
        length = max(2.0, (width - 90) * value / most)
        parts.append(f'<rect x="{x}" y="{y:g}" width="{length:.1f}" height="{BAR}" rx="2" fill="{color}"/>')
        parts.append(text(x + length + 6, y + BAR - 3, f"{words(value)}{more}", theme["soft"], 12, "start"))
    return parts


def millions(count: int) -> str:
    """Return a count of instructions in millions, in as many digits as tell them apart."""
    return f"{count / 1e6:.2f} M" if count >= 100_000 else f"{count:,}"


if __name__ == "__main__":
    save("runtimes", draw)
