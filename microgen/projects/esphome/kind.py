"""The kind "esphome": a streaming model with the manifest by which ESPHome's micro_wake_word takes it.

What it must be is read in ESPHome's own component: streaming_model.cpp checks shapes and types when the device starts,
registers the operators, and preprocessor_settings.h fixes the front end. What it does not check, such as a cutoff above
1, is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..._version import __version__
from ...applications import APPLICATIONS
from ...applications.application import Application
from ...boards import Board, Component, Sensor
from ...deployment import Deployment
from ...devices import Layout
from ...errors import InputError, option
from ...support.json import json_text
from ...support.render import render
from ...tflite import TfliteModel
from ...verification import Verdict
from ..bill import bill_files
from ..firmware import copies, firmware_files, kept_files, placed, readme
from ..kind import Files, Parts, Tool
from ..refusals import check_known, wrong_runtime

_TFLM, _MICROPHONE = "tflm", "microphone"
# What is compiled to verify the model, and to hear recordings; ESPHome does not look there.
_LAYOUT = Layout.below("firmware", main="firmware/main.cpp")
_MANIFEST = "model.json"
_MANIFEST_VERSION = 2
_MINIMUM_ESPHOME = "2024.7.0"  # the first with manifests of version 2
_CHANNELS = 40
_OPERATORS = frozenset(
    {
        "ADD", "ASSIGN_VARIABLE", "AVERAGE_POOL_2D", "CALL_ONCE", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PACK", "PAD", "QUANTIZE", "READ_VARIABLE",
        "RESHAPE", "SPLIT_V", "STRIDED_SLICE", "VAR_HANDLE",
    }
)  # fmt: skip
_MOST_VARIABLES = 20
_MOST_STEP_MS = 30
# Of the application's options, those that the manifest has.
_IN_MANIFEST = ("step_ms", "average", "cutoff", "label")
_FRONT_END = {"front_end": "microwakeword"}
_PIN = re.compile(r"-DMICROPHONE_(?P<name>\w+)=(?P<pin>\d+)")
_GAIN = 4  # of 32-bit samples from I2S, as microgen's own driver takes them
_ESPHOME = Component(
    name="ESPHome",
    license="GPL-3.0-only AND MIT",
    copyright="The ESPHome authors",
    url="https://github.com/esphome/esphome",
)


@dataclass(frozen=True)
class _EspHome:
    """See `ProjectKind`."""

    name: str = "esphome"
    tool: Tool | None = None
    built_by: str = "ESPHome"
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take an ESP32 with TFLM, which ESPHome brings, and the application that listens as ESPHome does."""
        check_known(board, "esp_idf", "ESPHome's micro_wake_word", "IDF_TARGET and flash")
        if runtime not in ("", _TFLM):
            raise wrong_runtime("ESPHome runs models with TensorFlow Lite Micro", runtime, _TFLM)
        if application.name != _MICROPHONE:
            raise InputError(
                f"projects of the kind '{self.name}' do not support the application '{application.name}'",
                f"give {option('application', _MICROPHONE)}",
                option="application",
                value=application.name,
            )
        _check_settings(application)

    def files(self, parts: Parts) -> Files:
        deployment = parts.deployment
        check_streaming(deployment.model)
        libraries = [c.model_copy(update={"version": ""}) for c in deployment.plan.library.components]
        return {
            **firmware_files(parts, _LAYOUT),
            **placed(_LAYOUT.platform, copies("platform", "*.h")),
            _MANIFEST: json_text(_manifest(deployment)).encode(),
            **bill_files(parts, {}, [_ESPHOME], libraries),
        }

    def user_files(self, parts: Parts) -> Files:
        deployment = parts.deployment
        values = {"version": __version__, "board": deployment.board, "device": device_name(deployment.name)}
        text = render("esphome/device.yaml.j2", **values, **_wiring(deployment.sensor), manifest=_MANIFEST, gain=_GAIN)
        return kept_files(self, parts) | {f"{device_name(deployment.name)}.yaml": text}

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        deployment = parts.deployment
        word = deployment.application.options["label"]
        return readme(self, parts, verdicts, device=device_name(deployment.name), manifest=_MANIFEST, word=word)


