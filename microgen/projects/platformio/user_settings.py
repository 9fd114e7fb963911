"""The file in which users add to platformio.ini: it must not take away what the firmware needs."""

from __future__ import annotations

import configparser
from pathlib import Path

from ...errors import InputError

USER_SETTINGS = "platformio.user.ini"
# Lists to which platformio.ini adds those of [env]; the same in [env:NAME] takes the place of the whole list.
_LISTS = ("lib_deps", "build_flags", "build_unflags", "lib_ignore", "extra_scripts")


def check_user_settings(folder: Path, environment: str) -> None:
    """Check that a project's platformio.user.ini adds to an environment's lists rather than replaces them.

    Args:
        folder: the project's folder.
        environment: of its platformio.ini.

    Raises:
        InputError: it cannot be read, or replaces a list and leaves out what the firmware needs; says which.
    """
    path = folder / USER_SETTINGS
    if not path.is_file():
        return
    own, generated = _read(path), _read(folder / "platformio.ini")
    section = f"env:{environment}"
    for name in _LISTS:
        needed = _lines(generated, section, name)
        lost = [line for line in needed if line not in _lines(own, section, name) and not line.startswith("${env.")]
        if own.has_option(section, name) and lost:
            raise InputError(
                f"{path}: {name} in [{section}] replaces a setting that the firmware needs: {lost[0]}",
                f"write {name} into [env]; microgen adds those settings to its own",
                path=path,
            )


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(path.read_text("utf-8"), str(path))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: PlatformIO cannot read it: {reason}", "correct it", path=path) from None
    return parser


def _lines(parser: configparser.ConfigParser, section: str, name: str) -> list[str]:
    """Return the values of a list; nothing where there is none."""
    text = parser.get(section, name, fallback="") if parser.has_section(section) else ""
    return [line.strip() for line in text.splitlines() if line.strip()]
