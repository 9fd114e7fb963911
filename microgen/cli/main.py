"""Runs a command, and turns every failure into two lines and an exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

# The exit code that a shell reports for a program that SIGPIPE ended: 128 + 13.
_PIPE_CLOSED = 141
# That for one that Ctrl-C ended: 128 + 2.
_INTERRUPTED = 130
# What ends a command from outside: it cleans up as after Ctrl-C, and exits as a shell reports the signal, 128 + number.
_ENDING = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__)
# The commands that run models whatever else they do.
_RUN_MODELS = ("build", "verify")


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
    # A command makes many objects and few cycles, and ends soon: looking for cycles takes up to a tenth of its time.
    gc.set_threshold(200_000)
    _open_streams()
    from ..errors import MicrogenError, one_line
    from ..report.text import discard, until_closed
    from ..support.system import check_system
    from .spelling import SHELL

    received: list[int] = []
    code: object = _PIPE_CLOSED
    try:
        check_system()
        _prepare_engines(sys.argv[1:])
        from . import app
        from .commands import NAMES

        received = _heed_signals()
        with until_closed(sys.stdout):
            code = app(standalone_mode=False)
        with until_closed(sys.stdout):
            sys.stdout.flush()
    except MicrogenError as error:
        _fail(*error.spelled(SHELL), error.exit_code)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except SystemExit as left:
        # typer and rich exit with 1 when the output is closed, and 1 means diverged here. Commands return their code.
        code = _PIPE_CLOSED if left.code == 1 else left.code
    except (OSError, MemoryError) as error:
        try:
            sys.stdout.flush()
        except OSError:
            discard(sys.stdout)
        _fail(*_of_system(error))
    except Exception as error:
        # Errors of the command line come with their own message and the command that they belong to.
        if hasattr(error, "format_message"):
            context = getattr(error, "ctx", None)  # none of an option without its value
            named = f"microgen {sys.argv[1]}" if sys.argv[1:2] and sys.argv[1] in NAMES else "microgen"
            command = context.command_path if context else named
            _fail(one_line(error.format_message()), f"{command} --help", getattr(error, "exit_code", 2))
        if os.environ.get("MICROGEN_TRACEBACK"):
            raise
        _fail(
            f"internal error: {type(error).__name__}: {one_line(str(error))}",
            "this is a fault of microgen; MICROGEN_TRACEBACK=1 shows where",
            2,
        )
    if received or code == _INTERRUPTED:  # typer makes this code of an interrupt, too
        _fail("interrupted", "nothing was left half-written", 128 + received[0] if received else _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_engines(arguments: Sequence[str]) -> None:
    """Let LiteRT and TFLM be loaded beside the command line's own packages, for a command that runs models."""
    if arguments[:1] and arguments[0] in _RUN_MODELS and not {"-h", "--help"}.intersection(arguments):
        from .. import workers

        workers.prepare(workers.TFLM)


def _open_streams() -> None:
    """Open what was closed before the start: the next file that is opened would take its number, and get its text."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


# What a user can put right by another name or place; anything else is the machine's.
_OF_NAMES = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "a part of the path is a file: check the name",
    errno.EISDIR: "give a file, not a folder",
    errno.ELOOP: "its links lead in a circle: check the name",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
}
_OF_MACHINE = {
    errno.ENOSPC: "make room on the disk; TMPDIR sets the folder for temporary files",
    errno.EDQUOT: "make room on the disk; TMPDIR sets the folder for temporary files",
    errno.EROFS: "choose a place that can be written; TMPDIR sets the folder for temporary files",
    errno.EMFILE: "allow more open files: ulimit -n",
}


def _of_system(error: OSError | MemoryError) -> tuple[str, str, int]:
    """Return message, hint and exit code of what the system refused and no part of the package expected."""
    from ..errors import one_line

    if isinstance(error, MemoryError):
        return "not enough memory", "close other programs, or give a smaller model or less data", 3
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return "the current folder is gone", "change to a folder that exists", 2
    said = one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    if "No usable temporary directory" in said:
        return "no folder for temporary files can be written", "make room in it, or set TMPDIR to another folder", 3
    if error.errno in _OF_NAMES:
        return said, _OF_NAMES[error.errno], 2
    return said, _OF_MACHINE.get(error.errno or 0, "MICROGEN_TRACEBACK=1 shows where"), 3


def _fail(message: str, hint: str, code: int) -> NoReturn:
    from ..report.fold import hang, terminal_width
    from ..report.text import until_closed

    if os.environ.get("MICROGEN_TRACEBACK") and isinstance(sys.exc_info()[1], (OSError, MemoryError)):
        import traceback

        traceback.print_exc()
    with until_closed(sys.stderr):
        for key, text in (("error: ", message), ("hint: ", hint)):
            print(*hang(key, text, terminal_width(sys.stderr)), sep="\n", file=sys.stderr)
    sys.exit(code)
