"""A generated project as a folder: what may be overwritten, how it is written so that no half of one is left.

A new project is written beside its place and renamed into it. A rebuild stages all its files in the project's
own `.microgen-stage`, renames that to `.microgen-commit`, which is the moment that counts, and then moves file
by file; whoever opens the project next finishes moves that a dead build left.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..devices.address import ONLY, Address
from ..devices.layout import FIRST_LAYOUT, Layout
from ..errors import InputError, nearest_path, option
from ..support.files import check_folder
from ..support.json import json_text, load_json
from .claim import Claim
from .recorded import check_manifest, required

MANIFEST = "microgen.json"
MANIFEST_SCHEMA = 1
FURTHER = "further_models"  # in a manifest: what is said of each model after the first
_STAGE = ".microgen-stage"
_COMMIT = ".microgen-commit"


@dataclass(frozen=True)
class Project:
    """A project on disk and its manifest, as one of its models sees it.

    Attributes:
        path: its folder.
        manifest: what was recorded; what is said of a model there is said of this one.
        number: of the model.
        first: the project as its first model sees it; None: this is that.
    """

    path: Path
    manifest: dict[str, Any]
    number: int = 0
    first: Project | None = None

    def edited(self) -> list[str]:
        """Return the generated files that are not as they were written, sorted; missing ones are not edited."""
        return sorted(
            name
            for name, sha256 in self.manifest["files"].items()
            if (self.path / name).is_file() and digest((self.path / name).read_bytes()) != sha256
        )

    def required(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return a value of the manifest, "verdict.seed" for example.

        Raises:
            InputError: it is missing.
        """
        return required(self.manifest, name, str(self.path / MANIFEST))

    @property
    def layout(self) -> Layout:
        """Where its parts lie.

        Raises:
            InputError: what the manifest records of it is damaged.
        """
        recorded = self.manifest.get("layout")
        return FIRST_LAYOUT if recorded is None else Layout.from_json(recorded)

    @property
    def models(self) -> tuple[Project, ...]:
        """The project as each of its models sees it, by their numbers."""
        first = self.first or self
        further = enumerate(first.manifest.get(FURTHER, []), 1)
        return (first, *(Project(self.path, {**first.manifest, **record}, n, first) for n, record in further))

    def of(self, name: str | None) -> Project:
        """Return the project as the model of this name sees it; for None, as the first does.

        Raises:
            InputError: it has no such model.
        """
        if name is None:
            return self
        names = [str(model.required("model.name")) for model in self.models]
        if name not in names:
            raise InputError(f"{self.path}: no such model", f"it has {', '.join(names)}", option="model", value=name)
        return self.models[names.index(name)]

    @property
    def address(self) -> Address:
        """How serial commands name the model."""
        return Address(str(self.required("model.name")), self.number) if FURTHER in self.manifest else ONLY

    def model_file(self) -> Path:
        """Return the .tflite that the model was made from."""
        return self.path / f"{self.address.name or 'model'}.tflite"


def open_project(path: str | Path, *, read_only: bool = False, claim: Claim | None = None) -> Project:
    """Open a generated project, finishing a rebuild that was cut off.

    Args:
        path: the project's folder.
        read_only: write nothing: refuse a project whose rebuild was cut off.
        claim: what the caller holds of the folder.

    Raises:
        InputError: it is not a folder that microgen generated, or its manifest is damaged.
    """
    path = Path(path)
    hint = "give the folder that microgen build wrote (it has a microgen.json)"
    if not path.is_dir():
        if path.exists():
            raise InputError(f"{path}: not a folder", hint)
        raise InputError(f"{path}: no such folder", nearest_path(path, hint))
    if read_only and (path / _COMMIT).is_dir():
        raise InputError(f"{path}: a rebuild was interrupted", "microgen verify PROJECT finishes it")
    try:
        if claim is None and (path / _COMMIT).is_dir():
            with Claim(path, wait=True):  # a rebuild that is at work moves its files this moment
                _finish(path)
        else:
            _finish(path)
        manifest = load_json(path / MANIFEST)
    except FileNotFoundError:
        raise InputError(f"{path}: not a microgen project: it has no {MANIFEST}", hint) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path / MANIFEST}: cannot be read: {error}", "build the project again") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != MANIFEST_SCHEMA:
        raise InputError(f"{path / MANIFEST}: not a manifest of schema {MANIFEST_SCHEMA}", "build the project again")
    check_manifest(manifest, str(path / MANIFEST))
    required(manifest, "files", str(path / MANIFEST))
    return Project(path, manifest)


def check_current(opened: Project, project: str = "", application: str = "") -> None:
    """Check that the program in a project, which is its user's, goes with what a build would write around it.

    Args:
        opened: the project.
        project, application: the kind and the application of the build; "": those of the project.

    Raises:
        InputError: it was written for others, or for the libraries of a microgen that recorded none.
    """
    hint = f"keep a copy of it, build with {option('force', True)}, and move your code into the new file"
    recorded = opened.manifest.get("project"), opened.manifest.get("application")
    if None in recorded:
        version = opened.manifest.get("microgen", "")
        raise InputError(f"{opened.path / opened.layout.main}: written for an earlier microgen, {version}", hint)
    for was, now, what in zip(recorded, (project, application), ("project", "application"), strict=True):
        if now and was != now:
            raise InputError(f"{opened.path / opened.layout.main}: written for the {what} '{was}', not '{now}'", hint)


