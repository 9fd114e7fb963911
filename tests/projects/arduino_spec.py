"""What Arduino's library specification (rev. 2.2) asks of a library, as checks of ours.

Optional parts that no project has are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other", "Uncategorized",
}  # fmt: skip
REQUIRED = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")
OPTIONAL = ("depends", "dot_a_linkage", "includes", "precompiled", "ldflags")
TOKENS = ("KEYWORD1", "KEYWORD2", "KEYWORD3", "LITERAL1", "LITERAL2")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]*")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){1,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


def properties(data: bytes) -> dict[str, str]:
    """Read library.properties: a key and a value a line, UTF-8, nothing escaped."""
    lines = [line for line in data.decode().split("\n") if line.strip() and not line.startswith("#")]
    assert all("=" in line for line in lines), lines
    pairs = [line.split("=", 1) for line in lines]
    assert len(dict(pairs)) == len(pairs), "a key twice"
    return {key: value.strip() for key, value in pairs}


def problems(folder: str, files: Mapping[str, bytes]) -> list[str]:
    """Say what is wrong with a library.

    Args:
        folder: the name of its root folder.
        files: its files by their path inside it.
    """
    found = [] if _FOLDER.fullmatch(folder) else [f"folder {folder!r}"]
    if "library.properties" not in files:
        return [*found, "no library.properties"]
    fields = properties(files["library.properties"])
    found += [f"{key} is missing" for key in REQUIRED if not fields.get(key)]
    found += [f"{key} is no field" for key in fields if key not in REQUIRED + OPTIONAL]
    if not _NAME.fullmatch(fields.get("name", "")) or len(fields["name"]) > 63 or fields["name"].startswith("Arduino"):
        found.append("name")
    if not _VERSION.fullmatch(fields.get("version", "")):
        found.append("version")
    if fields.get("category") not in CATEGORIES:
        found.append("category")
    if not re.fullmatch(r"https?://\S+", fields.get("url", "")):
        found.append("url")
    for name in filter(None, fields.get("depends", "").split(",")):
        if not _NAME.fullmatch(name.strip()):
            found.append(f"depends {name!r}")
    roots = {posixpath.basename(path) for path in files if posixpath.dirname(path) == "src"}
    found += [f"includes {n!r}" for n in filter(None, fields.get("includes", "").split(",")) if n.strip() not in roots]
    if not roots:
        found.append("no src")
    # In the recursive layout nothing else is compiled.
    code = (".c", ".cc", ".cpp", ".S", ".h", ".ino")
    for path in files:
        if path.endswith(code) and not path.startswith(("src/", "examples/", "extras/")):
            found.append(f"{path} is never compiled")
    found += _examples(files)
    for line in files.get("keywords.txt", b"").decode().splitlines():
        if line and not line.startswith("#"):
            fields_of_line = line.split("\t")
            if len(fields_of_line) not in (2, 3, 4) or fields_of_line[1] not in TOKENS or " " in line:
                found.append(f"keywords.txt: {line!r}")
    return found


def _examples(files: Mapping[str, bytes]) -> list[str]:
    """A sketch is a folder with a file of its name: NAME/NAME.ino."""
    sketches = {posixpath.dirname(path) for path in files if path.startswith("examples/")}
    return [f"{s} has no sketch" for s in sketches if f"{s}/{posixpath.basename(s)}.ino" not in files]
