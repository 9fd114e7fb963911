"""A build tool as a process: its lines as they come, and its failure as an error of ours."""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from ..errors import InputError, SetupError

_LOG_LINES = 400

# A pattern in what a tool prints, the error that it stands for, its message with {match} for what was found, its hint.
Symptom = tuple[str, type[InputError] | type[SetupError], str, str]


# What a GNU compiler and linker say under whatever build tool.
COMPILER_SYMPTOMS: tuple[Symptom, ...] = (
    (
        r"region [`'\"]?\S+?['\"]? overflowed by \d+ bytes",
        InputError,
        "the program is too large: {match}",
        "use a smaller model, or a board with more memory",
    ),
    (
        r"\S+?:\d+:\d+: (?:fatal )?error: [^\n]+",
        InputError,
        "the firmware does not compile: {match}",
        "correct it, or build the project again",
    ),
    (
        r"undefined reference to [^\n]+",
        InputError,
        "the firmware does not link: {match}",
        "cmake --build build -v shows the whole command",
    ),
)


def run(
    command: Sequence[str], on_line: Callable[[str], None], environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program that may take minutes; return its exit code and the end of its output.

    Args:
        command: the program and its arguments.
        on_line: is given each line of the output.
        environment: the environment variables; None: those of this process.
    """
    log: deque[str] = deque(maxlen=_LOG_LINES)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    with process:
        try:
            for line in process.stdout or ():
                log.append(line)
                on_line(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            raise
    return process.returncode, "".join(log)


def run_or_explain(command: Sequence[str], symptoms: Sequence[Symptom], on_line: Callable[[str], None]) -> None:
    """Run a build tool, see `run`.

    Raises:
        InputError, SetupError: it failed; see `explain`.
    """
    code, log = run(command, on_line)
    if code != 0:
        raise explain(log, symptoms)


def interact(command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Run a program at the terminal until it or its user ends it; return its exit code, 0 where the user did."""
    try:
        return subprocess.run(command, env=environment).returncode
    except KeyboardInterrupt:
        return 0


def explain(log: str, symptoms: Sequence[Symptom]) -> InputError | SetupError:
    """Turn what a tool printed before it failed into an error of ours.

    Args:
        log: its output.
        symptoms: what is known of it, the more telling first.
    """
    for pattern, error, message, hint in symptoms:
        match = re.search(pattern, log)
        if match:
            return error(message.format(match=" ".join(match[0].split())), hint)
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "it printed nothing")
    return SetupError(f"it failed: {last}", "run the commands in the project's README.md for the whole output")
