"""The worker process: reads a request from its folder, runs the job, writes the reply there."""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from ..errors import MicrogenError
from . import unused, wire
from .failures import Failure
from .limits import bound_this_process

TARGET = "target.json"
REQUEST, REPLY, FAILURE = "request", "reply", "failure"
PROGRESS = "progress"
_folder: Path | None = None  # in a worker, the folder of its job


def report_progress(done: int, total: int) -> None:
    """Report from a job how many epochs of how many are done; its deadline begins again."""
    assert _folder is not None, "only a worker reports progress"
    written = _folder / f"{PROGRESS}.new"
    written.write_text(f"{done} {total}")
    written.replace(_folder / PROGRESS)


def main() -> None:
    """Run the job whose folder is the first argument, in as many bytes of memory as the second one says."""
    run(Path(sys.argv[1]), int(sys.argv[2]))


def run(folder: Path, memory_bytes: int) -> NoReturn:
    """Run the job of a folder in this process, which ends.

    Args:
        folder: where the request is, and the reply will be.
        memory_bytes: what it may allocate.
    """
    global _folder
    bound_this_process(memory_bytes)
    unused.hide()
    _folder = folder
    # TensorFlow leaves the code that AutoGraph makes in the folder for temporary files.
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    named = json.loads((folder / TARGET).read_text())
    try:
        if named["root"] not in sys.path:
            sys.path.append(named["root"])
        target: Any = functools.reduce(getattr, named["name"].split("."), importlib.import_module(named["module"]))
        request, reply = wire.signature(target)
        wire.save(folder, REPLY, reply, target(wire.load(folder, REQUEST, request)))
    except Exception as error:
        wire.save(folder, FAILURE, Failure, Failure.of(error))
        if not isinstance(error, MicrogenError):
            import traceback

            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: LiteRT frees twice in its destructor on some models, after the answer is complete.
    os._exit(0)
