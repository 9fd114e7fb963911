"""The environment of the other tools: a venv that is made once, each tool installed at its pinned version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence

from .measure import ROOT, last_words

FOLDER = ROOT / "build" / "peers"
BIN = FOLDER / "bin"
# What several of them pull in, held to the versions that microgen itself is tested with.
_CONSTRAINTS = ROOT / "constraints.txt"


def install(requirements: Sequence[str]) -> str:
    """Install packages into the peers' environment; return why that failed, "" when it did not."""
    if not requirements:
        return ""
    stamp = FOLDER / f"{'+'.join(requirements).replace('/', '_')}.installed"
    if stamp.exists():
        if stamp.read_text() == str(FOLDER):
            return ""
        shutil.rmtree(FOLDER)  # programs in an environment that was moved look for the old place
    if not (BIN / "python").exists():
        done = subprocess.run([sys.executable, "-m", "venv", FOLDER], capture_output=True, text=True)
        if done.returncode != 0:
            return f"no environment: {last_words(done.stdout + done.stderr)}"
    pip = [BIN / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", _CONSTRAINTS]
    done = subprocess.run([*pip, *requirements], capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return f"cannot be installed: {(errors or [last_words(done.stderr)])[0]}"
    stamp.write_text(str(FOLDER))
    return ""
