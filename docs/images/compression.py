"""Draws what compressed weights take in flash, and what they compute: python docs/images/compression.py [FOLDER]

The figures are those of the first table below "`--optimize size`:" in docs/compression.md (`python -m
benchmarks.compression_flash`).
"""

from __future__ import annotations

from pathlib import Path

from drawing import save, text

PAGE = Path(__file__).parents[1] / "compression.md"
WIDTH, ROW, TOP, BAR = 960, 44, 84, 16
LEFT, RIGHT, LENGTH = 190, 580, 250


def rows() -> list[tuple[str, str, float, float]]:
    """Return the rows of the table: method, accuracy, weights in flash and instructions, both against dense int8."""
    lines = PAGE.read_text("utf-8").split("`--optimize size`:", 1)[1].strip().splitlines()
    found = []
    for line in lines[2 : lines.index("")]:
        name, accuracy, _, flash, instructions, _ = (cell.strip() for cell in line.strip("|").split("|"))
        found.append((name.strip("`"), accuracy, float(flash), float(instructions)))
    return found


def draw(theme: dict[str, str]) -> str:
    """Return the picture as SVG: for each method a bar for flash, one for instructions, and the accuracy."""
    table = rows()
    height = TOP + ROW * len(table) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>Weights in flash, instructions and accuracy of the digits model after each compression</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="{theme["page"]}"/>',
        text(LEFT, 34, "weights in flash", theme["text"], 15, "start", bold=True),
        text(RIGHT, 34, "instructions per inference", theme["text"], 15, "start", bold=True),
        text(LEFT, 56, "relative to dense int8, with the accuracy", theme["soft"], 13, "start"),
        text(RIGHT, 56, "relative to dense int8", theme["soft"], 13, "start"),
    ]
    most = [max(row[k] for row in table) for k in (2, 3)]
    for place, (name, accuracy, flash, instructions) in enumerate(table):
        y = TOP + ROW * place
        color = theme["line"] if place == 0 else theme["key"]
        parts.append(text(LEFT - 14, y + BAR - 2, name, theme["text"], 14, "end", mono=place > 0))
        for x, value, top, more in (
            (LEFT, flash, most[0], f", accuracy {accuracy}"), (RIGHT, instructions, most[1], "")
        ):  # fmt: skip
            length = LENGTH * 0.75 * value / top
            parts.append(f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{color}"/>')
            parts.append(text(x + length + 6, y + BAR - 3, f"{value:.2f}{more}", theme["soft"], 12, "start"))
    note = "digits recipe, mean of three seeds, compiled runtime with --optimize size, Cortex-M4F in QEMU"
    parts.append(text(WIDTH / 2, height - 12, note, theme["soft"], 13))
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    save("compression", draw)
