"""The files of a project: firmware/ as it is, templates/ filled in with what was decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..._version import __version__
from ...boards import board_file
from ...deployment import Deployment, Golden
from ...deployment.fit import memory_fit
from ...errors import InputError
from ...support import resources
from ...support.render import render
from ...tflite import TfliteModel
from ...verification import Verdict
from ..manifest import OWN_BOARD

USER_FILES = ("src/main.cpp", ".gitignore")  # written once, then the user's
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


def render_project(deployment: Deployment) -> dict[str, bytes]:
    """Render all files of a project except golden vectors, README and manifest, by their path inside it."""
    firmware = resources.path("firmware")
    plan = deployment.plan
    native_obstacle = plan.native_obstacle
    copied = {f"lib/model/{p.name}": p for p in sorted((firmware / "model").glob("*.h"))}
    copied |= {f"lib/dut/{p.name}": p for p in sorted((firmware / "dut").iterdir()) if p.is_file()}
    copied |= {f"lib/golden/{p.name}": p for p in sorted((firmware / "golden").iterdir()) if p.is_file()}
    copied |= {f"test/test_golden/{p.name}": p for p in sorted((firmware / "test").glob("*.cpp"))}
    copied |= {f"test/{p.name}": p for p in sorted((firmware / "test").glob("*.py"))}
    if not native_obstacle:
        standing_in = [p for p in sorted((firmware / "native").rglob("*")) if p.is_file()]
        copied |= {f"lib/native/{p.relative_to(firmware / 'native').as_posix()}": p for p in standing_in}
        copied |= {f"lib/native/{name}": firmware / "host" / name for name in ("Arduino.h", "arduino.cc")}
    copied["src/main.cpp"] = firmware / "app" / "main.cpp"
    copied[".gitignore"] = firmware / "app" / "gitignore"
    model = deployment.model
    region = memory_fit(deployment).region
    needed = [plan.requirements] if native_obstacle else [plan.requirements, plan.native.requirements]
    excluded = {pattern for requirements in needed for pattern in requirements.exclude_sources}
    values: dict[str, Any] = {
        "version": __version__,
        "name": deployment.name,
        "board": deployment.board,
        "placement_flags": region.build_flags if region else (),
        "requirements": plan.requirements,
        "native": plan.native,
        "native_obstacle": native_obstacle,
        "exclude_sources": sorted(excluded),
        "sha256": model.sha256,
        "model_bytes": len(model.data),
        "config": plan.config(),
        "labels": deployment.labels,
        "inputs": model.inputs,
        "outputs": model.outputs,
        "stateful": model.is_stateful,
        "element_types": _ELEMENT_TYPES,
        "options": deployment.options,
    }
    rendered = {
        "lib/model/model_config.h": "model_config.h.j2",
        "platformio.ini": "platformio.ini.j2",
    }
    if excluded:
        rendered["exclude_sources.py"] = "exclude_sources.py.j2"
    return {
        **{name: path.read_bytes() for name, path in copied.items()},
        **{f"lib/model/{name}": data for name, data in plan.sources().items()},
        **{name: render(template, **values) for name, template in rendered.items()},
        "model.tflite": model.data,
    }


def render_golden(golden: Golden) -> dict[str, bytes]:
    """Render the golden vectors, by their path inside the project."""
    return {f"lib/golden/{name}": render(f"{name}.j2", golden=golden) for name in ("golden_data.h", "golden_data.cc")}


def render_readme(deployment: Deployment, golden: Golden, verdict: Verdict) -> bytes:
    """Render the project's README.md."""
    return render(
        "README.md.j2",
        version=__version__,
        d=deployment,
        golden=golden,
        board=deployment.board,
        fit=memory_fit(deployment),
        model=deployment.model,
        native_obstacle=deployment.plan.native_obstacle,
        verdict=verdict,
    )


def own_board(board: str | Path) -> dict[str, bytes]:
    """Return the file of a board that does not come with microgen: the project must not depend on where it lies."""
    file = board_file(str(board))
    return {} if file.parent == resources.path("boards") else {OWN_BOARD: file.read_bytes()}
