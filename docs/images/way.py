"""Draws the way from a model to a board, in light and dark: python docs/images/way.py [FOLDER]"""

from __future__ import annotations

import itertools

from drawing import save, text

WIDTH, HEIGHT = 960, 306
TOP, BOTTOM, TALL = 44, 196, 74
# Left edge, width, head and lines of each box.
WAY = (
    (12, 200, "a model", "Keras, PyTorch, ONNX, .tflite", "or a recipe, trained here"),
    (262, 186, "int8 .tflite", "every operator checked", "for the board's TFLM"),
    (500, 204, "PlatformIO project", "C array, arena, firmware,", "golden vectors"),
    (758, 190, "your board", "ESP32, Pico, Arduino,", "Nucleo, Teensy"),
)
PROOF = (
    (262, 186, "Python", "LiteRT and TFLM", "on the .tflite"),
    (500, 204, "this PC", "the firmware's C++,", "compiled and run"),
    (758, 190, "the board", "the same firmware,", "over its serial port"),
)
STEPS = ("compress, quantize", "build", "flash")


def draw(theme: dict[str, str]) -> str:
    """Return the picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>From a model over its quantized .tflite and a PlatformIO project to the board; what Python, the "
        "firmware on this PC and the board compute is compared byte for byte</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{theme["page"]}"/>',
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{theme["line"]}"/></marker></defs>',
    ]
    parts += [box(theme, *b, top=TOP, edge=theme["line"]) for b in WAY]
    parts += [box(theme, *b, top=BOTTOM, edge=theme["key"]) for b in PROOF]
    middle = TOP + TALL / 2
    for step, left, right in zip(STEPS, WAY, WAY[1:], strict=False):
        start, end = left[0] + left[1], right[0]
        parts.append(arrow(theme, start + 3, middle, end - 4, middle))
        parts.append(text((start + end) / 2, TOP - 14, step, theme["key"], 14, mono=True))
    for x, width, *_ in PROOF:
        parts.append(arrow(theme, x + width / 2, TOP + TALL + 4, x + width / 2, BOTTOM - 5))
    parts.append(
        text(
            PROOF[1][0] + PROOF[1][1] / 2 + 10, (TOP + TALL + BOTTOM) / 2 + 5, "verify", theme["key"], 14, "start", True
        )
    )
    last = PROOF[2][0] + PROOF[2][1] / 2 - 10
    parts.append(text(last, (TOP + TALL + BOTTOM) / 2 + 5, "verify --on PORT", theme["key"], 14, "end", True))
    for left, right in itertools.pairwise(PROOF):
        parts.append(text((left[0] + left[1] + right[0]) / 2, BOTTOM + TALL / 2 + 9, "=", theme["key"], 28, bold=True))
    says = "outputs compared byte for byte; the verdict is bit-exact, within-bound or diverged"
    parts.append(text((PROOF[0][0] + PROOF[2][0] + PROOF[2][1]) / 2, HEIGHT - 12, says, theme["soft"], 13))
    return "\n".join([*parts, "</svg>", ""])


def box(theme: dict[str, str], x: float, width: float, head: str, *lines: str, top: float, edge: str) -> str:
    """Return a box with a head and lines below it."""
    center = x + width / 2
    rows = [text(center, top + 24, head, theme["text"], 15, bold=True)]
    rows += [text(center, top + 44 + 17 * k, line, theme["soft"], 13) for k, line in enumerate(lines)]
    shape = f'<rect x="{x}" y="{top}" width="{width}" height="{TALL}" rx="8" fill="{theme["box"]}" stroke="{edge}"/>'
    return "\n".join([shape, *rows])


def arrow(theme: dict[str, str], x1: float, y1: float, x2: float, y2: float) -> str:
    """Return an arrow."""
    line = f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{theme["line"]}" stroke-width="2"'
    return f'{line} marker-end="url(#tip)"/>'


if __name__ == "__main__":
    save("way", draw)
