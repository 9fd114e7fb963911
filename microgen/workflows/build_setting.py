"""What a request names on this machine: board, runtime, kind of project, application, and the refusals of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import projects as project
from .. import quantization
from ..applications import APPLICATIONS, choose_application
from ..applications.application import Application
from ..boards import Board, load_board
from ..deployment import AUTO, choose_runtime, usual_runtime
from ..deployment.labels import read_labels
from ..devices import HOST, Layout
from ..devices import host_build as hostbuild
from ..devices.emulator import EMULATOR
from ..errors import InputError
from ..projects.interface import check_interface
from ..projects.kind import ProjectKind, Tool
from ..recipes import load_recipe, recipe_names
from ..runtimes import RUNTIMES
from ..runtimes.runtime import Runtime
from ..support.host import HostBuild
from ..training.train import LABELS, training_record
from .build_request import BuildRequest, Labels
from .device import check_emulator


@dataclass(frozen=True)
class Setting:
    """A request, and what it names on this machine.

    Attributes:
        request: the arguments of `build`.
        board, runtime, kind, application: those that it names; where the choice of the runtime is open, the usual one
            until `with_runtime`.
        path: the project's folder.
        of_models: what is asked for each model.
        labels: names of the elements of each one's first output, where they were given.
        committed: the project that the build is compared with, where it is to be checked.
        host: how the firmware is compiled for this machine.
        tool: what compiles the project for its board, where that was asked for.
        claim: of the project's folder.
    """

    request: BuildRequest
    board: Board
    runtime: Runtime
    kind: ProjectKind
    application: Application
    path: Path
    of_models: tuple[BuildRequest, ...]
    labels: tuple[tuple[str, ...], ...]
    committed: project.Project | None
    host: HostBuild
    tool: Tool | None
    claim: project.Claim

    @property
    def layout(self) -> Layout:
        """Where the parts of the project lie."""
        return self.kind.layout(self.application)

    @property
    def obstacle(self) -> str:
        """Why the firmware cannot run where it is to be verified; "" where it can."""
        return self.host.obstacle if self.request.verify_on == HOST else ""

    @property
    def runs_firmware(self) -> bool:
        """Whether the firmware is compiled and run to verify it."""
        return self.request.verify and not self.obstacle


def project_folder(request: BuildRequest) -> Path:
    """Return the project's folder."""
    if request.out is not None:
        return Path(request.out)
    return Path(f"{request.firmware_name}-{load_board(str(request.board)).name}")


def prepare(request: BuildRequest, claim: project.Claim) -> Setting:
    """Look for everything that a build needs, so that what is missing is reported before any work.

    Raises:
        InputError: a name is unknown, two arguments contradict each other, or the folder has something else.
        SetupError: this machine has no compiler, or no emulator where the firmware is to run on one.
    """
    board = load_board(str(request.board))
    # Where the choice is open, a model is made for the usual runtime.
    runtime = RUNTIMES.get(usual_runtime(board) if request.runtime == AUTO else request.runtime)
    kind = project.PROJECTS.get(request.project_kind)
    application = choose_application(
        request.application, request.application_options, request.mlperf,
        model=Path(request.model) if isinstance(request.model, (str, Path)) else None,
        usual=_usual_options(request),
    )  # fmt: skip
    kind.check(board, "" if request.runtime == AUTO else runtime.name, application)
    if request.compile and kind.tool is None:
        raise InputError(
            f"microgen has no tool for projects of the kind '{kind.name}': {kind.built_by} compiles them",
            "omit it",
            option="compile",
            value=True,
        )
    if len(request.names) > 1:
        _check_several(kind, application)
    path = claim.folder
    committed = None
    if request.check:
        committed = project.open_project(path, read_only=True)
        project.check_current(committed)
    else:
        project.check_target(path, force=request.force, claim=claim)
        if (path / project.MANIFEST).exists() and not request.force:
            _check_program(project.open_project(path), kind, application)
    of_models = request.of_models
    labels = tuple(read_labels(_labels_of(of_model)) for of_model in of_models)
    host = runtime.host()
    if request.verify and request.verify_on == EMULATOR and request.runtime != AUTO:
        check_emulator(board, runtime, "verify_on")
    elif request.verify and not host.obstacle:
        hostbuild.compiler()
    tool = kind.tool if request.compile else None
    return Setting(request, board, runtime, kind, application, path, of_models, labels, committed, host, tool, claim)


