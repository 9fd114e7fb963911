"""PlatformIO without the internet."""

from __future__ import annotations

import pytest

from tests.support import pio


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return pio.core(tmp_path_factory.mktemp("core"))
