"""The package as it is shipped: a wheel, installed into an empty environment outside the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support import models
from tests.support.tools import needs_host

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The sdist, and the wheel that is built from it, as on an index."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(dist):
    return next(dist.glob("*.whl"))


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


def test_the_sdist_carries_what_builds_and_tests_it(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = [
        "Makefile",
        "constraints.txt",
        "requirements/base.txt",
        "action.yml",
        "README.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "LICENSE",
    ]
    wanted += ["docs/ci.md", "tests/repository/test_wheel.py", "benchmarks/__main__.py"]
    wanted += ["requirements/base.txt", "firmware/runtimes/tflm/model_runner.cc"]
    assert set(wanted) <= names
    assert not [n for n in names if n.startswith((".venv", "build/", "dist/")) or "__pycache__" in n]


def interpreter(version):
    """A Python of this version: the one that runs, one on the PATH, or pyenv's."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    found = [str(installed[-1])] if installed else []
    if on_path := shutil.which(f"python{version}"):
        found.append(on_path)
    for candidate in found:
        # A version manager's stand-in is there for versions that are not installed, too.
        said = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True
        )
        if said.stdout.decode().strip() == version:
            return candidate
    pytest.skip(f"Python {version} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_the_installed_wheel_builds_and_verifies_without_tensorflow(version, wheel, tmp_path):
    needs_host()
    environment = tmp_path / "venv"
    subprocess.run([interpreter(version), "-m", "venv", environment], check=True)
    pip = [environment / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", wheel], check=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/small.tflite").write_bytes(models.fully_connected())
    microgen = environment / "bin/microgen"
    run = [microgen, "build", "--json"]
    done = subprocess.run([*run, "small.tflite"], cwd=tmp_path / "work", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"]["firmware"] == "equal"
    done = subprocess.run(run, cwd=tmp_path / "work", capture_output=True, text=True)
    assert done.returncode == 3 and "microgen[train]" in done.stderr and len(done.stderr.splitlines()) == 2
    said = subprocess.run([microgen, "--version"], cwd=tmp_path / "work", capture_output=True, text=True).stdout
    assert f"Python          {version}." in said and "tensorflow      not installed" in said
