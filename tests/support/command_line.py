"""The command line: in this process, which is a tenth of the work, or in one of its own, as a user meets it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from microgen.cli.main import main

RUN = [sys.executable, "-m", "microgen"]


def run_process(*args: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run([*RUN, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=300, **options)


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
    return subprocess.CompletedProcess(command, code, *said)


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
