"""The options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import defaults
from ..errors import InputError
from ..frontends import FRONTENDS
from ..frontends.source import accepted, suffixes
from ..support.sizes import EXAMPLES, number_of_bytes
from . import completion

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seed = Annotated[int, typer.Option(help="Seed for training and for random samples.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output.")]
Samples = Annotated[int, typer.Option(help="Number of inputs to verify.")]
ReportFile = Annotated[
    Path | None,
    typer.Option(help="Also write the result to this HTML file."),
]

TFLITE, KERAS = (suffixes(FRONTENDS.get(name)) for name in ("tflite", "keras"))
TAKEN = f"{accepted()[0].upper()}{accepted()[1:]}"
Calibration = Annotated[
    str | None,
    typer.Option(
        help="Sample inputs: .npy, .npz, .csv, a folder of images or of WAV files, or `random`.",
        show_default=False,
    ),
]
ModelCalibration = Annotated[
    list[str] | None,
    typer.Option(
        "--calibration",
        help="Sample inputs: .npy, .npz, .csv, a folder of images or of WAV files, or `random`. For several "
        "models, repeat it as MODEL=DATA.",
        metavar="DATA",
        show_default=False,
    ),
]
RunBy = Annotated[
    str | None,
    typer.Option(
        help="The board that must support the operators. Default: any board.", autocompletion=completion.boards
    ),
]
Scheme = Annotated[
    str,
    typer.Option(
        help="int8, int16x8 (int16 activations, int8 weights), or float32 (no quantization).",
        autocompletion=completion.schemes,
    ),
]
AllowFloat = Annotated[
    bool, typer.Option("--allow-float", help="Keep layers that have no integer operator in float32, and list them.")
]
Recurrent = Annotated[
    str,
    typer.Option(
        help="GRU and RNN of PyTorch and ONNX: step (one step per inference, with state) or unroll (all steps).",
        autocompletion=completion.recurrent,
    ),
]
AcceptNoise = Annotated[
    bool, typer.Option("--accept-noise", help="Accept a model whose output has an SQNR below 10 dB after quantization.")
]
# The last line of a command that ends with 1 because of the noise.
ACCEPT_NOISE = "quantize the model in another way; --accept-noise accepts it as it is"
Range = Annotated[str, typer.Option("--range", help="Values that black and white pixels become: LOW,HIGH.")]
SampleRate = Annotated[int, typer.Option(help="Sample rate of the model's audio input in Hz. WAV files must match.")]
Project = Annotated[Path, typer.Argument(help="A project folder that microgen build wrote.", show_default=False)]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", help="In a firmware with several models, the model's name. Default: the first.", show_default=False
    ),
]
EachModel = Annotated[
    str | None,
    typer.Option(
        "--model", help="In a firmware with several models, the model's name. Default: all.", show_default=False
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on",
        help="Where the firmware runs: host, emulator, a serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.",
    ),
]
Phrase = Annotated[
    str | None, typer.Option(help="The wake word of the recipe wakeword: one to six words.", show_default=False)
]
Baud = Annotated[int, typer.Option(help="Baud rate of the serial port.")]
Record = Annotated[
    Path | None,
    typer.Option(help="Record the serial session to this text file."),
]
Port = Annotated[
    str | None,
    typer.Option(help="The board's serial port, for example /dev/ttyUSB0 or COM3. Default: the only one found."),
]
TrainedModel = Annotated[
    Path | None,
    typer.Argument(help=f"A {KERAS}. Without one, the recipe is trained first.", show_default=False),
]
TrainingData = Annotated[
    Path | None,
    typer.Option(
        help="Training and test data: an .npz with x and y (and x_test, y_test), a folder of .npy files with these "
        "names, "
        "a .csv with a column label, or one folder of images or WAV files per class.",
        show_default=False,
    ),
]
DataLabels = Annotated[
    Path | None,
    typer.Option(
        help="Text file with one label per line: the order of the model's classes, if those of --data have names. "
        "Default: alphabetical order.",
        show_default=False,
    ),
]
TrainingRecipe = Annotated[
    str | None,
    typer.Option(
        help="Use the data of this recipe (microgen recipes).",
        show_default=False,
        autocompletion=completion.recipes,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(help="Training epochs of each method. Default: the method's own number.", show_default=False),
]
BatchSize = Annotated[int, typer.Option(help="Batch size for training.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="Runtime on the board: tflm (TensorFlow Lite Micro), compiled (C code of the model), or auto.",
        autocompletion=completion.runtimes,
    ),
]
Optimize = Annotated[
    str | None,
    typer.Option(
        help="Goal of the compiled runtime: speed, balanced (default) or size.",
        show_default=False,
        autocompletion=completion.optimizations,
    ),
]


def _bytes(text: str) -> int:
    try:
        return number_of_bytes(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write {EXAMPLES}") from None


FlashBudget = Annotated[
    int | None,
    typer.Option(
        help="Limit in bytes for compiled code and weights, for example 64K. Selects the fastest code that fits.",
        show_default=False,
        parser=_bytes,
        metavar="BYTES",
    ),
]
Arena = Annotated[
    int | None,
    typer.Option(
        help="Size of the tensor arena in bytes, for example 24K. Default: as planned. microgen tune measures it on a "
        "board.",
        show_default=False,
        parser=_bytes,
        metavar="BYTES",
    ),
]
ProjectKind = Annotated[
    str,
    typer.Option(
        "--project",
        # typed, since the registry takes longer to import than the rest of --help
        help="Kind of project: arduino-library, c-library, esp-idf, esphome, pico-sdk, platformio, zephyr.",
        metavar="KIND",
        autocompletion=completion.projects,
    ),
]
Application = Annotated[
    str | None,
    typer.Option(
        "--application",
        "--app",
        help=f"What the firmware does with the model. Default: {defaults.APPLICATION}, the serial commands only.",
        metavar="NAME",
        autocompletion=completion.applications,
    ),
]
ApplicationOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--application-option",
        help="An option of the application. Repeatable.",
        metavar="NAME=VALUE",
        show_default=False,
    ),
]


def out_option(help: str) -> Any:  # noqa: ANN401 - typer has no public type of an option
    """Return the option --out, -o for short, of a command that writes models."""
    return typer.Option("-o", "--out", help=help, show_default=False)


def parse_settings(
    texts: list[str] | None, option: str = "application_options", named: str = "name"
) -> dict[str, str] | None:
    """Parse the values of a repeatable NAME=VALUE option; None if it is absent.

    Args:
        texts: the values.
        option: the parameter that they are of.
        named: what NAME is, for errors.

    Raises:
        InputError: a value has no name, or a name is repeated.
    """
    settings: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not name or not equals or name in settings:
            raise InputError(
                "repeated" if name in settings else f"not of the form {named.upper()}=VALUE",
                f"give each {named} once, as {named.upper()}=VALUE",
                option=option,
                value=text,
            )
        settings[name] = value
    return settings if texts else None


def parse_of_models(texts: list[str] | None, option: str, *, several: bool) -> Any:  # noqa: ANN401
    """Parse a per-model option: one value for one model, NAME=VALUE for each of several models.

    Raises:
        InputError: the option is repeated for one model, or a value for several models names none or repeats one.
    """
    if not texts:
        return None
    if not several:
        if len(texts) > 1:
            raise InputError("repeated, but the firmware has one model", "give it once", option=option, value=texts[1])
        return texts[0]
    if texts == ["random"]:
        return "random"
    return parse_settings(texts, option, "model")


def parse_range(text: str) -> tuple[float, float]:
    """Parse the value of --range.

    Raises:
        InputError: the text is not two numbers.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            "not two numbers", "for example 0,1 or -1,1 or 0,255", option="value_range", value=text
        ) from None
    return low, high
