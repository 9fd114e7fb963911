"""Writes the requirements beside this file, with hashes for every Python and machine; asks the index (`make lock`).

base.txt is what microgen needs without extras, and what builds it. Each extra has a file of its own name: what it adds,
after the files of what it builds on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
BASE = "base"
_EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def main() -> None:
    """Write all files."""
    builder = re.search(r"(?m)^hatchling==.*\n", (ROOT / "constraints.txt").read_text())
    assert builder is not None
    entries = {BASE: _resolved(builder[0])}
    for extra in _EXTRAS:
        entries[extra] = _resolved(builder[0], "--extra", extra)
    for name, all_entries in entries.items():
        under = _below(name)
        known = {entry for one in under for entry in entries[one]}
        lines = [_about(name), *(f"-r {one}.txt\n" for one in under), *(e for e in all_entries if e not in known)]
        (FOLDER / f"{name}.txt").write_text("".join(lines))


def _below(name: str) -> list[str]:
    """Return the files that a file begins with: of the extras that an extra names, or base.txt."""
    named = [n for line in _EXTRAS.get(name, ()) for n in re.findall(r"^microgen\[(.*)\]$", line)]
    extras = [extra for text in named for extra in text.split(",")]
    return extras or [BASE] * (name != BASE)


def _about(name: str) -> str:
    what = "What microgen needs without extras, and what builds it" if name == BASE else f"What the extra {name} needs"
    return (
        f"# {what}, with the hashes of the index: pip install --require-hashes -r FILE.\n"
        "# Written by `make lock` from pyproject.toml and constraints.txt.\n"
    )


def _resolved(builder: str, *options: str) -> list[str]:
    """Return the entries of everything that is needed: a package, its version and marker, and its hashes."""
    command = [
        Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-annotate", "--no-header", "--python-version", "3.10", "-c", "constraints.txt", *options,
        "pyproject.toml", "-",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, input=builder, stdout=subprocess.PIPE, text=True, check=True)
    return re.findall(r"(?m)^\S.*\n(?:[ \t].*\n)*", done.stdout)


if __name__ == "__main__":
    main()
