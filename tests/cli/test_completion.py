"""Shell completion, in the shells themselves: commands, options, and the names that options take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microgen import workers
from microgen.applications.mlperf import TASKS
from microgen.boards import board_names
from microgen.compression.methods import method_names
from microgen.quantization import SCHEMES
from microgen.recipes import recipe_names
from tests.support.command_line import run
from tests.support.tools import needs

BIN = Path(sys.executable).parent
# What each shell does with the script and a half-typed line; it prints what it would offer.
_SHELLS = {
    "bash": (
        'source <(microgen --show-completion); read -ra COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("");'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _microgen_completion microgen; printf '%s\\n' \"${COMPREPLY[@]}\""
    ),
    # Its completion works in an interactive line only: what the script would give to it is looked at.
    "zsh": (
        'compdef() { }; _arguments() { print -r -- $@ }; eval "$(microgen --show-completion)";'
        'words=("${(@s: :)1}"); CURRENT=$#words; _microgen_completion'
    ),
    "fish": 'microgen --show-completion | source; complete -C "$argv[1]"',
}


def offered(shell, line):
    needs(shell, shell)
    command = [shell, "-c", _SHELLS[shell], *(["_"] if shell != "fish" else []), line]
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", _SHELLS)
def test_commands_options_and_names_are_offered(shell):
    commands = offered(shell, "microgen ver")
    assert "verify" in commands and "build" not in commands
    assert "--board" in offered(shell, "microgen build --boa")
    found = offered(shell, "microgen build --board esp32")
    assert "esp32c3" in found and "pico" not in found


VALUES = {
    "build --board ": board_names(),
    "build --recipe ": recipe_names(),
    "build --mlperf ": list(TASKS),
    "build --scheme ": list(SCHEMES),
    "compress --method ": method_names(),
    "compress --recipe ": recipe_names(),
    "quantize m.keras --board ": board_names(),
    "inspect m.tflite --board ": board_names(),
    "train ": recipe_names(),
    "recipes ": recipe_names(),
    "boards ": board_names(),
}


@pytest.mark.parametrize(("line", "names"), VALUES.items(), ids=VALUES)
def test_every_option_that_takes_a_name_offers_the_names(line, names, tmp_path, monkeypatch):
    words = f"microgen {line}".split(" ")
    asked = {"_MICROGEN_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    # A server of engines that is started at a press of the tab key would be too much.
    monkeypatch.setattr(workers, "prepare", None)
    assert run(cwd=tmp_path).stdout.split() == names


def test_completion_is_installed_where_the_shell_reads_it(tmp_path):
    needs("bash", "bash")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", "microgen --install-completion; :"], capture_output=True, text=True, env=environment
    )
    assert "bash completion installed" in done.stdout
    script = tmp_path / ".bash_completions/microgen.sh"
    assert script.is_file() and str(script) in (tmp_path / ".bashrc").read_text()
