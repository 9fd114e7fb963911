"""What an installation brings: pinned by version, hash or commit."""

from __future__ import annotations

import re

from tests.support.docs import ROOT


def name(text):
    return re.sub(r"[-_.]+", "-", text).lower()


_PINS = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.M)
CONSTRAINTS = {(name(package), version) for package, version in _PINS}
# A requirement begins a line; its hashes follow on lines of their own.
REQUIREMENTS = re.split(r"\n(?=[A-Za-z])", re.sub(r"(?m)^#.*\n", "", (ROOT / "requirements/base.txt").read_text()))


def test_every_locked_package_has_hashes_and_the_version_of_the_constraints():
    for requirement in REQUIREMENTS:
        found, version = re.match(r"([\w.-]+)==([^\s;]+)", requirement).groups()
        assert (name(found), version) in CONSTRAINTS
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement), found


def test_everything_that_is_installed_without_extras_is_locked():
    project = (ROOT / "pyproject.toml").read_text()
    listed = re.findall(r'^  "([\w.-]+)', project.partition("\ndependencies = [")[2].partition("\n]")[0], re.M)
    locked = {name(re.match(r"[\w.-]+", requirement)[0]) for requirement in REQUIREMENTS}
    assert listed and {name(n) for n in listed} | {"hatchling"} <= locked


def test_the_build_backend_is_pinned_to_the_constraints():
    (pinned,) = re.findall(r'^requires = \["hatchling==([^"]+)"\]', (ROOT / "pyproject.toml").read_text(), re.M)
    assert ("hatchling", pinned) in CONSTRAINTS


def test_actions_of_others_are_named_by_commit():
    action = (ROOT / "action.yml").read_text()
    used = re.findall(r"uses: (\S+)", action)
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
    assert "--require-hashes" in action
