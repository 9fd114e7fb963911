"""The package as it is shipped: a wheel, installed into an empty environment outside the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from . import models
from .tools import needs_host

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_the_wheel_carries_boards_firmware_templates_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ("boards", "firmware", "templates"):
        files = [
            p
            for p in (ROOT / room).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts and p.suffix not in (".pyc", ".o")
        ]
        assert files
        for path in files:
            assert f"microgen/data/{path.relative_to(ROOT)}" in names
    assert "microgen/py.typed" in names


@pytest.mark.slow
def test_the_installed_wheel_builds_and_verifies_without_tensorflow(wheel, tmp_path):
    needs_host()
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", wheel], check=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/small.tflite").write_bytes(models.fully_connected())
    run = [environment / "bin/microgen", "build", "--json"]
    done = subprocess.run([*run, "small.tflite"], cwd=tmp_path / "work", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"]["firmware"] == "equal"
    done = subprocess.run(run, cwd=tmp_path / "work", capture_output=True, text=True)
    assert done.returncode == 3 and "microgen[train]" in done.stderr and len(done.stderr.splitlines()) == 2