def with_training(setting: Setting, source: quantization.Quantized) -> Setting:
    """Set the application as the training of a recipe found it: a cutoff, a threshold."""
    request, found = setting.request, source.record.get("applications")
    if request.model is not None or not isinstance(found, dict):
        return setting
    application = choose_application(request.application, request.application_options, request.mlperf, usual=found)
    return replace(setting, application=application)


def with_runtime(setting: Setting, sources: Sequence[quantization.Quantized]) -> tuple[Setting, str]:
    """Choose the runtime where that is open; return why it was taken, "" where it was asked for.

    Raises:
        InputError, SetupError: no runtime takes the models, or the one that does cannot run where it is verified.
    """
    request = setting.request
    if request.runtime != AUTO:
        return setting, ""
    choice = choose_runtime(
        [source.model for source in sources],
        setting.board,
        allow_float=request.allow_float or any(source.is_float for source in sources),
        arena_bytes=request.arena_bytes,
        code=request.code,
    )
    runtime = RUNTIMES.get(choice.runtime)
    setting.kind.check(setting.board, runtime.name, setting.application)
    if request.verify and request.verify_on == EMULATOR:
        check_emulator(setting.board, runtime, "verify_on")
    return replace(setting, runtime=runtime, host=runtime.host()), choice.reason


def check_edited_program(setting: Setting, sources: Sequence[quantization.Quantized]) -> None:
    """Refuse to put a model with another interface under a main program that its user has edited.

    Raises:
        InputError: names what is different.
    """
    request = setting.request
    if request.force or request.accept_interface or request.check or not (setting.path / project.MANIFEST).exists():
        return
    models = [
        (source.model.name, source.model, labels or source.labels)
        for source, labels in zip(sources, setting.labels, strict=True)
    ]
    check_interface(project.open_project(setting.path, claim=setting.claim), setting.application.program(), models)


def _labels_of(request: BuildRequest) -> Labels | None:
    """Return the labels of a model: those given, or those that its training wrote beside it."""
    model, given = request.model, request.model_labels
    if given is None and isinstance(model, (str, Path)) and training_record(Path(model)):
        beside = Path(model).with_name(LABELS)
        return beside if beside.is_file() else None
    return given


def _usual_options(request: BuildRequest) -> Mapping[str, Mapping[str, str]]:
    """Return the options of applications that go with the recipe that a model is, or was, trained by."""
    if request.recipe is not None:
        return load_recipe(request.recipe, request.phrase).applications
    record: Mapping[str, Any] = {}
    if isinstance(request.model, quantization.Quantized):
        record = request.model.record
    elif isinstance(request.model, (str, Path)):
        record = training_record(Path(request.model))
    if isinstance(recorded := record.get("applications"), dict):
        return {str(name): options for name, options in recorded.items() if isinstance(options, dict)}
    name = record.get("recipe")
    return load_recipe(name).applications if name in recipe_names() else {}


def _check_several(kind: ProjectKind, application: Application) -> None:
    """Refuse several models where a project of this kind, or with this application, has one."""
    if not kind.takes_several:
        able = [name for name in project.PROJECTS.names if project.PROJECTS.get(name).takes_several]
        raise InputError(
            f"projects of the kind '{kind.name}' support one model",
            f"use {', '.join(able)} for several, or build one project per model",
            option="project_kind",
            value=kind.name,
        )
    if application.sensor:
        raise InputError(
            f"the application '{application.name}' reads a sensor and needs a firmware with a single model",
            "omit it, or build a firmware for this model only",
            option="application",
            value=application.name,
        )


def _check_program(existing: project.Project, kind: ProjectKind, application: Application) -> None:
    """Refuse to build around a program that is kept, but was written for another kind or application."""
    name = existing.manifest.get("application")
    shares = name in APPLICATIONS.names and APPLICATIONS.get(str(name)).program() == application.program()
    project.check_current(existing, kind.name, "" if shares else application.name)
