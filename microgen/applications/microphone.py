"""Listen: log-mel features of a microphone's samples, or cepstral coefficients, into a model that scores words.

How a model is to be heard with stands in the JSON manifest that microWakeWord writes beside it, in the recipe that
trained it, or is given as options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..boards import Board
from ..datasets.recording import Recording, read_sound
from ..errors import InputError, option
from ..preprocessing import emit
from ..preprocessing.log_mel import LogMel
from ..preprocessing.mfcc import Mfcc
from ..preprocessing.settings import Settings
from ..preprocessing.tables import tables
from ..support.json import load_json
from ..tflite import TfliteModel
from . import sensing
from .application import Files
from .sensing import Detection, Stream
from .serial import firmware_files

_NAME = "microphone"
_FRONT_END = "front_end"
_PREPROCESSING = ("logmel.c", "logmel.h", "logmel_fft.c", "logmel_levels.c", "logmel_pair.h", "logmel_parts.h")
_STATE = {"noise_reduction": False, "pcan": False}
# Bytes of code: the front end, and the cosine transform; as `sensing.CODE_BYTES`.
_LOGMEL_BYTES, _MFCC_BYTES = 3_750, 100


@dataclass(frozen=True)
class _Features:
    """What a frame is made of.

    Attributes:
        front: the front end.
        coefficients: how many cepstral coefficients a frame has; 0: it has the channels.
        unit: how many of the features are 1 of the model's input.
    """

    front: Settings
    coefficients: int = 0
    unit: float = 1.0


# The front ends that models are commonly trained with, by name.
FRONT_ENDS: Mapping[str, _Features] = {
    # microWakeWord, and pymicro-features, whose values are LogMel's divided by 25.6
    "microwakeword": _Features(Settings(), unit=25.6),
    # the recipe keyword, and folders of WAV files as calibration data
    "keyword": _Features(Settings(step_ms=20, **_STATE)),
    # natural logarithms, TensorFlow's mfccs_from_log_mel_spectrograms
    "mfcc": _Features(Settings(step_ms=20, low_hz=20.0, high_hz=4000.0, **_STATE), coefficients=10, unit=64.0),
}
_OWN = ("coefficients", "unit")
_SETTINGS = tuple(name for name in sensing.names(Settings) if name != "log")
_OPTIONS = (_FRONT_END, *_OWN, *_SETTINGS, *sensing.names(Detection))


@dataclass(frozen=True)
class _Microphone:
    """See `Application`."""

    front_end: str = ""
    features: _Features = field(default_factory=lambda: FRONT_ENDS["microwakeword"])
    detection: Detection = field(default_factory=Detection)
    name: str = _NAME
    sensor: str = "microphone"

    @property
    def options(self) -> Mapping[str, str]:
        front = {name: text for name, text in sensing.written(self.features.front).items() if name in _SETTINGS}
        own = {name: text for name, text in sensing.written(self.features).items() if name in _OWN}
        return {_FRONT_END: self.front_end, **front, **own, **sensing.written(self.detection)}

    def with_options(self, options: Mapping[str, str]) -> _Microphone:
        sensing.check_names(_NAME, options, _OPTIONS)
        front_end = options.get(_FRONT_END, self.front_end)
        features = self.features
        if _FRONT_END in options:
            if front_end not in FRONT_ENDS:
                raise InputError(
                    f"application option {_FRONT_END}={front_end}: there is no such front end",
                    f"one of {', '.join(FRONT_ENDS)}",
                    option="application_options",
                )
            features = FRONT_ENDS[front_end]
        front = sensing.read_settings(Settings, _among(options, _SETTINGS), features.front)
        features = sensing.read_settings(_Features, _among(options, _OWN), replace(features, front=front))
        if features.unit <= 0:
            raise InputError("application option unit: not above 0", "give a positive number")
        detection = sensing.read_settings(Detection, _among(options, sensing.names(Detection)), self.detection)
        made = replace(self, front_end=front_end, features=features, detection=detection)
        made.front  # noqa: B018 - refuses what cannot be computed
        return made

    def settings_beside(self, model: Path) -> Mapping[str, str]:
        path = model.with_suffix(".json")
        if not path.is_file():
            return {}
        try:
            manifest = load_json(path)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read as the manifest of {model.name}: {error}",
                "mend it, or move it away and give the options",
                path=path,
            ) from None
        return _from_manifest(manifest, path)

    def check(self, model: TfliteModel, board: Board) -> None:
        if not self.front_end:
            raise InputError(
                f"{model.name}: what features it was trained with is not known",
                f"put its microWakeWord manifest beside it, or give {option('application_options', 'front_end=NAME')}: "
                f"one of {', '.join(FRONT_ENDS)}",
                option="application_options",
            )
        sensing.check_edges(_NAME, model, self._stream.elements)

    def sources(self) -> Files:
        front = self.front
        stage = "microphone/mfcc_stage.cc" if isinstance(front, Mfcc) else "microphone/logmel_stage.cc"
        needed = (*_PREPROCESSING, "mfcc.c", "mfcc.h") if isinstance(front, Mfcc) else _PREPROCESSING
        return {
            **sensing.shared_files(self._stream, self.detection, stage),
            **sensing.preprocessing_files(*needed),
            **{name: text.encode() for name, text in front.emit("front_end").items()},
        }

    def program(self) -> bytes:
        return firmware_files("sensing/main.cpp")["main.cpp"]

    def recording(self, path: Path) -> Recording:
        front = self.features.front
        recording = read_sound(path, front.sample_rate)
        if len(recording.values) < front.window:
            raise InputError(
                f"{path}: has {1000 * recording.seconds:.0f} ms, less than a frame of {front.window_ms} ms",
                "record a longer one",
                path=path,
            )
        return recording

    def ram_bytes(self, model: TfliteModel) -> int:
        front = self.features.front
        own = emit.ram_bytes(front, tables(front)) + 2 * front.channels + 2 * self.features.coefficients
        return own + sensing.shared_ram_bytes(model, self._stream, self.detection)

    def golden_inputs(self, model: TfliteModel, steps: int) -> npt.NDArray[Any]:
        frames = steps * model.inputs[0].elements // self._stream.elements
        samples = sensing.golden_values(self.features.front.samples_of(frames))
        return sensing.golden_inputs(self.front.frames(samples), model, self.features.unit, steps)

    def flash_bytes(self, model: TfliteModel) -> int:
        front = self.features.front
        cosines = self.features.coefficients * front.channels
        transform = _MFCC_BYTES + 2 * cosines if cosines else 0
        return sensing.CODE_BYTES + _LOGMEL_BYTES + emit.flash_bytes(front, tables(front)) + transform

    @property
    def front(self) -> LogMel | Mfcc:
        """What computes a frame."""
        front = LogMel(**asdict(self.features.front))
        return Mfcc(front, self.features.coefficients) if self.features.coefficients else front

    @property
    def _stream(self) -> Stream:
        front, features = self.features.front, self.features
        elements = features.coefficients or front.channels
        return Stream(front.sample_rate, 1, elements, 1000 * front.step_ms, features.unit)


def _among(options: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: text for name, text in options.items() if name in names}


def _from_manifest(manifest: Any, path: Path) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Return the options that a microWakeWord manifest stands for; none where it is another file.

    Version 1 has its average under another name, and features every 20 ms.
    """
    if not isinstance(manifest, dict) or manifest.get("type") != "micro":
        return {}
    micro = manifest.get("micro")
    word = manifest.get("wake_word")
    values = micro if isinstance(micro, dict) else {}
    is_first = manifest.get("version") == 1
    average = values.get("sliding_window_average_size" if is_first else "sliding_window_size")
    step = 20 if is_first else values.get("feature_step_size")
    cutoff = values.get("probability_cutoff")
    numbers = (average, step, cutoff)
    if not isinstance(word, str) or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise InputError(
            f"{path}: a microWakeWord manifest without its wake word, window, step or cutoff",
            "mend it, or move it away and give the options",
            path=path,
        )
    return {
        _FRONT_END: "microwakeword",
        "step_ms": f"{step}",
        "average": f"{average}",
        "cutoff": f"{cutoff}",
        "label": word,
    }


APPLICATION = _Microphone()
