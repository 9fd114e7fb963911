"""The public function `verify`: a project or a model, compared again with what Python computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import datasets as calibrations
from .. import defaults
from .. import projects as project
from ..deployment import golden_inferences, golden_shape
from ..deployment.labels import check_labels, output_classes, read_labels
from ..devices import HOST
from ..devices.emulator import EMULATOR
from ..errors import InputError
from ..frontends.source import load
from ..projects.manifest import project_board, project_model, project_sources
from ..support.metrics import answered_classes, class_count
from ..tflite import Tensor, TfliteModel
from ..tflite.check import check_runnable
from ..verification import (
    DIVERGED,
    EngineRun,
    Engines,
    Samples,
    Verdict,
    ask_firmware,
    check_count,
    judge,
    make_samples,
    quantize_samples,
    real_values,
    run_firmware,
    sample_count,
    sample_warning,
)
from ..verification.counterexample import save_counterexample
from ..verification.golden import golden_fault
from .device import open_device

_LABELS = "labels"


def verify(
    path: str | Path,
    *,
    samples: int = defaults.SAMPLES,
    seed: int = 0,
    layers: bool = False,
    data: str | Path | None = None,
    labels: str | Path | Sequence[str] | None = None,
    counterexample: str | Path | None = None,
    on: str = HOST,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verdict:
    """Compare a project's firmware, on this machine, on an emulated CPU or on a board, with TFLM, and TFLM with LiteRT.

    Args:
        path: the project's folder; or a .tflite or a C array of one, of which TFLM and LiteRT alone are compared.
        samples: how many inputs to run.
        seed: their seed.
        layers: make the layer proof in any case, and list every operator in the verdict.
        data: samples with their classes, run too, for the accuracy: an .npz with one array per input, and `labels`, the
            index of the output's element for each sample; a CSV with a column `label`; or a folder whose subfolders
            are named as the model's labels.
        labels: names of the first output's elements, or a text file with one per line; the project's own otherwise.
        counterexample: where to save a small input that shows the first operator beyond its bound (.npz).
        on: where the firmware runs: "host" compiles it for this machine; "emulator" for the board's CPU; otherwise
            see `microgen.devices.connected`.
        baud: the port's speed.
        record: file to write the session with the firmware to.
        on_step: called with what is done next, for a progress display.

    Raises:
        InputError: not a project, or its model file is not the one that it was built from.
        SetupError: this machine lacks a compiler, or the port.
        EngineError: the firmware does not answer, or has another model.
    """
    check_count(samples)
    opened = None if Path(path).is_file() else project.open_project(path)
    model = project_model(opened) if opened else load(path)
    check_runnable(model, allow_float=True)
    fewer, samples = sample_warning(model, samples), sample_count(model, samples)
    inputs = make_samples(model, samples, seed)
    names = read_labels(labels) or tuple(map(str, opened.manifest.get("labels", ()) if opened else ()))
    check_labels(model, names)
    labelled = _labelled(model, data, _data(data, opened), names) if data is not None else None
    if labelled is not None:
        inputs = tuple(np.concatenate([a, b]) for a, b in zip(inputs, labelled.inputs, strict=True))
    on_step(f"running LiteRT and TFLM on {len(inputs[0])} samples")
    obstacle = "a model alone has no firmware; give a project"
    sources = project_sources(opened) if opened else None
    if sources:
        obstacle = sources.host.obstacle if on == HOST else ""
    with EngineRun(model, inputs, *golden_shape(model, len(inputs[0]))) as running:
        firmware = None
        running.prove_early()
        if sources and not obstacle:
            if on == HOST:
                on_step("compiling the firmware for this machine and running it")
                firmware = run_firmware(sources, model, inputs, before=golden_inferences(model), record=record)
            else:
                on_step(f"running the firmware on {on}")
                assert opened is not None
                cpu = project_board(opened).processor.title if on == EMULATOR else ""
                with open_device(opened, model, on, baud=baud, record=record) as client:
                    firmware = ask_firmware(client, on, model, inputs, cpu)
        engines = running.result()
    host_min = running.arena_min_bytes
    stale = golden_fault(sources, model, host_min) if sources else ""
    on_step("comparing")
    judgement = judge(running, firmware, seed, obstacle, all_layers=layers)
    verdict = judgement.verdict
    if stale and verdict.passed:
        verdict = dataclasses.replace(verdict, status=DIVERGED, reason=stale)
    if counterexample is not None and judgement.proof is not None:
        on_step("making the input small that shows the difference")
        saved = save_counterexample(model, judgement.proof, Path(counterexample))
        verdict = dataclasses.replace(verdict, counterexample=str(saved) if saved else "")
    if labelled is not None:
        accuracy = None
        if labelled.classes is not None:
            accuracy = _accuracy(model.outputs[0], engines, labelled.classes, samples)
        verdict = dataclasses.replace(verdict, accuracy=accuracy, warnings=labelled.warnings)
    if fewer:
        verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, fewer))
    return verdict


@dataclass(frozen=True)
class _Labelled:
    """Samples in the dtype of the inputs, the output's element for each where it is known, and what to warn of."""

    inputs: Samples
    classes: npt.NDArray[np.int64] | None
    warnings: tuple[str, ...]


