"""action.yml: its steps are run here as GitHub runs them, and what a workflow gives to it stays data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import microgen
from tests.projects.test_project import tree
from tests.support import docs, models
from tests.support.tools import needs

yaml = pytest.importorskip("yaml", reason="PyYAML, which PlatformIO and ai-edge-quantizer bring, is not installed")
ACTION = yaml.safe_load((docs.ROOT / "action.yml").read_text())
STEPS = [s for s in ACTION["runs"]["steps"] if "run" in s]


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    (tmp_path / "my labels.txt").write_text("a\nb\nc\nd\n")
    microgen.build(
        tmp_path / "small.tflite",
        "pico",
        out=tmp_path / "fw",
        samples=4,
        verify=False,
        labels=tmp_path / "my labels.txt",
    )
    return tmp_path


def run(checkout, programs=Path(sys.executable).parent, **inputs):
    """Run the last step, whose environment is filled in from the inputs as GitHub does it.

    `programs` is the folder in which it finds microgen.
    """
    step = STEPS[-1]
    given = {name: str(i.get("default", "")) for name, i in ACTION["inputs"].items()} | inputs
    environment = {}
    for name, value in step["env"].items():
        (used,) = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value).groups()
        environment[name] = given[used]
    home = checkout.parent / "runner"
    home.mkdir(exist_ok=True)
    environment |= {"RUNNER_TEMP": str(home), "GITHUB_STEP_SUMMARY": str(home / "summary")}
    environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=checkout, env={**os.environ, **environment}, capture_output=True, text=True)
    summary = (home / "summary").read_text() if (home / "summary").exists() else ""
    return done, summary


OPTIONS = "--samples=4\n--no-verify\n--labels=my labels.txt\n"


def test_a_project_that_is_current_passes_and_one_that_drifted_fails(checkout):
    before = tree(checkout)
    given = {"project": "fw", "model": "small.tflite", "board": "pico", "arguments": OPTIONS}
    done, summary = run(checkout, **given)
    assert done.returncode == 0 and "drift    none" in done.stdout and "drift    none" in summary, done.stderr
    (checkout / "fw/platformio.ini").write_text("")
    done, summary = run(checkout, **given)
    assert done.returncode == 1 and "platformio.ini: edited by hand" in summary
    (checkout / "fw/platformio.ini").write_bytes(before["fw/platformio.ini"])
    assert tree(checkout) == before
    done, summary = run(checkout, **{**given, "model": "none.tflite"})
    assert done.returncode == 2 and "none.tflite: no such file" in summary and "hint: " in summary


def test_several_boards_and_no_model(checkout):
    microgen.build_all(checkout / "small.tflite", ["pico", "esp32"], out=checkout, samples=4, verify=False)
    options = {"project": ".", "arguments": "--samples=4\n--no-verify"}
    done, summary = run(checkout, model="small.tflite", board="pico, esp32", **options)
    assert done.returncode == 0 and summary.count("not-verified") == 2, done.stderr
    done, _ = run(checkout, project="fw", board="pico", arguments="--recipe=nonsense")
    assert done.returncode == 2 and "nonsense" in done.stdout


HOSTILE = ["$(touch pwned)", "`touch pwned`", "a; touch pwned", '"; touch pwned; "', "*", "--help"]
GIVEN = {"project": "fw", "model": "small.tflite", "board": "pico", "arguments": "--no-verify"}
# In place of microgen: it prints its arguments, one per line.
_PRINT = '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 2\n'


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", GIVEN)
def test_what_a_workflow_gives_is_never_run(tmp_path, name, hostile):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/microgen").write_text(_PRINT)
    (tmp_path / "bin/microgen").chmod(0o755)
    given = GIVEN | {name: hostile}
    done, _ = run(tmp_path, programs=tmp_path / "bin", **given)
    board = given["board"].replace(" ", "")
    wanted = ["build", "--check", f"--out={given['project']}", f"--board={board}", given["arguments"]]
    assert done.stdout.splitlines() == [*wanted, "--", given["model"]]
    assert done.returncode == 2 and not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", GIVEN)
def test_what_a_workflow_gives_is_refused_or_is_help(checkout, name):
    for hostile in ("$(touch pwned)", "--help"):
        done, _ = run(checkout, **GIVEN | {name: hostile})
        assert (done.returncode == 2 or "Usage" in done.stdout) and not (checkout / "pwned").exists()


def test_nothing_is_pasted_into_a_shell_and_every_input_is_used():
    for step in STEPS:
        assert "${{" not in step["run"] and step["shell"] == "bash"
    used = set(re.findall(r"inputs\.([\w-]+)", (docs.ROOT / "action.yml").read_text()))
    assert used == set(ACTION["inputs"])
    assert all(i.get("description") and ("default" in i or i.get("required")) for i in ACTION["inputs"].values())


def test_the_shell_scripts_pass_shellcheck(tmp_path):
    needs("shellcheck", "shellcheck")
    for step in STEPS:
        (tmp_path / "step.sh").write_text("#!/usr/bin/env bash\n" + step["run"])
        done = subprocess.run(["shellcheck", "-S", "warning", tmp_path / "step.sh"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_workflow_in_the_guide_uses_what_there_is():
    text = (docs.ROOT / "docs" / "ci.md").read_text()
    workflow = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.S)[0])
    (step,) = [s for s in workflow["jobs"]["check"]["steps"] if s["uses"].startswith("OWNER/")]
    required = {name for name, i in ACTION["inputs"].items() if i.get("required")}
    assert required <= set(step["with"]) <= set(ACTION["inputs"])
    listed = set(re.findall(r"^\| `([\w-]+)` \|", text, re.M))
    assert listed == set(ACTION["inputs"])
