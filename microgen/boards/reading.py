"""Reads boards and TFLM snapshots from the TOML files in `boards/`; an error names the file and the field."""

from __future__ import annotations

import difflib
import functools
import os
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ..errors import InputError, nearest, option
from ..support import resources, toml
from .cpus import Cpu
from .schema import Board, BoardFile, TflmSnapshot

_LIST_HINT = "`microgen boards` lists the boards"
_OWN_HINT = "boards have 32-bit CPUs; add your own in a .toml file (docs/boards.md)"
# Names of different boards are often 0.6 to 0.79 similar: uno and arduino, esp8266 and esp32c6.
_NEAR = 0.8
_TOML_HINT = "`microgen boards` can print the file of a board to start from"
_M = TypeVar("_M", bound=BaseModel)


def board_names() -> list[str]:
    """Return the names of the boards that ship with microgen, sorted."""
    return sorted(p.stem for p in resources.path("boards").glob("*.toml"))


def list_boards() -> list[Board]:
    """Return the boards that ship with microgen, sorted by name."""
    return [_read_shipped(_shipped(name)) for name in board_names()]


def load_board(name_or_path: str) -> Board:
    """Return a board by its name or an alias, in upper or lower case, or from a .toml file.

    A name that ends with ".toml" or contains a path separator is a file.

    Raises:
        InputError: there is no such board, or its file is wrong; the message names the file and the field.
    """
    path = board_file(name_or_path)
    return _read_shipped(path) if path.parent == resources.path("boards") else _read_board(path)


def board_file(name_or_path: str) -> Path:
    """Return the file of a board; a file given as a path need not exist.

    Raises:
        InputError: there is no board of this name.
    """
    separators = {"/", os.sep, os.altsep or "/"}
    if name_or_path.lower().endswith(".toml") or any(s in name_or_path for s in separators):
        return Path(name_or_path)
    wanted = name_or_path.strip().lower()
    if wanted in board_names():
        return _shipped(wanted)
    known = {alias: board for board in list_boards() for alias in (board.name, *board.aliases)}
    if board := known.get(wanted):
        return _shipped(board.name)
    hint = _OWN_HINT + ";"
    if near := difflib.get_close_matches(wanted, sorted(known), 1, cutoff=_NEAR):
        hint = f"did you mean '{near[0]}' ({known[near[0]].title})?"
    own = Path(f"{name_or_path}.toml")
    if own.is_file():
        hint = f"use its file: {option('board', own)};"
    elif wanted.startswith(("my-", "my_")):
        hint = f"give the file of your own board: {option('board', own)};"
    if "," in wanted:
        hint = f"repeat the option for each board: {option('board', 'pico')} {option('board', 'esp32')};"
    raise InputError(f"there is no board '{name_or_path}'", f"{hint} {_LIST_HINT}", option="board")


def cpu_names() -> list[str]:
    """Return the names of the CPUs that boards may name, sorted."""
    return sorted(p.stem for p in (resources.path("boards") / "cpus").glob("*.toml"))


def load_cpu(name: str) -> Cpu:
    """Return a CPU by its name.

    Raises:
        InputError: microgen has no such CPU, or its file is wrong; the message names the file and the field.
    """
    return _read_cpu(name, f"CPU '{name}'")


@functools.cache
def native_snapshot() -> TflmSnapshot:
    """Return the snapshot that is built on a PC to run golden vectors.

    Raises:
        InputError: its file is wrong.
    """
    folder = resources.path("boards") / "tflm"
    # To read all of them as TOML takes 15 ms.
    names = [p.stem for p in sorted(folder.glob("*.toml")) if b"\n[native]" in p.read_bytes()]
    return _shipped_snapshot(names[0])


@functools.cache
def snapshots() -> tuple[TflmSnapshot, ...]:
    """Return every TFLM snapshot that a board may have, by name.

    Raises:
        InputError: a file is wrong.
    """
    folder = resources.path("boards") / "tflm"
    return tuple(_shipped_snapshot(path.stem) for path in sorted(folder.glob("*.toml")))


def _shipped(name: str) -> Path:
    return resources.path("boards") / f"{name}.toml"


@functools.cache
def _read_shipped(path: Path) -> Board:
    """Read one of microgen's own files once: they stay as they are, as do boards."""
    return _read_board(path)


