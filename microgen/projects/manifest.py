"""What microgen.json records of a build, and the model and board of a project found again by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..applications import choose_application
from ..applications.application import Application
from ..boards import Board, board_file, load_board
from ..defaults import PROJECT as DEFAULT_PROJECT
from ..deployment import Deployment, Golden
from ..devices import Sources
from ..errors import InputError
from ..quantization import Quantized
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import CodeOptions, Library, Runtime
from ..tflite import Tensor, TfliteModel, load
from ..verification import Verdict
from .folder import FURTHER, MANIFEST, Project
from .kind import Parts, ProjectKind

OWN_BOARD = "board.toml"


def manifest(
    kind: ProjectKind, parts: Parts, verdicts: Sequence[Verdict], sources: Sequence[Quantized]
) -> dict[str, Any]:
    """Return what microgen.json says besides the files' hashes.

    What it says of a model it says of the first, and under "further_models" again of each that follows.

    Args:
        kind: of the project.
        parts: what the build decided and chose.
        verdicts, sources: what it found, and started from, for each model.
    """
    deployment = parts.deployment
    of_models = list(zip(deployment.models, (parts.golden, *parts.others), verdicts, sources, strict=True))
    further = [
        {**_given(model, source), **model.plan.record(), **_found(golden, verdict)}
        for model, golden, verdict, source in of_models[1:]
    ]
    _, golden, verdict, source = of_models[0]
    return {
        "microgen": __version__,
        **_given(deployment, source),
        "board": deployment.board.name,
        "upload": deployment.board.upload,
        "monitor_speed": deployment.board.platformio.monitor_speed,
        "runtime": deployment.plan.runtime,
        **deployment.plan.record(),
        "project": kind.name,
        "layout": kind.layout(deployment.application).to_json(),
        "application": deployment.application.name,
        "application_options": dict(deployment.application.options),
        "selftest_at_boot": deployment.selftest_at_boot,
        **_found(golden, verdict),
        **({FURTHER: further, "shared": deployment.shared.record()} if deployment.shared else {}),
    }


def _given(deployment: Deployment, source: Quantized) -> dict[str, Any]:
    """Return what a manifest says of what a model comes from."""
    return {
        "model": model_json(deployment.name, deployment.model),
        "frontend": source.frontend,
        "source": {**source.record, "warnings": list(source.warnings)},
        "labels": list(deployment.labels),
    }


def _found(golden: Golden, verdict: Verdict) -> dict[str, Any]:
    """Return what a manifest says of a model's verification."""
    return {
        "golden": {"count": len(golden.inputs), "sha256": golden.sha256},
        # Without the device, whose times differ each time, and what only labeled data gives.
        "verdict": {k: v for k, v in verdict.to_json().items() if k not in ("device", "accuracy", "warnings")},
    }


def model_json(name: str, model: TfliteModel) -> dict[str, Any]:
    """Return what a manifest and `inspect` say of a model."""
    return {
        "name": name,
        "sha256": model.sha256,
        "bytes": len(model.data),
        "inputs": [tensor_json(t) for t in model.inputs],
        "outputs": [tensor_json(t) for t in model.outputs],
        "ops": dict(sorted(model.ops.items())),
    }


def tensor_json(tensor: Tensor) -> dict[str, Any]:
    """Return what a manifest and `inspect` say of an input or output."""
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
        "affine": tensor.affine,
        "bytes": tensor.bytes,
    }


def project_model(opened: Project) -> TfliteModel:
    """Return a model of a project, after checking that its file is the one that was built.

    Raises:
        InputError: it is missing or another one.
    """
    name, sha256 = opened.required("model.name"), opened.required("model.sha256")
    model = load(opened.model_file(), name)
    if model.sha256 != sha256:
        raise InputError(
            f"{opened.model_file()}: not the model that this project was built from",
            "build the project again",
        )
    return model


def project_board(opened: Project) -> Board:
    """Return the board of a project; for a board that did not come with microgen, its file is in the project.

    Raises:
        InputError: there is no such board, or the manifest names a file elsewhere.
    """
    return load_board(project_board_name(opened))


def project_kind(opened: Project) -> str:
    """Return the name of a project's kind; one without a record of it is from before there was a second."""
    return str(opened.manifest.get("project", DEFAULT_PROJECT))


def project_code(opened: Project) -> CodeOptions:
    """Return what a project's generated code was made to be good at."""
    recorded = opened.manifest.get(project_runtime(opened).name, {})
    return CodeOptions(recorded.get("optimize"), recorded.get("flash_budget"))


def project_build_flags(opened: Project) -> tuple[str, ...]:
    """Return what a project's generated code is to be compiled with."""
    return tuple(map(str, opened.manifest.get(project_runtime(opened).name, {}).get("build_flags", ())))


def project_runtime(opened: Project) -> Runtime:
    """Return the runtime of a project; one without a record of it is from before there was a second.

    Raises:
        InputError: there is no such runtime.
    """
    return RUNTIMES.get(str(opened.manifest.get("runtime", DEFAULT_RUNTIME)))


def project_sources(opened: Project) -> Sources:
    """Return a project's sources, as the manifest records their layout.

    Raises:
        InputError: that is damaged, or there is no such runtime.
    """
    return Sources(opened.path, opened.layout, project_runtime(opened).host())


def project_application(opened: Project) -> Application:
    """Return a project's application, set as it was built with.

    Raises:
        InputError: there is no such application or option.
    """
    return choose_application(opened.required("application"), opened.manifest.get("application_options", {}))


def project_library(opened: Project) -> Library:
    """Return the library of a project's runtime on its board, as it was when the project was built."""
    runtime = project_runtime(opened).name
    name, version, kernels = (str(opened.required(f"{runtime}.{key}")) for key in ("name", "version", "kernels"))
    return Library(name, name, version, kernels)


def project_board_name(opened: Project) -> str:
    """Return what `build` takes for the board of a project: its name, or the file in the project."""
    own = opened.path / OWN_BOARD
    if own.is_file():
        return str(own)
    name = str(opened.required("board"))
    if board_file(name) == Path(name):
        raise InputError(f"{opened.path / MANIFEST}: 'board' is a file, not a name", "build the project again")
    return name
