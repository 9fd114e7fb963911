"""A member of each door, all four from one folder that is no part of the package, build one project together."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.applications import APPLICATIONS
from microgen.devices import connected
from microgen.frontends import FRONTENDS
from microgen.projects import PROJECTS, open_project
from microgen.runtimes import RUNTIMES
from tests.plugin import plain_runtime
from tests.plugin.application import Counting
from tests.plugin.frontend import DenseText
from tests.plugin.project import Makefile
from tests.support.projects import sources
from tests.support.tools import needs_host

MEMBERS = (
    (FRONTENDS, DenseText()),
    (RUNTIMES, plain_runtime.RUNTIME),
    (PROJECTS, Makefile()),
    (APPLICATIONS, Counting()),
)
_MAIN = """import sys
from microgen.cli.main import main
from tests.workflows.test_doors import open_doors
sys.argv[0] = "microgen"
with open_doors():
    main()
"""


@contextlib.contextmanager
def open_doors():
    with contextlib.ExitStack() as added:
        for registry, member in MEMBERS:
            registry.register(member)
            added.callback(registry.unregister, member.name)
        yield


@pytest.fixture
def doors():
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    with open_doors():
        yield


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "m.dense", rng.normal(size=(3, 6)))
    np.save(tmp_path / "data.npy", rng.normal(size=(50, 6)).astype(np.float32))
    return tmp_path / "m.dense"


def test_members_of_all_four_doors_build_a_project(doors, model, tmp_path):
    needs_host()
    result = microgen.build(
        model, "pico", out=tmp_path / "p", calibration=tmp_path / "data.npy", runtime="plain", project_kind="makefile",
        application="counting", application_options={"threshold": "0.5"}, samples=8,
    )  # fmt: skip
    assert result.verdict.passed and result.verdict.firmware == "equal"
    manifest = open_project(tmp_path / "p").manifest
    named = [manifest[door] for door in ("frontend", "runtime", "project", "application")]
    assert named == ["dense_text", "plain", "makefile", "counting"]
    assert microgen.verify(tmp_path / "p", samples=4).firmware == "equal"
    with connected(sources(tmp_path / "p"), microgen.load(tmp_path / "p/model.tflite")) as client:
        client.infer([bytes(6)], 1)
        assert client.command("results")[0] in [f"m-results-[{n}]" for n in range(4)]


def test_the_command_line_takes_members_of_all_four_doors(doors, model, tmp_path):
    options = {
        "board": "pico", "out": "p", "calibration": "data.npy", "runtime": "plain", "project": "makefile",
        "application": "counting", "application-option": "threshold=0.5",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-c", _MAIN, "build", str(model), *words, "--no-verify"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    manifest = open_project(tmp_path / "p").manifest
    assert (manifest["project"], manifest["application"]) == ("makefile", "counting")
    assert manifest["application_options"] == {"threshold": "0.5"}
