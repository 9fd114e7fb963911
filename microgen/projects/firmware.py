"""The part of a project that is the same for every kind: the firmware's sources, where the kind's layout wants them."""

from __future__ import annotations

from pathlib import Path

from .._version import __version__
from ..boards import board_file
from ..deployment import Deployment, Golden, model_file
from ..devices import Layout
from ..errors import InputError
from ..support import resources
from ..support.render import render
from ..tflite import TfliteModel
from .kind import Files, Parts
from .manifest import OWN_BOARD

# The element types that a firmware's inputs and outputs may have, by their name in model_types.h.
_ELEMENT_TYPES = {
    "int8": "kInt8",
    "int16": "kInt16",
    "uint8": "kUInt8",
    "int32": "kInt32",
    "float32": "kFloat32",
    "bool": "kBool",
}
_MAX_RANK = 6


def check_edges(model: TfliteModel) -> None:
    """Refuse a model whose inputs or outputs a firmware cannot take in or give out.

    Raises:
        InputError: names the tensor.
    """
    for tensor in (*model.inputs, *model.outputs):
        if tensor.dtype not in _ELEMENT_TYPES or len(tensor.shape) > _MAX_RANK:
            raise InputError(
                f"{model.name}: tensor '{tensor.name}' is {tensor.dtype} {list(tensor.shape)}, "
                "which the firmware cannot take in or give out",
                f"inputs and outputs may be {', '.join(_ELEMENT_TYPES)} with up to {_MAX_RANK} dimensions",
            )


def firmware_files(parts: Parts, layout: Layout) -> Files:
    """Return model, serial commands, golden vectors and application by their path inside the project.

    The platform is not among them: each kind has its own.
    """
    deployment = parts.deployment
    return {
        **_placed(layout.model, copies("model") | _config(deployment) | dict(deployment.firmware.sources())),
        **_placed(layout.serial, copies("serial")),
        **_placed(layout.golden, copies("golden") | _golden(parts)),
        **_placed(layout.application, deployment.application.sources()),
        **{name: data for part in parts.models for name, data in _model_files(deployment, *part).items()},
    }


def sensor_driver(deployment: Deployment) -> Files:
    """Return the driver of the board's sensor that the application reads, by its path inside the platform's folder.

    Raises:
        InputError: the board's file names one that is not there.
    """
    sensor = deployment.sensor
    if sensor is None:
        return {}
    drivers = copies("platform/arduino/sensors")
    if sensor.driver not in drivers:
        raise InputError(
            f"{deployment.board.title}: there is no driver '{sensor.driver}' for its {sensor.kind}",
            f"one of {', '.join(drivers)}",
            option="board",
        )
    return {sensor.driver: drivers[sensor.driver]}


def model_name(deployment: Deployment, model: Deployment) -> str:
    """Return what a project calls the files of a model, without the ending."""
    return model.name if deployment.others else "model"


def _model_files(deployment: Deployment, model: Deployment, golden: Golden) -> Files:
    """Return a model as a file, and as one that a firmware takes without being flashed anew."""
    name, image = model_name(deployment, model), model.plan.flash_image()
    taken = {f"{name}.bin": model_file(model.model, image, golden)} if image is not None else {}
    return {f"{name}.tflite": model.model.data, **taken}


def copies(folder: str, pattern: str = "*") -> Files:
    """Return the files of a folder of firmware/ by their path inside it.

    Args:
        folder: its path inside firmware/.
        pattern: which files; "**/*": those of its folders too.
    """
    root = resources.path("firmware") / folder
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.glob(pattern)) if p.is_file()}


def own_board(board: str | Path) -> Files:
    """Return the file of a board that does not come with microgen: the project must not depend on where it lies."""
    file = board_file(str(board))
    return {} if file.parent == resources.path("boards") else {OWN_BOARD: file.read_bytes()}


def _placed(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": data for name, data in files.items()}


def _config(deployment: Deployment) -> Files:
    return {
        "model_config.h": render(
            "models_config.h.j2" if deployment.others else "model_config.h.j2",
            version=__version__,
            d=deployment,
            config=deployment.firmware.config(),
            element_types=_ELEMENT_TYPES,
        )
    }


def _golden(parts: Parts) -> Files:
    files = ("golden_data.h", "golden_data.cc")
    if parts.others:
        return {name: render(f"{name.replace('.', '_several.')}.j2", parts=parts) for name in files}
    tolerances = parts.golden.tolerance_bytes or bytes(1)  # no array is empty
    return {name: render(f"{name}.j2", golden=parts.golden, tolerances=tolerances) for name in files}
