"""The command line: in this process, which is a tenth of the work, or in one of its own, as a user meets it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import typer

from microgen.cli import app
from microgen.cli.main import main

RUN = [sys.executable, "-m", "microgen"]
# A call of a command, or an option: of that command until the next semicolon, else of the one that failed.
_HINTED = re.compile(r"microgen ([a-z]+)|(?<![\w-])--([a-z][a-z-]*)|(;)")
_NO_OPTIONS = re.compile(r"apt-get .*")


def run_process(*args: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    done = subprocess.run([*RUN, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=300, **options)
    _check_hint(args, done.stderr)
    return done


def run(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in this process."""
    command = ["microgen", *map(str, args)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    code: object = None
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with _inside(cwd), mock.patch.object(sys, "argv", command), streams[0], streams[1]:
        try:
            main()
        except SystemExit as left:
            code = left.code
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())
    assert isinstance(code, int)
    _check_hint(args, said[1])
    return subprocess.CompletedProcess(command, code, *said)


def _check_hint(args: Sequence[object], errors: str) -> None:
    """Check that a command has every option that the hint of its error names."""
    _, found, hint = errors.rpartition("hint: ")
    failed = str(args[0]) if args else ""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if not found or failed not in commands:
        return
    owner = failed
    for command, option, end in _HINTED.findall(_NO_OPTIONS.sub("", hint)):
        owner = command or (failed if end else owner)
        flags = {flag for parameter in commands[owner].params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert not option or option == "help" or f"--{option}" in flags, f"{owner} has no --{option}: {hint}"


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder, with the signals that a command heeds as they were afterwards."""
    before = Path.cwd()
    heeded = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        for number, handler in heeded.items():
            signal.signal(number, handler)
