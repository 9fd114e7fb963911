"""Where the data that ships with the package lies: boards, firmware sources, templates."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def path(room: str) -> Path:
    """Return the folder of a room (`boards`, `firmware` or `templates`).

    In an installed wheel the rooms lie inside the package; in a checkout they lie beside it.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(str(resources.files("microgen")))
    for candidate in (package / "data" / room, package.parent / room):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"microgen's own folder '{room}' is missing: the installation is incomplete")
