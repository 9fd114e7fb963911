"""Imports TensorFlow and both Keras.

TensorFlow and Keras import JAX, scikit-learn, pandas, Matplotlib and IPython where they find them, for functions that
no job calls. To hide these halves the time.
"""

import contextlib
import importlib
import sys

_HIDDEN = ("IPython", "jax", "jaxlib", "matplotlib", "pandas", "sklearn")


def load() -> None:
    """Import TensorFlow and what goes with it, as far as it is installed."""
    hidden = [name for name in _HIDDEN if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        for name in ("tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"):
            # What is missing or does not load is reported by the job that needs it.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]


load()
