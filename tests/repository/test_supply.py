"""What an installation brings: pinned by version, hash or commit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from microgen.support import toml
from tests.support.docs import ROOT

LOCKED = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = toml.load(ROOT / "pyproject.toml")["project"]
EXTRAS = PROJECT["optional-dependencies"]


def name(text):
    return re.sub(r"[-_.]+", "-", text).lower()


_PINS = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.M)
CONSTRAINTS = {(name(package), version) for package, version in _PINS}


def requirements(path: Path) -> list[str]:
    """The entries of a file: a requirement begins a line; its hashes follow on lines of their own."""
    return re.findall(r"(?m)^[A-Za-z].*\n(?:[ \t].*\n)*", path.read_text())


def packages(path: Path) -> set[str]:
    """What is installed by a file, and by those that it begins with."""
    under = [path.with_name(other) for other in re.findall(r"(?m)^-r (\S+)$", path.read_text())]
    return {name(re.match(r"[\w.-]+", entry)[0]) for entry in requirements(path)}.union(*map(packages, under))


@pytest.mark.parametrize("path", LOCKED, ids=lambda p: p.stem)
def test_every_locked_package_has_hashes_and_the_version_of_the_constraints(path):
    for requirement in requirements(path):
        found, version = re.match(r"([\w.-]+)==([^\s;]+)", requirement).groups()
        assert (name(found), version) in CONSTRAINTS
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement), found


@pytest.mark.parametrize("extra", ["base", *EXTRAS])
def test_everything_that_is_installed_is_locked(extra):
    listed = [*PROJECT["dependencies"], "hatchling", *EXTRAS.get(extra, ())]
    for one in listed:
        listed += EXTRAS[one[9:-1]] if re.fullmatch(r"microgen\[\w+\]", one) else []
    wanted = {name(re.match(r"[\w.-]+", one)[0]) for one in listed} - {"microgen"}
    assert len(wanted) > 5 and wanted <= packages(ROOT / f"requirements/{extra}.txt")


def test_the_build_backend_is_pinned_to_the_constraints():
    (pinned,) = re.findall(r'^requires = \["hatchling==([^"]+)"\]', (ROOT / "pyproject.toml").read_text(), re.M)
    assert ("hatchling", pinned) in CONSTRAINTS


def test_the_action_installs_with_hashes_and_names_actions_of_others_by_commit():
    action = (ROOT / "action.yml").read_text()
    used = re.findall(r"uses: (\S+)", action)
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
    installed = re.findall(r'"\${pip\[@\]}" (.*)', action)
    assert installed == [
        '--require-hashes -r "$ACTION/requirements/$name.txt"',
        '--no-deps --no-build-isolation "$ACTION"',
    ]
