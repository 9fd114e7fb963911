"""An application that microgen does not know: `results` is the number of elements above a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgen.applications.application import ApplicationPart, Files
from microgen.applications.serial import Sensorless, firmware_files
from microgen.boards import Board
from microgen.errors import InputError
from microgen.tflite import TfliteModel

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Counting(Sensorless):
    """Counts."""

    threshold: str = "0"
    name: str = "counting"

    @property
    def options(self) -> Mapping[str, str]:
        return {"threshold": self.threshold}

    def with_options(self, options: Mapping[str, str]) -> Counting:
        return Counting(**options)

    def check(self, model: TfliteModel, board: Board, labels: Sequence[str] = ()) -> None:
        if len(model.outputs) != 1:
            raise InputError(
                f"{model.name} has several outputs, the application 'counting' counts in one", "shorten it"
            )

    def sources(self) -> Files:
        config = f"#pragma once\n\ninline constexpr float kThreshold = {float(self.threshold)!r}f;\n"
        own = {"counting.cc": (_FOLDER / "counting.cc").read_bytes(), "counting_config.h": config.encode()}
        return {**firmware_files("application.h"), **own}

    def program(self) -> bytes:
        return firmware_files("serial/main.cpp")["main.cpp"].replace(b"// Your firmware.", b"// Your counter.")

    def parts(self, model: TfliteModel) -> tuple[ApplicationPart, ...]:
        return (ApplicationPart("counting", 100, 1000),)
