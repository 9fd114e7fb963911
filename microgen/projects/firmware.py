"""The part of a project that is the same for every kind: the firmware's sources, the user's files, the README."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .._version import __version__
from ..boards import board_file
from ..deployment import Deployment, Golden, model_file
from ..deployment.fit import memory_fit
from ..devices import Layout
from ..errors import InputError
from ..support import resources
from ..support.render import render
from ..tflite import TfliteModel, float_cost
from ..verification import Verdict
from .kind import Files, Parts, ProjectKind
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
                "which a firmware cannot read or write",
                f"inputs and outputs may be {', '.join(_ELEMENT_TYPES)} with up to {_MAX_RANK} dimensions",
            )


def firmware_files(parts: Parts, layout: Layout) -> Files:
    """Return model, serial commands, golden vectors and application by their path inside the project.

    The platform is not among them: each kind has its own.
    """
    deployment = parts.deployment
    return {
        **placed(layout.model, copies("model") | _config(deployment) | dict(deployment.firmware.sources())),
        **placed(layout.serial, copies("serial")),
        **placed(layout.golden, copies("golden") | _golden(parts)),
        **placed(layout.application, deployment.application.sources()),
        **{name: data for part in parts.models for name, data in _model_files(deployment, *part).items()},
    }


def kept_files(kind: ProjectKind, parts: Parts) -> Files:
    """Return the user's program, and the .gitignore of the kind's templates."""
    application = parts.deployment.application
    ignored = resources.path("templates") / kind.name / "gitignore"
    return {kind.layout(application).main: application.program(), ".gitignore": ignored.read_bytes()}


def readme(kind: ProjectKind, parts: Parts, verdicts: Sequence[Verdict], **values: object) -> bytes:
    """Return README.md from the kind's template, which extends the one of all kinds.

    Args:
        kind: of the project.
        parts: what it is made of.
        verdicts: on each model.
        values: what else the kind's template names.
    """
    deployment = parts.deployment
    return render(
        f"{kind.name}/README.md.j2",
        version=__version__,
        d=deployment,
        parts=parts,
        board=deployment.board,
        fit=memory_fit(deployment),
        float_cost=float_cost(deployment.model),
        layout=kind.layout(deployment.application),
        verdicts=verdicts,
        **values,
    )


def compile_flags(deployment: Deployment) -> tuple[str, ...]:
    """Return the flags that the board adds: where the arena lies, and how its sensor is wired."""
    sensor = deployment.sensor
    return (*memory_fit(deployment).placement_flags, *(sensor.build_flags if sensor else ()))


def compiled_sources(files: Files) -> list[str]:
    """Return those files that a compiler takes one by one, in their order."""
    return sorted(name for name in files if name.endswith((".c", ".cc", ".S")))


def package_version() -> str:
    """Return microgen's version as package managers want one: three numbers."""
    return ".".join(re.findall(r"\d+", __version__)[:3])


def target_name(name: str) -> str:
    """Return what CMake calls a firmware: a name that no target of an SDK or of CMake has.

    Args:
        name: the firmware's name.
    """
    return f"{re.sub('[^A-Za-z0-9_]', '_', name)}_firmware"


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


def placed(folder: str, files: Files) -> Files:
    """Return files by their path, where their folder is this one."""
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
