"""Runs the benchmarks and writes RESULTS.md and RESULTS.json beside this file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from microgen.runtimes import reference

from . import (
    arrays,
    boards,
    commands,
    conversion,
    inferences,
    instructions,
    limits,
    machine,
    models,
    outcome,
    peers,
    protocol,
    report,
    speed,
)
from .measure import Row
from .tools import TOOLS

TOPICS = (
    "speed",
    "outcome",
    "commands",
    "arrays",
    "conversion",
    "inferences",
    "boards",
    "profile",
    "protocol",
    "instructions",
    "limits",
)
# The models that are timed; all of them are looked at.
_TIMED = ("ds_cnn", "kws_ref_model")


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
    topics = set(asked.topics or TOPICS)
    problems: list[str] = []
    document = {"runs": asked.runs, "machine": machine.machine(), "versions": machine.versions()}

    tools = []
    if topics & {"speed", "outcome"}:
        for tool in TOOLS:
            reason = peers.install(tool.requirements)
            document["versions"] |= {r.partition("==")[0]: r.partition("==")[2] for r in tool.requirements}
            if reason:
                problems.append(f"{tool.name}: {reason}")
            else:
                tools.append(tool)
    found = models.collect(problems)
    timed = [m for m in found if m.name in _TIMED]
    rows: list[Row] = []
    outcomes = []
    costs = []
    counts: list[instructions.Count] = []
    bounds: list[limits.Limit] = []

    def wanted(topic: str) -> bool:
        if topic in topics:
            print(f"{topic} ...", file=sys.stderr, flush=True)
        return topic in topics

    if wanted("speed"):
        rows += speed.rows(timed, tools, asked.runs)
    if wanted("outcome"):
        outcomes = outcome.outcomes(found, tools)
    if wanted("commands"):
        rows += commands.rows(timed, asked.runs)
    if wanted("arrays"):
        rows += arrays.rows(asked.runs, problems)
    if wanted("conversion"):
        rows += conversion.rows(asked.runs, problems)
    if wanted("inferences") and (resnet := models.SHARED / "pretrainedResnet_quant.tflite").is_file():
        rows += inferences.rows(resnet, asked.runs)
    if timed and wanted("boards"):
        rows += boards.rows(timed[-1], asked.runs)
    if timed and wanted("profile"):
        rows += boards.profile(timed[-1], asked.runs)
    if not reference.obstacle() and wanted("protocol"):
        costs = protocol.costs(models.SHARED)
    if not reference.obstacle() and wanted("instructions"):
        counts = instructions.counts(found, problems)
    if wanted("limits"):
        bounds = limits.limits()
    document |= {"outcomes": outcomes, "problems": problems}
    print(
        report.write(
            asked.out, document, rows, costs, counts, bounds, kept=report.read(asked.out) if asked.topics else None
        )
    )


if __name__ == "__main__":
    main()
