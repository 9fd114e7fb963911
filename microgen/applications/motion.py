"""Feel: windows of what an accelerometer measures, and a gyroscope, into a model that scores gestures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..boards import Board
from ..datasets.motion import read_motion
from ..datasets.recording import Recording
from ..errors import InputError
from ..preprocessing.window import UNIT, Window
from ..tflite import TfliteModel
from . import sensing
from .application import ApplicationPart, Files
from .sensing import Detection, Stream
from .serial import firmware_files

_NAME = "motion"
_LISTS = ("offset", "scale")
_WINDOW = tuple(f.name for f in fields(Window))
_DETECTION = tuple(name for name in sensing.names(Detection) if name != "stride_ms")
_OPTIONS = (*_WINDOW, *_DETECTION)
# Bytes of code of window.c and its stage; as `sensing.CODE_BYTES`.
_CODE_BYTES = 1_400
# Instructions for a value that comes, and for one of a window.
_MOMENT, _WINDOWED = 1_500, 300
_TRIED = 2  # windows after the first


@dataclass(frozen=True)
class _Motion:
    """See `Application`."""

    window: Window = field(default_factory=Window)
    detection: Detection = field(default_factory=lambda: Detection(stride_ms=0, average=1))
    name: str = _NAME
    sensor: str = "motion"

    @property
    def options(self) -> Mapping[str, str]:
        written = {name: text for name, text in sensing.written(self.window).items() if name not in _LISTS}
        lists = {name: ",".join(map(sensing.written_value, getattr(self.window, name))) for name in _LISTS}
        detection = {name: text for name, text in sensing.written(self.detection).items() if name in _DETECTION}
        return {**written, **lists, **detection}

    def settings_beside(self, model: Path) -> Mapping[str, str]:
        return {}

    def with_options(self, options: Mapping[str, str]) -> _Motion:
        sensing.check_names(_NAME, options, _OPTIONS)
        lists: dict[str, Any] = {name: sensing.read_list(name, options[name]) for name in _LISTS if name in options}
        plain = {name: text for name, text in options.items() if name in _WINDOW and name not in _LISTS}
        values = sensing.read_values(self.window, plain)
        given = {name: text for name, text in options.items() if name in _DETECTION}
        detection = sensing.read_detection(given, self.detection)
        return replace(self, window=replace(self.window, **values, **lists), detection=detection)

    def check(self, model: TfliteModel, board: Board, labels: Sequence[str] = ()) -> None:
        window, fitting = self.window, _fitting(model.inputs[0].shape)
        sensing.check_edges(_NAME, model, window.axes, self.detection, fitting=fitting)
        sensing.check_ignored(model, self.detection, labels)
        if model.inputs[0].elements != window.length * window.axes:
            raise InputError(
                f"{model.name}: its input {list(model.inputs[0].shape)} is not a window of {window.length} time steps "
                f"of {window.axes} axes",
                sensing.hint_to(fitting),
                option="application_options",
                tensor=model.inputs[0].name,
            )

    def sources(self) -> Files:
        return {
            **sensing.shared_files(self._stream, self.detection, "motion/window_stage.cc"),
            **sensing.preprocessing_files("window.c", "window.h"),
            **{name: text.encode() for name, text in self.window.emit("motion_window").items()},
        }

    def program(self) -> bytes:
        return firmware_files("sensing/main.cpp")["main.cpp"]

    def recording(self, path: Path) -> Recording:
        recording = read_motion(path, self.window)
        if len(recording.values) < self.window.length:
            raise InputError(
                f"{path}: has {len(recording.values)} time steps, fewer than a window of {self.window.length}",
                "give a longer recording",
                path=path,
            )
        return recording

    def trial(self, model: TfliteModel) -> Recording:
        window = self.window
        moments = window.length + _TRIED * window.stride
        return Recording(sensing.golden_values(moments * window.axes).reshape(-1, window.axes), window.rate_hz)

    def parts(self, model: TfliteModel) -> tuple[ApplicationPart, ...]:
        window = self.window
        ram = 4 * window.axes * (window.length + 1) + 32
        work = window.axes * (_MOMENT + _WINDOWED * window.length // window.stride)
        own = ApplicationPart("preprocessing", _CODE_BYTES + 8 * window.axes, ram, work * window.rate_hz)
        return (own, *sensing.shared_parts(model, self._stream, self.detection))

    def golden_inputs(self, model: TfliteModel, steps: int) -> npt.NDArray[Any]:
        window = self.window
        moments = window.length + (steps - 1) * window.stride
        values = sensing.golden_values(moments * window.axes).reshape(-1, window.axes)
        return sensing.golden_inputs(window.windows(values), model, float(UNIT), steps)

    @property
    def _stream(self) -> Stream:
        window = self.window
        step_us = max(1, window.stride * 1_000_000 // window.rate_hz)
        return Stream(window.rate_hz, window.axes, window.length * window.axes, step_us, float(UNIT))


def _fitting(shape: Sequence[int]) -> str:
    """Return the options of a window with the shape of a model's input."""
    axes = {3: "acceleration or rotation", 6: "acceleration and rotation"}.get(shape[-1] if shape else 0)
    return f"length={math.prod(shape[1:-1])}, {axes}" if axes else "length, acceleration, rotation"


APPLICATION = _Motion()
