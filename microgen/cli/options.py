"""The options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import defaults
from ..errors import InputError
from ..frontends import FRONTENDS
from ..frontends.source import accepted, suffixes
from . import completion

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seed = Annotated[int, typer.Option(help="Seed of training and of the samples.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output.")]
Samples = Annotated[int, typer.Option(help="How many inputs the verification runs.")]
ReportFile = Annotated[
    Path | None,
    typer.Option(help="Write it as one HTML page too."),
]

TFLITE, KERAS = (suffixes(FRONTENDS.get(name)) for name in ("tflite", "keras"))
TAKEN = f"{accepted()[0].upper()}{accepted()[1:]}"
Calibration = Annotated[
    str | None,
    typer.Option(
        help="Samples of the input: .npy, .npz, .csv, a folder of images or of WAV files, or `random`.",
        show_default=False,
    ),
]
ModelCalibration = Annotated[
    list[str] | None,
    typer.Option(
        "--calibration",
        help="Samples of the input: .npy, .npz, .csv, a folder of images or of WAV files, or `random`. Of several "
        "models: MODEL=DATA.",
        metavar="DATA",
        show_default=False,
    ),
]
RunBy = Annotated[
    str | None,
    typer.Option(help="The board that must run it. Default: what every board runs.", autocompletion=completion.boards),
]
Scheme = Annotated[
    str,
    typer.Option(
        help="int8, int16x8 (int16 activations, int8 weights), or float32: nothing is quantized.",
        autocompletion=completion.schemes,
    ),
]
AllowFloat = Annotated[
    bool, typer.Option("--allow-float", help="Let layers without an integer operator stay in float32; names them.")
]
AcceptNoise = Annotated[
    bool, typer.Option("--accept-noise", help="Take a model that quantization destroys: below 10 dB at the output.")
]
Range = Annotated[str, typer.Option("--range", help="What black and white of an image become.")]
SampleRate = Annotated[int, typer.Option(help="Of the audio that the model takes, in Hz; WAV files must have it.")]
Project = Annotated[Path, typer.Argument(help="The folder that microgen build wrote.", show_default=False)]
Model = Annotated[
    str | None,
    typer.Option("--model", help="The name of one of a firmware's models. Default: the first.", show_default=False),
]
EachModel = Annotated[
    str | None,
    typer.Option("--model", help="The name of one of a firmware's models. Default: all.", show_default=False),
]
On = Annotated[
    str, typer.Option("--on", help="host, emulator, a serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")
]
Phrase = Annotated[
    str | None, typer.Option(help="What the recipe wakeword is to listen for: one to six words.", show_default=False)
]
Baud = Annotated[int, typer.Option(help="Bits a second of the serial port.")]
Record = Annotated[
    Path | None,
    typer.Option(help="Write the session with the firmware to this text file."),
]
Port = Annotated[
    str | None,
    typer.Option(help="The board's port: /dev/ttyUSB0, COM3. Default: looked for."),
]
TrainedModel = Annotated[
    Path | None,
    typer.Argument(help=f"A {KERAS}. None: the recipe is trained first.", show_default=False),
]
TrainingData = Annotated[
    Path | None,
    typer.Option(
        help="To train and measure on: an .npz with x and y (x_test, y_test), a folder of such .npy, a .csv with a "
        "column label, or a folder of images or WAV files a class.",
        show_default=False,
    ),
]
TrainingRecipe = Annotated[
    str | None,
    typer.Option(
        help="Take the data of this recipe (microgen recipes).",
        show_default=False,
        autocompletion=completion.recipes,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(help="Of each method, instead of its own number.", show_default=False),
]
BatchSize = Annotated[int, typer.Option(help="Of the training on --data.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="What runs the model on the board: tflm (TensorFlow Lite Micro), compiled (the model as C), or auto.",
        autocompletion=completion.runtimes,
    ),
]
Optimize = Annotated[
    str | None,
    typer.Option(
        help="Of the compiled runtime: speed, balanced (default) or size.",
        show_default=False,
        autocompletion=completion.optimizations,
    ),
]
FlashBudget = Annotated[
    int | None,
    typer.Option(
        help="Bytes of flash for compiled code and weights: the fastest that fits is taken.", show_default=False
    ),
]
ProjectKind = Annotated[
    str,
    typer.Option(
        "--project",
        # typed, since the registry takes longer to import than the rest of --help
        help="The build system that the project is for: "
        "arduino-library, c-library, esp-idf, esphome, pico-sdk, platformio, zephyr.",
        metavar="KIND",
        autocompletion=completion.projects,
    ),
]
Application = Annotated[
    str | None,
    typer.Option(
        "--application",
        "--app",
        help=f"What the firmware does with the model. Default: {defaults.APPLICATION}, the serial commands alone.",
        metavar="NAME",
        autocompletion=completion.applications,
    ),
]
ApplicationOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--application-option",
        help="An option of the application; may be given again.",
        metavar="NAME=VALUE",
        show_default=False,
    ),
]


def out_option(help: str) -> Any:  # noqa: ANN401 - typer has no public type of an option
    """Return the option --out, -o for short, of a command that writes models."""
    return typer.Option("-o", "--out", help=help, show_default=False)


def parse_settings(texts: list[str] | None, option: str = "application_options") -> dict[str, str] | None:
    """Read the values of an option that takes NAME=VALUE; None where it was not given.

    Raises:
        InputError: one has no name, or is given twice.
    """
    settings: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not name or not equals or name in settings:
            raise InputError(
                "given twice" if name in settings else "not a name and a value",
                "give each once, as NAME=VALUE",
                option=option,
                value=text,
            )
        settings[name] = value
    return settings if texts else None


def parse_of_models(texts: list[str] | None, option: str, *, several: bool) -> Any:  # noqa: ANN401
    """Read an option that is about one model: its only value, or NAME=VALUE for each of several models.

    Raises:
        InputError: it was given again for one model, or names no model, or one twice, where there are several.
    """
    if not texts:
        return None
    if not several:
        if len(texts) > 1:
            raise InputError("given again for one model", "give it once", option=option, value=texts[1])
        return texts[0]
    if texts == ["random"]:
        return "random"
    return parse_settings(texts, option)


def parse_range(text: str) -> tuple[float, float]:
    """Read the value of --range.

    Raises:
        InputError: it is not two numbers.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            "not two numbers", "give it as 0,1 or -1,1 or 0,255", option="value_range", value=text
        ) from None
    return low, high