def _data(path: str | Path, opened: project.Project | None) -> calibrations.Request:
    """Ask for labelled data, to be read as the project's calibration data was."""
    source = opened.manifest.get("source", {}) if opened else {}
    low, high = source.get("value_range", defaults.VALUE_RANGE)
    return calibrations.request(path, (float(low), float(high)), source.get("sample_rate", defaults.SAMPLE_RATE))


def _labelled(model: TfliteModel, path: str | Path, wanted: calibrations.Request, labels: tuple[str, ...]) -> _Labelled:
    """Read samples and the class of each."""
    names: tuple[str, ...] = ()
    targets: npt.NDArray[Any] | None
    if wanted.has_arrays:
        ordered, targets = wanted.read_arrays([t.name for t in model.inputs])
        if targets is not None and targets.ndim and len(targets) == len(ordered[0]):
            targets = calibrations.class_numbers(targets)
    else:
        specs = [calibrations.InputSpec(t.name, t.shape[1:], "float32") for t in model.inputs]
        read = calibrations.resolve(wanted, specs, must_vary=False)
        ordered, targets, names = list(read.arrays), read.targets, read.classes
    if targets is None:
        raise InputError(
            f"{path}: does not say the class of each sample",
            f"as the array '{_LABELS}' of an .npz, the column 'label' of a CSV, or the subfolders of a folder",
        )
    inputs = quantize_samples(model, ordered)
    if targets.shape != (len(inputs[0]),):
        raise InputError(
            f"{path}: '{_LABELS}' must have one class for each of {len(inputs[0])} samples", "one per sample"
        )
    classes, warning = output_classes(targets, names, labels, model.outputs[0], str(path))
    if names and classes is not None and len(labels) != class_count(model.outputs[0].elements):
        shown = ", ".join(f"{k} = {name}" for k, name in enumerate(names[:4])) + (", ..." if len(names) > 4 else "")
        warning = (
            f"the outputs have no labels: the data's classes are taken in alphabetical order ({shown}); "
            "give the labels if the model's order is different"
        )
    return _Labelled(inputs, classes, (warning,) if warning else ())


def _accuracy(output: Tensor, engines: Engines, labels: npt.NDArray[np.int64], first: int) -> dict[str, Any]:
    """Return accuracy and confusion matrix (rows: the label, columns: TFLM's answer)."""
    answers = answered_classes(real_values(output, engines.reference.outputs[0][first:]))
    classes = class_count(output.elements)
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, answers), 1)
    accuracy: dict[str, Any] = {
        "samples": len(labels),
        "accuracy": float((answers == labels).mean()),
        "confusion": matrix.tolist(),
    }
    if engines.litert.outputs:
        theirs = answered_classes(real_values(output, engines.litert.outputs[0][first:]))
        accuracy["litert_accuracy"] = float((theirs == labels).mean())
    return accuracy