def device_name(name: str) -> str:
    """Return what ESPHome calls the device: at most 31 small letters, digits and dashes.

    Args:
        name: the firmware's name.
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:31].strip("-") or "model"


def check_streaming(model: TfliteModel) -> None:
    """Refuse a model that ESPHome's micro_wake_word does not run.

    Raises:
        InputError: names the tensor or the operator.
    """
    first, score = model.inputs[0], model.outputs[0]
    if first.dtype != "int8" or len(first.shape) != 3 or first.shape[0] != 1 or first.shape[2] != _CHANNELS:
        raise InputError(
            f"{model.name}: ESPHome needs an input of int8 [1, frames, {_CHANNELS}], not {first.dtype} "
            f"{list(first.shape)}",
            "train a streaming model with microWakeWord",
            tensor=first.name,
        )
    if score.dtype != "uint8" or tuple(score.shape) != (1, 1):
        raise InputError(
            f"{model.name}: ESPHome needs an output of uint8 [1, 1], not {score.dtype} {list(score.shape)}",
            "train a streaming model with microWakeWord",
            tensor=score.name,
        )
    if strange := sorted(set(model.ops) - _OPERATORS):
        raise InputError(
            f"{model.name}: ESPHome does not register {', '.join(strange)}",
            f"it has {', '.join(sorted(_OPERATORS))}",
            operator=strange[0],
        )
    if (variables := model.ops.get("VAR_HANDLE", 0)) > _MOST_VARIABLES:
        raise InputError(
            f"{model.name}: has {variables} variables, ESPHome supports {_MOST_VARIABLES}", "use a smaller model"
        )


def _check_settings(application: Application) -> None:
    """Refuse what neither the manifest can say nor ESPHome has; a front end that is not known is refused elsewhere."""
    given = application.options
    own = {name: given[name] for name in _IN_MANIFEST}
    fixed = APPLICATIONS.get(_MICROPHONE).with_options(_FRONT_END | own).options
    for name, text in fixed.items():
        if given[name] not in ("", text):
            raise InputError(
                f"application option {name}={given[name]}: ESPHome has {text}, which is fixed",
                f"a manifest only has {', '.join(_IN_MANIFEST)}",
                option="application_options",
            )
    if int(given["step_ms"]) > _MOST_STEP_MS:
        raise InputError(
            f"application option step_ms={given['step_ms']}: ESPHome supports at most {_MOST_STEP_MS}",
            "train the model with a shorter step",
            option="application_options",
        )


def _manifest(deployment: Deployment) -> dict[str, object]:
    """Return the manifest, with exactly the keys that ESPHome knows."""
    options = deployment.application.options
    return {
        "type": "micro",
        "wake_word": options["label"],
        "author": f"microgen {__version__}",
        "model": "model.tflite",
        "trained_languages": [],
        "version": _MANIFEST_VERSION,
        "micro": {
            "probability_cutoff": float(options["cutoff"]),
            "feature_step_size": int(options["step_ms"]),
            "sliding_window_size": int(options["average"]),
            "tensor_arena_size": deployment.arena.bytes,
            "minimum_esphome_version": _MINIMUM_ESPHOME,
        },
    }


def _wiring(sensor: Sensor | None) -> dict[str, object]:
    """Return the pins of a microphone: of PDM, the clock is where I2S has its word select."""
    assert sensor is not None
    pins = {match["name"]: int(match["pin"]) for match in map(_PIN.fullmatch, sensor.build_flags) if match}
    return {"title": sensor.title, "pins": pins, "is_pdm": "CLK" in pins}


KIND = _EspHome()
