"""The public function `verify`: a project or a model, compared again with what Python computes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import datasets as calibrations
from .. import defaults
from .. import projects as project
from ..deployment import golden_inferences, golden_shape
from ..deployment.labels import check_labels, read_labels
from ..devices import HOST, ONLY, Address, Sources
from ..devices.emulator import EMULATOR
from ..errors import InputError, option
from ..frontends.source import load
from ..projects.manifest import project_board, project_model, project_sources
from ..tflite import TfliteModel
from ..tflite.check import check_runnable
from ..verification import (
    DIVERGED,
    EngineRun,
    Engines,
    FirmwareRun,
    Question,
    Samples,
    Verdict,
    ask_models,
    check_count,
    judge,
    make_samples,
    run_models,
    sample_count,
    sample_warning,
)
from ..verification.counterexample import save_counterexample
from ..verification.golden import golden_fault
from .device import open_device
from .float_answers import float_classes
from .labeled_data import Labeled, accuracy_of, data_request, read_labeled


def verify(
    path: str | Path,
    *,
    model: str | None = None,
    samples: int = defaults.SAMPLES,
    seed: int = 0,
    layers: bool = False,
    data: str | Path | None = None,
    labels: str | Path | Sequence[str] | None = None,
    float_model: str | Path | None = None,
    counterexample: str | Path | None = None,
    on: str = HOST,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verdict:
    """Compare a project's firmware, on this machine, on an emulated CPU or on a board, with TFLM, and TFLM with LiteRT.

    Args:
        path: the project's folder; or a .tflite or a C array of one, of which TFLM and LiteRT alone are compared.
        model: the name of one of a firmware's models; `verify_models` verifies all.
        samples: how many inputs to run.
        seed: their seed.
        layers: make the layer proof in any case, and list every operator in the verdict.
        data: samples with their classes, run too, for the accuracy: an .npz with one array per input, and `labels`, the
            index of the output's element for each sample; a CSV with a column `label`; or a folder whose subfolders
            are named as the model's labels.
        labels: names of the first output's elements, or a text file with one per line; the project's own otherwise.
        float_model: the float model that the project's was quantized from: its accuracy on the labeled data, too, and
            the samples that it answers otherwise.
        counterexample: where to save a small input that shows the first operator beyond its bound (.npz).
        on: where the firmware runs: "host" compiles it for this machine; "emulator" for the board's CPU; otherwise
            see `microgen.devices.connected`.
        baud: the port's speed.
        record: file to write the session with the firmware to.
        on_step: called with what is done next, for a progress display.

    Raises:
        InputError: not a project, its model file is not the one that it was built from, or it has several models and
            none is named.
        SetupError: this machine lacks a compiler, or the port.
        EngineError: the firmware does not answer, or has another model.
    """
    opened = None if Path(path).is_file() else project.open_project(path)
    if opened and model is None:
        _check_named(opened)
    (verdict,) = verify_models(
        path, model=model, samples=samples, seed=seed, layers=layers, data=data, labels=labels,
        float_model=float_model, counterexample=counterexample, on=on, baud=baud, record=record, on_step=on_step,
    ).values()  # fmt: skip
    return verdict


def verify_models(
    path: str | Path,
    *,
    model: str | None = None,
    samples: int = defaults.SAMPLES,
    seed: int = 0,
    layers: bool = False,
    data: str | Path | None = None,
    labels: str | Path | Sequence[str] | None = None,
    float_model: str | Path | None = None,
    counterexample: str | Path | None = None,
    on: str = HOST,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> dict[str, Verdict]:
    """Verify every model of a project's firmware in one session, in which they take turns.

    Args:
        path: the project's folder, or a model's file.
        model: the name of the only one to verify; None: all.
        data, labels, float_model: as for `verify`, where one model is verified.
        counterexample: as for `verify`; where several models are verified, with a model's name before its ending.
        samples, seed, layers, on, baud, record, on_step: as for `verify`.

    Returns:
        The verdicts by the names of the models, in their order.

    Raises:
        InputError, SetupError, EngineError: as for `verify`.
    """
    check_count(samples)
    if float_model is not None and data is None:
        raise InputError(
            "the comparison with a float model needs labeled samples",
            f"give them with {option('data', 'DATA')}",
            option="float_model",
            value=float_model,
        )
    opened = None if Path(path).is_file() else project.open_project(path)
    if opened is None and on != HOST:
        raise InputError(f"{path}: a model alone has no firmware", "give a project", option="on", value=on)
    if opened and model is None and (data is not None or labels is not None):
        _check_named(opened)
    subjects = _subjects(Path(path), opened, model, samples, seed, data, labels)
    on_step(f"running LiteRT and TFLM on {max(len(s.inputs[0]) for s in subjects)} samples")
    sources = project_sources(opened) if opened else None
    obstacle = "a model alone has no firmware; give a project"
    if sources:
        obstacle = sources.host.obstacle if on == HOST else ""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(EngineRun(s.model, s.inputs, *golden_shape(s.model, len(s.inputs[0]))))
            for s in subjects
        ]
        for run in running:
            run.prove_early()
        firmware: Sequence[FirmwareRun | None] = [None for _ in subjects]
        if sources and opened and not obstacle:
            questions = [Question(s.model, s.inputs, golden_inferences(s.model), s.address) for s in subjects]
            if on == HOST:
                on_step("compiling the firmware for this machine and running it")
                firmware = run_models(sources, questions, record=record)
            else:
                on_step(f"running the firmware on {on}")
                firmware = _ask_device(opened, model, questions, on, baud, record)
        for run in running:
            run.result()
    float_answers = None
    if float_model is not None and subjects[0].labeled is not None and subjects[0].labeled.classes is not None:
        on_step("running the float model")
        float_answers = float_classes(float_model, subjects[0].model, subjects[0].labeled.real)
    on_step("comparing")
    verdicts = {}
    for subject, run, answered in zip(subjects, running, firmware, strict=True):
        judgement = judge(run, answered, seed, obstacle, all_layers=layers)
        verdict = _with_golden_fault(judgement.verdict, subject, run, sources)
        if counterexample is not None and judgement.proof is not None:
            on_step("reducing the input that shows the difference")
            file = Path(counterexample)
            file = file.with_name(f"{file.stem}-{subject.name}{file.suffix}") if len(subjects) > 1 else file
            saved = save_counterexample(subject.model, judgement.proof, file)
            verdict = dataclasses.replace(verdict, counterexample=str(saved) if saved else "")
        verdicts[subject.name] = subject.with_accuracy(verdict, run.result(), float_answers)
    return verdicts


def _ask_device(
    opened: project.Project, model: str | None, questions: Sequence[Question], on: str, baud: int, record: Path | None
) -> list[FirmwareRun]:
    """Run a project's firmware on an emulated CPU or a board."""
    cpu = project_board(opened).processor.title if on == EMULATOR else ""
    first = opened.of(model)
    with open_device(first, project_model(first), on, baud=baud, record=record) as client:
        return ask_models(client, on, questions, cpu)


