"""Runs a command, and turns every failure into two lines and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

# The exit code that a shell reports for a program that SIGPIPE ended: 128 + 13.
_PIPE_CLOSED = 141
# What ends a command from outside: it cleans up as after Ctrl-C, and exits as a shell reports the signal, 128 + number.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _heed_signals() -> list[int]:
    """Let what ends the process from outside interrupt the command; return the list of the signals that came."""
    received: list[int] = []

    def end(number: int, _: object) -> NoReturn:
        received.append(number)
        for other in _ENDING:  # a second one ends it at once
            signal.signal(other, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, end)
    return received


def main() -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 done, 1 diverged, 2 bad input, 3 the environment lacks something, 129, 130 and 143 ended by SIGHUP,
    Ctrl-C and SIGTERM, 141 the reader of standard output closed it before the command had a result. A result keeps its
    own code, whoever reads it.
    """
    from ..errors import MicrogenError, one_line
    from ..report.text import until_closed
    from . import app
    from .spelling import SHELL

    received = _heed_signals()
    code: object = _PIPE_CLOSED
    try:
        with until_closed(sys.stdout):
            code = app(standalone_mode=False)
        with until_closed(sys.stdout):
            sys.stdout.flush()
    except MicrogenError as error:
        _fail(*error.spelled(SHELL), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", "nothing was left half-written", 128 + received[0] if received else 130)
    except SystemExit as left:
        # typer and rich exit with 1 when the output is closed, and 1 means diverged here. Commands return their code.
        code = _PIPE_CLOSED if left.code == 1 else left.code
    except Exception as error:
        # Errors of the command line come with their own message and the command that they belong to.
        if hasattr(error, "format_message"):
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "microgen"
            _fail(one_line(error.format_message()), f"{command} --help", getattr(error, "exit_code", 2))
        if os.environ.get("MICROGEN_TRACEBACK"):
            raise
        _fail(
            f"internal error: {type(error).__name__}: {one_line(str(error))}",
            "this is a fault of microgen; MICROGEN_TRACEBACK=1 shows where",
            2,
        )
    if received:
        code = 128 + received[0]
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, hint: str, code: int) -> NoReturn:
    from ..report.text import until_closed

    with until_closed(sys.stderr):
        print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    sys.exit(code)
