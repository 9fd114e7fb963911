"""The folder of a sweep: each finished candidate in a folder of its own, there as a whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..compression.price import Price
from ..errors import InputError, option
from ..frontends.source import slug
from ..support.files import check_out_folder, write_file
from ..support.json import load_json
from .evaluation import Result

_CANDIDATES, _RESULT, _STAGE = "candidates", "result.json", ".unfinished-"
_HINT = f"choose a different folder with {option('out')}"


class Store:
    """Results by key, in a folder that outlives a killed sweep; it is made when there is something to keep.

    Raises:
        InputError: the folder holds something else, or cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._folder = out / _CANDIDATES
        check_out_folder(out, _CANDIDATES, "sweep")

    def place(self, name: str, key: str) -> Path:
        """Return the folder of a candidate, relative to the sweep's."""
        return Path(_CANDIDATES) / f"{slug(name)}-{key[:12]}"

    def read(self, name: str, key: str) -> Result | None:
        """Return a finished result; None where there is none, or a damaged one."""
        folder = self.out / self.place(name, key)
        try:
            stored = load_json(folder / _RESULT)
            if stored["key"] != key:
                return None
            if stored["price"] is None:
                return Result(error=(stored["error"][0], stored["error"][1]))
            models = {kind: (folder / f"model.{kind}").read_bytes() for kind in stored["models"]}
            keras, tflite = models.get("keras", b""), models["tflite"]
            return Result(Price.from_json(stored["price"]), stored["metric"], keras, tflite)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, key: str, result: Result) -> None:
        """Keep a result. One that may come out otherwise the next time is not kept.

        Raises:
            InputError: it cannot be written.
        """
        if not result.is_final:
            return
        folder = self.out / self.place(name, key)
        stage = folder.with_name(f"{_STAGE}{os.getpid()}-{folder.name}")
        models = {"keras": result.keras, "tflite": result.tflite}
        models = {kind: data for kind, data in models.items() if data}
        values: dict[str, Any] = {
            "key": key,
            "candidate": name,
            "metric": result.metric,
            "models": list(models),
            "price": result.price.to_json() if result.price else None,
            "error": list(result.error),
        }
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(parents=True)
            for kind, data in models.items():
                (stage / f"model.{kind}").write_bytes(data)
            (stage / _RESULT).write_text(json.dumps(values, indent=2) + "\n")
            shutil.rmtree(folder, ignore_errors=True)
            stage.rename(folder)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror})", _HINT) from None
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def clear(self) -> None:
        """Remove what a killed sweep was writing."""
        for stage in self._folder.glob(f"{_STAGE}*"):
            shutil.rmtree(stage, ignore_errors=True)

    def file(self, name: str, data: bytes) -> Path:
        """Write a file beside the candidates, as a whole, and return its path."""
        write_file(self.out / name, data, _HINT)
        return self.out / name
