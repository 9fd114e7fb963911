"""Runs the benchmarks and writes RESULTS.md and RESULTS.json beside this file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from microgen.runtimes import reference

from . import (
    arrays,
    boards,
    commands,
    compression_flash,
    conversion,
    inferences,
    instructions,
    limits,
    machine,
    models,
    outcome,
    peers,
    protocol,
    pytorch,
    report,
    speed,
)
from .models import Model
from .report import Results
from .tools import TOOLS, Tool

# The models that are timed; all of them are looked at.
_TIMED = ("ds_cnn", "kws_ref_model")


class Session:
    """What the topics of one run have in common; models and tools are made ready when a topic asks for them."""

    def __init__(self, runs: int) -> None:
        """Begin with no results; `runs` is how often each command is timed."""
        self.runs = runs
        self.results = Results(machine.machine(), machine.versions())

    def measure(self, topic: str) -> None:
        """Measure a topic."""
        print(f"{topic} ...", file=sys.stderr, flush=True)
        problems = self.results.problems[topic] = []
        TOPICS[topic](self, problems)

    def models(self, problems: list[str]) -> list[Model]:
        """Return the models; what is missing is said in `problems`."""
        found, missing = self._models
        problems += missing
        return found

    def timed(self, problems: list[str]) -> list[Model]:
        """Return the models that are timed; what is missing is said in `problems`."""
        return [m for m in self.models(problems) if m.name in _TIMED]

    def onnx_models(self, problems: list[str]) -> list[Model]:
        """Return the models in ONNX; what is missing is said in `problems`."""
        found, missing = self._onnx_models
        problems += missing
        return found

    def tools(self, problems: list[str]) -> list[Tool]:
        """Return the tools; which cannot be installed, and why, is said in `problems`."""
        found, missing = self._tools
        problems += missing
        return found

    @cached_property
    def _models(self) -> tuple[list[Model], list[str]]:
        missing: list[str] = []
        return models.collect(missing), missing

    @cached_property
    def _onnx_models(self) -> tuple[list[Model], list[str]]:
        missing: list[str] = []
        return models.collect_onnx(missing), missing

    @cached_property
    def _tools(self) -> tuple[list[Tool], list[str]]:
        found, missing = [], []
        for tool in TOOLS:
            reason = peers.install(tool.requirements)
            self.results.versions |= {r.partition("==")[0]: r.partition("==")[2] for r in tool.requirements}
            if reason:
                missing.append(f"{tool.name}: {reason}")
            else:
                found.append(tool)
        return found, missing


def _speed(s: Session, problems: list[str]) -> None:
    timed = [*s.timed(problems), *s.onnx_models(problems)]
    s.results.rows += speed.rows(timed, s.tools(problems), s.runs)


def _outcome(s: Session, problems: list[str]) -> None:
    given = [*s.models(problems), *s.onnx_models(problems)]
    s.results.outcomes = outcome.outcomes(given, s.tools(problems))


def _commands(s: Session, problems: list[str]) -> None:
    s.results.rows += commands.rows(s.timed(problems), s.runs)


def _arrays(s: Session, problems: list[str]) -> None:
    s.results.rows += arrays.rows(s.runs, problems)


def _conversion(s: Session, problems: list[str]) -> None:
    s.results.rows += conversion.rows(s.runs, problems)


def _pytorch(s: Session, problems: list[str]) -> None:
    s.results.rows += pytorch.rows(s.runs, problems)


def _inferences(s: Session, problems: list[str]) -> None:
    resnet = models.SHARED / "pretrainedResnet_quant.tflite"
    if resnet.is_file():
        s.results.rows += inferences.rows(resnet, s.runs)
    else:
        problems.append(f"{resnet.stem} is not here: shared/models beside the project")


def _boards(s: Session, problems: list[str]) -> None:
    if timed := s.timed(problems):
        s.results.rows += boards.rows(timed[-1], s.runs)


def _profile(s: Session, problems: list[str]) -> None:
    if timed := s.timed(problems):
        s.results.rows += boards.profile(timed[-1], s.runs)


def _protocol(s: Session, problems: list[str]) -> None:
    if obstacle := reference.obstacle():
        problems.append(obstacle)
    else:
        s.results.protocol = protocol.costs(models.SHARED, problems)


def _instructions(s: Session, problems: list[str]) -> None:
    if obstacle := reference.obstacle():
        problems.append(obstacle)
    else:
        s.results.instructions = instructions.counts(s.models(problems), problems)


def _limits(s: Session, problems: list[str]) -> None:
    s.results.limits = limits.limits()
    problems += [f"{limit.what}: beyond its bounds" for limit in s.results.limits if not limit.holds]


def _compression(s: Session, problems: list[str]) -> None:
    s.results.compression = compression_flash.measured(problems)


TOPICS: dict[str, Callable[[Session, list[str]], None]] = {
    "speed": _speed,
    "outcome": _outcome,
    "commands": _commands,
    "arrays": _arrays,
    "conversion": _conversion,
    "pytorch": _pytorch,
    "inferences": _inferences,
    "boards": _boards,
    "profile": _profile,
    "protocol": _protocol,
    "instructions": _instructions,
    "limits": _limits,
    "compression": _compression,
}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"{', '.join(TOPICS)}; all otherwise")
    parser.add_argument("--runs", type=int, default=5, help="how often each command is timed (5)")
    parser.add_argument("--out", type=Path, default=report.FOLDER, help="folder of the results")
    asked = parser.parse_args()
    if unknown := set(asked.topics) - set(TOPICS):
        parser.error(f"no topic {', '.join(sorted(unknown))}; topics: {', '.join(TOPICS)}")
    if asked.runs < 1 or not asked.out.is_dir():
        parser.error("--runs is at least 1, --out a folder")
    session = Session(asked.runs)
    for topic in TOPICS:
        if not asked.topics or topic in asked.topics:
            session.measure(topic)
    results = session.results
    print(report.write(asked.out, results.over(report.read(asked.out)) if asked.topics else results))
    if not all(limit.holds for limit in results.limits):
        sys.exit("a limit does not hold")


if __name__ == "__main__":
    main()
