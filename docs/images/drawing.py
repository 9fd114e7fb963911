"""What the pictures of the documentation share: colors, lines of text, and the files in light and dark."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
THEMES = {
    "light": {
        "page": "#ffffff",
        "box": "#f3f6fa",
        "line": "#8a97a8",
        "text": "#1c2733",
        "soft": "#5a6878",
        "key": "#0b6e4f",
    },
    "dark": {
        "page": "#0d1117",
        "box": "#18212c",
        "line": "#63748a",
        "text": "#e8eef5",
        "soft": "#9fb0c3",
        "key": "#4cc38a",
    },
}


def text(
    x: float, y: float, what: str, color: str, size: int, anchor: str = "middle", mono: bool = False, bold: bool = False
) -> str:
    """Return a line of text."""
    more = ' font-family="Consolas, Menlo, DejaVu Sans Mono, monospace"' if mono else ""
    more += ' font-weight="600"' if bold else ""
    where = f'x="{x:g}" y="{y:g}" font-size="{size}" fill="{color}" text-anchor="{anchor}"'
    return f"<text {where}{more}>{escape(what)}</text>"


def save(name: str, draw: Callable[[dict[str, str]], str]) -> None:
    """Write a picture in light and dark into the folder that is the program's argument, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for scheme, theme in THEMES.items():
        (folder / f"{name}-{scheme}.svg").write_text(draw(theme), "utf-8")
