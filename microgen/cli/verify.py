"""microgen verify: compare a firmware with TFLM and with Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from .options import Baud, EachModel, Json, On, Record, ReportFile, Samples, Seed
from .output import Progress


def verify(
    project: Annotated[Path, typer.Argument(help="A project folder, or a .tflite.", show_default=False)],
    model: EachModel = None,
    samples: Samples = defaults.SAMPLES,
    seed: Seed = 0,
    layers: Annotated[
        bool, typer.Option("--layers", help="Compare each operator alone, and list the results.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Labeled test data, for the accuracy: an .npz with 'labels', a .csv, or one folder per class."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Text file with one label per line. Default: the project's labels."),
    ] = None,
    float_model: Annotated[
        Path | None,
        typer.Option(
            "--float",
            help="The float model, for example a .keras: compare its accuracy on --data with that of int8.",
            show_default=False,
        ),
    ] = None,
    report: ReportFile = None,
    on: On = "host",
    baud: Baud = defaults.BAUD,
    record: Record = None,
    as_json: Json = False,
) -> None:
    """Compare a firmware's outputs, on this machine, an emulated CPU or a board, with TFLM and LiteRT."""
    from ..workflows.verify import verify_models

    with Progress() as progress:
        verdicts = verify_models(
            project,
            model=model,
            samples=samples,
            seed=seed,
            layers=layers or report is not None,
            data=data,
            labels=labels,
            float_model=float_model,
            counterexample=Path(f"{project.resolve().stem}-counterexample.npz") if layers else None,
            on=on,
            baud=baud,
            record=record,
            on_step=progress,
        )
    if report:
        from ..report.html import write_report
        from ..workflows.inspect import inspect

        several = len(verdicts) > 1
        first, *further = [(inspect(project, name=name if several else model), v) for name, v in verdicts.items()]
        write_report(report, *first, further)
    if as_json:
        found = [{"model": name, "verdict": verdict.to_json()} for name, verdict in verdicts.items()]
        several_or_one = {"models": found} if len(found) > 1 else {"verdict": found[0]["verdict"]}
        print_json({"project": str(project), **several_or_one})
    else:
        from ..report.accuracy import accuracy_tables
        from ..report.projects import layer_table, verdict_lines
        from ..workflows.verify import labels_of

        lines = []
        for name, verdict in verdicts.items():
            if layers:
                layer_table(verdict)
            if verdict.accuracy and "float" in verdict.accuracy:
                accuracy_tables(verdict.accuracy, labels_of(project, labels, model))
            lines += [*([("name", name)] if len(verdicts) > 1 else []), *verdict_lines(verdict)]
        print_pairs(lines + ([("report", str(report))] if report else []))
    raise typer.Exit(0 if all(verdict.passed for verdict in verdicts.values()) else 1)
