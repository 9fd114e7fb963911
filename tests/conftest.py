from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent / "shared" / "models"


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real models, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the real models (shared/models beside the project) are not here")
    return SHARED