def _read_board(path: Path) -> Board:
    data = _read_toml(path, "board")
    file = _validate(BoardFile, data, path)
    cpu = _read_cpu(file.cpu, f"{path}: field 'cpu'")
    if cpu.architecture != file.mcu.architecture:
        raise InputError(
            f"{path}: field 'cpu': '{cpu.name}' is {cpu.architecture}, 'mcu.architecture' is {file.mcu.architecture}",
            "correct the wrong field",
        )
    snapshot = None if file.tflm is None else _read_snapshot(file.tflm, path)
    return Board(**{**dict(file), "snapshot": snapshot, "processor": cpu})


def _read_cpu(name: str, place: str) -> Cpu:
    names = cpu_names()
    if name not in names:
        raise InputError(f"{place}: no CPU '{name}'", nearest(name, names, f"one of {', '.join(names)}"))
    return _shipped_cpu(name)


@functools.cache
def _shipped_cpu(name: str) -> Cpu:
    path = resources.path("boards") / "cpus" / f"{name}.toml"
    return _validate(Cpu, _read_toml(path, "CPU"), path)


def _read_snapshot(name: str, asked_by: Path) -> TflmSnapshot:
    names = sorted(p.stem for p in (resources.path("boards") / "tflm").glob("*.toml"))
    if name not in names:
        raise InputError(
            f"{asked_by}: field 'tflm': no TFLM snapshot '{name}'",
            nearest(name, names, f"one of {', '.join(names)}"),
        )
    return _shipped_snapshot(name)


@functools.cache
def _shipped_snapshot(name: str) -> TflmSnapshot:
    folder = resources.path("boards") / "tflm"
    path = folder / f"{name}.toml"
    data = _read_toml(path, "TFLM snapshot")
    base = data.pop("extends", None)
    if base is not None:
        data = _merge(dict(_read_toml(folder / f"{base}.toml", "TFLM snapshot")), data)
    return _validate(TflmSnapshot, data, path)


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Lay one snapshot's file over the one it extends: tables by key, `known_issues` and `notes` after the base's."""
    merged = {**base, **own}
    for key in ("known_issues", "notes"):
        merged[key] = base.get(key, ()) + own.get(key, ())
    for key in ("scratch", "persistent", "temporary", "structs"):
        merged[key] = {**base.get(key, {}), **own.get(key, {})}
    merged["code"] = {
        **base["code"],
        **own.get("code", {}),
        "op_bytes": {**base["code"]["op_bytes"], **own.get("code", {}).get("op_bytes", {})},
    }
    return merged


def _read_toml(path: Path, kind: str) -> dict[str, Any]:
    try:
        data = toml.load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such {kind} file", f"check the path; {_LIST_HINT}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}", "save the file as UTF-8") from None
    except toml.TOMLDecodeError as error:
        raise InputError(
            f"{path}: not valid TOML: {error}",
            f"correct that line; {_TOML_HINT}" if kind == "board" else "correct that line",
        ) from None
    except ValueError as error:  # nested too deeply, a number of too many digits, a path with a zero byte
        raise InputError(f"{path}: cannot be read: {error}", "correct the file or its path") from None
    frozen: dict[str, Any] = _freeze(data)
    return frozen


def _freeze(value: Any) -> Any:  # noqa: ANN401
    """Turn TOML's lists into tuples, so that nobody can change a loaded board."""
    if isinstance(value, dict):
        return {key: _freeze(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value


def _validate(model: type[_M], data: dict[str, Any], path: Path) -> _M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        what, hint = (
            f"field '{field}' is missing",
            "add it; the boards that ship with microgen show every field",
        )
    elif first["type"] == "extra_forbidden":
        what = f"unknown field '{field}'"
        hint = nearest(field.rpartition(".")[2], _fields(model, first["loc"][:-1]), "remove it")
    else:
        message = first["msg"].removeprefix("Value error, ")
        what = f"field '{field}': {message}" if field else message
        hint = f"it is {first['input']!r} now" if isinstance(first["input"], str | int | float) else "correct it"
    more = f" (and {len(others)} more)" if others else ""
    raise InputError(f"{path}: {what}{more}", hint)


def _fields(model: type[BaseModel], table: tuple[int | str, ...]) -> set[str]:
    """Return the names of the fields in one table of a file, which may be one of several."""
    for part in table:
        if isinstance(part, str):
            inner = model.model_fields[part].annotation
            model = next(t for t in (inner, *get_args(inner)) if isinstance(t, type) and issubclass(t, BaseModel))
    return set(model.model_fields)