def check_target(out: Path, *, force: bool, claim: Claim | None = None) -> None:
    """Check, before any work, that a project can be written to `out`; nothing is left behind.

    Args:
        out: its folder.
        force: edits may be lost.
        claim: what the caller holds of the folder.

    Raises:
        InputError: it is a file or a link, a folder of something else, cannot be written, or holds edits that would be
            lost.
    """
    if out.is_symlink():
        raise InputError(
            f"{out}: is a symbolic link, and microgen replaces a project as a whole",
            f"give the folder itself: {option('out', out.resolve())}",
            option="out",
            path=out,
        )
    if out.is_dir() and any(out.iterdir()):
        if not (out / MANIFEST).exists() and not (out / _COMMIT).exists():
            raise InputError(
                f"{out}: is neither empty nor a microgen project",
                f"choose a different folder with {option('out')}; nothing was written",
                option="out",
                path=out,
            )
        existing = open_project(out, claim=claim)
        edited = existing.edited()
        if edited and not force:
            more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
            raise InputError(
                f"{out / edited[0]}{more}: a generated file that was edited by hand",
                f"move your code to {existing.layout.main} or your own files, or overwrite the edits with "
                f"{option('force', True)}",
                path=out / edited[0],
            )
    check_folder(out)


def write(
    out: Path,
    files: Mapping[str, bytes],
    user_files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    *,
    force: bool,
    claim: Claim | None = None,
) -> None:
    """Write a project, or rebuild one, as a whole.

    Args:
        out: its folder.
        files: the generated files by their path inside it.
        user_files: files that are the user's once written: kept where they exist, unless `force`.
        manifest: what microgen.json says besides the files' hashes.
        force: overwrite the user's files too.
        claim: what the caller holds of the folder; None to lock it for the writing alone.

    Raises:
        InputError: the folder cannot be written, or another build works on it.
    """
    if claim is None:
        with Claim(out) as own:
            write(out, files, user_files, manifest, force=force, claim=own)
        return
    contents = {**files, MANIFEST: manifest_bytes(files, user_files, manifest)}
    claim.take()  # another build may have made it meanwhile
    try:
        if (out / MANIFEST).exists():
            contents.update({n: d for n, d in user_files.items() if force or not (out / n).exists()})
            _rebuild(out, contents)
        else:
            _create(out, {**contents, **user_files})
    except OSError as error:
        made = "a different build wrote it in the meantime"
        reason = made if error.errno == errno.ENOTEMPTY else f"cannot be written ({error.strerror})"
        raise InputError(
            f"{out}: {reason}",
            f"choose a different folder with {option('out')}",
            option="out",
            path=out,
        ) from None


def manifest_bytes(files: Mapping[str, bytes], user_files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> bytes:
    """Return microgen.json as `write` writes it."""
    whole = {
        "schema": MANIFEST_SCHEMA,
        **manifest,
        "files": {name: digest(data) for name, data in sorted(files.items())},
        "user_files": sorted(user_files),
    }
    return json_text(whole).encode()


def _create(out: Path, contents: Mapping[str, bytes]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{glob.escape(out.name)}.microgen-*"):
        if not _is_running(left.name.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)
    beside = out.parent / f".{out.name}.microgen-{os.getpid()}"
    try:
        write_all(beside, contents)
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def _rebuild(out: Path, contents: Mapping[str, bytes]) -> None:
    shutil.rmtree(out / _STAGE, ignore_errors=True)
    try:
        write_all(out / _STAGE, contents)
        (out / _STAGE).rename(out / _COMMIT)
    finally:
        shutil.rmtree(out / _STAGE, ignore_errors=True)
    _finish(out)


def _finish(out: Path) -> None:
    """Move what a committed rebuild has staged into place, the manifest last, and drop files it no longer has."""
    commit = out / _COMMIT
    if not commit.is_dir():
        return
    staged = sorted((p for p in commit.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST)
    new = _files(commit) if (commit / MANIFEST).exists() else None
    if new is not None and (out / MANIFEST).exists():
        for name, sha256 in _files(out).items():
            path = out / name
            if name not in new and path.is_file() and digest(path.read_bytes()) == sha256:
                path.unlink()
    for source in staged:
        target = out / source.relative_to(commit)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    shutil.rmtree(commit)


def _files(folder: Path) -> dict[str, str]:
    """Return the generated files of a project and their hashes.

    Raises:
        InputError, OSError, ValueError: its manifest is damaged.
    """
    manifest = load_json(folder / MANIFEST)
    title = str(folder / MANIFEST)
    if not isinstance(manifest, dict):
        raise InputError(f"{title}: not a manifest", "build the project again")
    check_manifest(manifest, title)
    return dict(required(manifest, "files", title))


def write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files by their path inside a folder, one after the other; raises OSError where one cannot be written."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def digest(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes as the manifest has it."""
    return hashlib.sha256(data).hexdigest()
