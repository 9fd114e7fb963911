from __future__ import annotations

from pathlib import Path

import pytest

import microgen
from tests.support import models
from tests.support.once import once, shared_folder
from tests.support.serial_board import build
from tests.support.tools import needs_host

SHARED = Path(__file__).parent.parent.parent / "shared" / "models"


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real models, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the real models (shared/models beside the project) are not here")
    return SHARED


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The digits recipe after a few epochs, as the path of its .keras file."""
    pytest.importorskip("tensorflow_model_optimization", reason="tensorflow-model-optimization is not installed")
    folder = once(shared_folder(tmp_path_factory), "digits", lambda out: microgen.train("digits", out=out, epochs=4))
    return folder / "digits.keras"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder of projects: "wide", whose input takes seven commands to load, "multi" with two inputs and two outputs,
    and "small"."""
    needs_host()
    folder = tmp_path_factory.mktemp("projects")
    build(folder, models.fully_connected(units=20, width=300), "wide")
    build(folder, models.two_by_two(), "multi")
    build(folder, models.fully_connected(), "small")
    return folder


@pytest.fixture
def wide(made):
    return made / "wide"
