from __future__ import annotations

from pathlib import Path

import pytest

import microgen

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
    folder = tmp_path_factory.mktemp("digits")
    microgen.train("digits", out=folder / "d", epochs=4)
    return folder / "d/digits.keras"
