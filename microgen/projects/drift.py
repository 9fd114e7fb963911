"""Compares a project, as it lies in a repository say, with what a build makes of the same inputs now."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .folder import FURTHER, MANIFEST, Project, digest, manifest_bytes

_ABSENT = "absent"
_FURTHER = re.compile(rf"{FURTHER}\.\d+\.")
# What a build starts from, as the manifest records it; all else in there follows from it, or from an option.
_INPUTS = (
    "microgen",
    "model.name",
    "model.sha256",
    "source",
    "labels",
    "board",
    "runtime",
    "tflm.name",
    "project",
    "application",
    "application_options",
    "selftest_at_boot",
    "verdict.samples",
    "verdict.seed",
    "verdict.engines",
    FURTHER,
)


@dataclass(frozen=True)
class Change:
    """A file that is not what a build makes now.

    Attributes:
        path: the file, inside the project.
        by_hand: "edited" or "missing" when it is not as the last build wrote it, "" when it is.
        by_build: "changed", "new" or "obsolete" when a new build differs, makes it, or no longer makes
            it; "" when the last build made the same.
    """

    path: str
    by_hand: str
    by_build: str

    def summary(self) -> str:
        """Return it in one line for people."""
        hand = {"edited": "edited by hand", "missing": "deleted by hand", "": ""}[self.by_hand]
        build = {"changed": "a new build differs", "new": "a new build adds it",
                 "obsolete": "a new build does not have it", "": ""}[self.by_build]  # fmt: skip
        return f"{self.path}: {'; '.join(filter(None, (hand, build)))}"


@dataclass(frozen=True)
class Cause:
    """A value of the manifest that is another one now: what a change by the build comes from.

    Attributes:
        what: its place in the manifest, "model.sha256" say.
        committed, rebuilt: both values as JSON; "absent" where there is none.
    """

    what: str
    committed: str
    rebuilt: str

    def summary(self) -> str:
        """Return it in one line for people."""
        return f"{self.what}: {_short(self.committed)}, now {_short(self.rebuilt)}"


@dataclass(frozen=True)
class Drift:
    """How a project differs from what a build makes of the same inputs now; files of the user's own do not count.

    Attributes:
        changes: the files that differ, sorted by path.
        causes: what the build started from and is another now; where all of that is equal, what else is another
            in the manifest; empty when only hands changed files.
    """

    changes: tuple[Change, ...] = ()
    causes: tuple[Cause, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"drifted": bool(self), "changes": [asdict(c) for c in self.changes],
                "causes": [asdict(c) for c in self.causes]}  # fmt: skip


def find_drift(
    committed: Project, files: Mapping[str, bytes], user_files: Mapping[str, bytes], manifest: Mapping[str, Any]
) -> Drift:
    """Compare a project with what a build made; nothing is written.

    Args:
        committed: the project.
        files, user_files, manifest: as for `project.write`.
    """
    recorded: dict[str, str] = committed.manifest["files"]
    changes = [_change(committed, name, files.get(name), recorded.get(name)) for name in {*files, *recorded}]
    # A file of the user's own may have any content, but a build writes it again where it is missing.
    changes += [Change(name, "missing", "") for name in user_files if not (committed.path / name).is_file()]
    rebuilt = manifest_bytes(files, user_files, manifest)
    differing = tuple(_causes(committed.manifest, json.loads(rebuilt)))
    causes = tuple(c for c in differing if _FURTHER.sub("", c.what).startswith(_INPUTS)) or differing
    if committed.manifest != json.loads(rebuilt):
        changes.append(Change(MANIFEST, "", "changed"))
    elif (committed.path / MANIFEST).read_bytes() != rebuilt:
        changes.append(Change(MANIFEST, "edited", ""))
    changed = sorted((c for c in changes if c is not None), key=lambda c: c.path)
    return Drift(tuple(changed), causes)


def _change(committed: Project, name: str, rebuilt: bytes | None, recorded: str | None) -> Change | None:
    path = committed.path / name
    data = path.read_bytes() if path.is_file() else None
    if data == rebuilt:
        return None
    by_hand = by_build = ""
    if recorded is not None and data is None:
        by_hand = "missing"
    elif recorded is not None and data is not None and digest(data) != recorded:
        by_hand = "edited"
    if rebuilt is None:
        by_build = "obsolete"
    elif recorded is None:
        by_build = "new"
    elif digest(rebuilt) != recorded:
        by_build = "changed"
    return Change(name, by_hand, by_build)


def _causes(committed: Any, rebuilt: Any, place: str = "") -> Iterator[Cause]:  # noqa: ANN401 - JSON
    """Yield the values that differ between two manifests."""
    if place in ("files", "user_files") or committed == rebuilt:
        return
    if isinstance(committed, dict) and isinstance(rebuilt, dict):
        for key in sorted({*committed, *rebuilt}):
            yield from _causes(committed.get(key), rebuilt.get(key), f"{place}.{key}" if place else key)
        return
    if place == FURTHER and committed and rebuilt:
        for number, (was_one, now_one) in enumerate(itertools.zip_longest(committed, rebuilt), 1):
            yield from _causes(was_one, now_one, f"{place}.{number}")
        return
    was, now = (_ABSENT if v is None else json.dumps(v, ensure_ascii=False) for v in (committed, rebuilt))
    yield Cause(place, was, now)


def _short(value: str) -> str:
    return value if len(value) <= 60 else f"{value[:57]}..."
