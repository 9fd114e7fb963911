"""Times whole processes, the tools taking turns: median, spread, and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# Starts the command and times it: a process's peak memory counts that of the one it was forked from, so this one is
# small.
_LAUNCHER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as result:
    print(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), file=result)
"""
# What TensorFlow, absl and Python's warnings say in any case.
_NOISE = ("WARNING", "W0000", "I0000", "E0000", "INFO:", "To enable", "warnings.warn", "UserWarning")


class CommandFailed(Exception):
    """A command that ended with another code than 0: its last words."""


@dataclass
class Row:
    """One figure of one tool.

    Attributes:
        topic, what, tool: what was measured.
        seconds: each run's wall time; empty when the tool did not do it.
        cpu_seconds: each run's processor time, of the process and of those that it waited for.
        peak_mb: the largest memory of one process, 0 where it was not looked at.
        remark: what the figure includes, or why there is none.
    """

    topic: str
    what: str
    tool: str
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0
    remark: str = ""
    cpu_seconds: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: value for name, value in vars(self).items() if value or name != "cpu_seconds"},
            "median_s": statistics.median(self.seconds) if self.seconds else None,
            "min_s": min(self.seconds, default=None),
            "max_s": max(self.seconds, default=None),
        }


def run(argv: Sequence[str], cwd: Path) -> tuple[float, float, float, str]:
    """Run a command; return wall and processor seconds, the peak MB of one process, and what it printed.

    Processes that the command waited for count.

    Raises:
        CommandFailed: it ended with another code than 0, or not at all.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "500"}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result"
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, result, *argv]
        done = subprocess.run(launcher, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            raise CommandFailed(last_words(text))
        seconds, cpu, kilobytes, code = result.read_text().split()
    if code != "0":
        raise CommandFailed(last_words(text) or f"exit code {code}")
    return float(seconds), float(cpu), int(kilobytes) / 1024, text


def last_words(text: str) -> str:
    """Return the line of an output that most likely says why it ended."""
    lines = [line.strip(" │╭╰─╯╮") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_NOISE) and "Warning" not in line]
    named = [line for line in lines if line.startswith("error: ") or "Error: " in line[:80]]
    return (named or lines or [""])[-1].removeprefix("error: ")[:300]


def take_turns(
    topic: str, what: str, tools: Mapping[str, Callable[[Path], Sequence[str]]], runs: int, remarks: Mapping[str, str]
) -> list[Row]:
    """Run each tool once to warm up and `runs` times more, in turns, each time in a clean folder.

    Args:
        tools: for each, what makes its command; it may put files into the folder first.
        remarks: what a tool's figure includes.
    """
    rows = {tool: Row(topic, what, tool, remark=remarks.get(tool, "")) for tool in tools}
    failed: set[str] = set()
    for turn in range(runs + 1):
        for tool, command in tools.items():
            if tool in failed:
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    seconds, cpu, peak, _ = run(command(Path(folder)), Path(folder))
                except CommandFailed as error:
                    failed.add(tool)
                    rows[tool].seconds, rows[tool].remark = [], f"fails: {error}"
                    continue
            if turn:
                rows[tool].seconds.append(seconds)
                rows[tool].cpu_seconds.append(cpu)
                rows[tool].peak_mb = max(rows[tool].peak_mb, peak)
    return list(rows.values())