def _with_golden_fault(verdict: Verdict, subject: _Subject, run: EngineRun, sources: Sources | None) -> Verdict:
    """Return a verdict that diverges where a project's golden vectors are stale."""
    fault = golden_fault(sources, subject.model, run.arena_min_bytes, subject.address) if sources else ""
    if not fault or not verdict.passed:
        return verdict
    return dataclasses.replace(verdict, status=DIVERGED, reason=fault)


def labels_of(
    path: str | Path, labels: str | Path | Sequence[str] | None = None, model: str | None = None
) -> tuple[str, ...]:
    """Return the names of the first output's elements, as `verify` takes them; see there for the arguments."""
    given = read_labels(labels)
    if given or Path(path).is_file():
        return given
    return tuple(map(str, project.open_project(path).of(model).manifest.get("labels", ())))


def _check_named(opened: project.Project) -> None:
    """Refuse a project of several models where one must be named.

    Raises:
        InputError: it has several.
    """
    names = [str(one.required("model.name")) for one in opened.models]
    if len(names) > 1:
        raise InputError(
            f"{opened.path}: has {len(names)} models",
            f"name one of {', '.join(names)}",
            option="model",
            path=opened.path,
        )


@dataclass(frozen=True)
class _Subject:
    """A model to verify, and on what.

    Attributes:
        name: the model's.
        address: of the model in its firmware.
        inputs: one array an input, samples first; `made` of them are not from labeled data.
        labeled: that data.
        fewer: why fewer samples are run than were requested; "" where they are not.
    """

    name: str
    address: Address
    model: TfliteModel
    inputs: Samples
    made: int
    labeled: Labeled | None
    fewer: str

    def with_accuracy(
        self, verdict: Verdict, engines: Engines, float_answers: npt.NDArray[np.int64] | None = None
    ) -> Verdict:
        """Return a verdict with what the labeled data gave, and the warnings."""
        if self.labeled is not None:
            accuracy = None
            if self.labeled.classes is not None:
                accuracy = accuracy_of(self.model.outputs[0], engines, self.labeled, self.made, float_answers)
            verdict = dataclasses.replace(verdict, accuracy=accuracy, warnings=self.labeled.warnings)
        if self.fewer:
            verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, self.fewer))
        return verdict


def _subjects(
    path: Path,
    opened: project.Project | None,
    name: str | None,
    samples: int,
    seed: int,
    data: str | Path | None,
    labels: str | Path | Sequence[str] | None,
) -> list[_Subject]:
    """Return the models to verify, and their samples."""

    def subject(model: TfliteModel, opened: project.Project | None) -> _Subject:
        check_runnable(model, allow_float=True)
        fewer, count = sample_warning(model, samples), sample_count(model, samples)
        inputs = make_samples(model, count, seed)
        names = read_labels(labels) or tuple(map(str, opened.manifest.get("labels", ()) if opened else ()))
        check_labels(model, names)
        source = opened.manifest.get("source", {}) if opened else {}
        if data is not None and calibrations.Sequences.of(source):
            raise InputError(
                f"{model.name} runs one step of a sequence per inference, and a sequence has one class",
                "microgen.predict of Python runs whole sequences: compare its labels with the classes",
                option="data",
            )
        first = calibrations.ChannelsFirst.of(source)
        labeled = read_labeled(model, data, data_request(data, opened), names, first) if data is not None else None
        if labeled is not None:
            inputs = tuple(np.concatenate([a, b]) for a, b in zip(inputs, labeled.inputs, strict=True))
        return _Subject(model.name, opened.address if opened else ONLY, model, inputs, count, labeled, fewer)

    if opened is None and name is not None:
        raise InputError(f"{path}: is a single model, not a project", "omit it", option="model", value=name)
    if opened is None:
        return [subject(load(path), None)]
    return [subject(project_model(one), one) for one in ([opened.of(name)] if name else opened.models)]
