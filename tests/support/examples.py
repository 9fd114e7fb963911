"""The examples, as a user runs them: as scripts, in a clean folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.tools import needs_host

EXAMPLES = Path(__file__).parents[2] / "examples"
# What each says in the end.
PRINTS = {
    "sine": r"sin\(1\.40\) =  0\.98, the firmware says  (0\.[89]|1\.0)",
    "digits": r"a 0; the firmware reads 0 \([01]\.\d\d\)",
    "digits_torch": r"a 0; the firmware reads 0 \([01]\.\d\d\)",
    "keyword_spotting": r"the firmware hears '\w+' \([01]\.\d\d\)",
    "gesture": r"Running: the firmware says Running, in \d+ us here",
    "anomaly": r"(?s)normal: error 0\.\d+, fine.*faulty: error \d+\.\d+, ALARM",
    "wake_word": r"(?s)false accepts per hour: .*\d times in \d\.\d s",
    "text": r"'turn on the lights': lights_on \([01]\.\d\d\)",
    "own_keras_model": r"accuracy of the firmware: 0\.[89]\d+",
}


def recipe_of(example: Path) -> str | None:
    """Return the name of the recipe that an example trains; None where it trains none."""
    found = re.search(r'microgen\.train\("([\w-]+)"', example.read_text())
    return found[1] if found else None


def run(folder: Path, name: str, *arguments: str) -> str:
    """Run an example in a folder and return what it printed."""
    needs_host()
    command = [sys.executable, EXAMPLES / f"{name}.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(name: str, printed: str) -> None:
    """Check what an example that trains printed."""
    assert re.search(PRINTS[name], printed), printed
    assert re.search(r"(bit-exact|within-bound) on 100 samples", printed), printed
