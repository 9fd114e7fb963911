"""Keras for the tests' own process: TensorFlow starts once for all of them, made deterministic before anything else, so
every test takes Keras from here. Converts its models there, too."""

from __future__ import annotations

import functools

import pytest

from microgen import datasets as calibration
from microgen import quantization
from microgen.boards import load_board
from microgen.runtimes import DEFAULT_RUNTIME, RUNTIMES


@functools.cache
def keras():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (pip install 'microgen[train]')")
    from microgen.frontends.keras import preload  # noqa: F401 - a quicker import of TensorFlow
    from microgen.frontends.keras.converter import make_deterministic

    make_deterministic(0)
    import keras

    return keras


def tf_keras():
    """Keras 2, as tensorflow-model-optimization needs it."""
    keras()
    pytest.importorskip("tensorflow_model_optimization", reason="tensorflow-model-optimization is not installed")
    import tf_keras

    return tf_keras


def sequential(*layers, shape=(8, 8, 3), dtype="float32"):
    return keras().Sequential([keras().Input(shape, name="x", dtype=dtype), *layers])


def quantize(model, data, scheme="int8", board="esp32", value_range=(0.0, 1.0), labels=()):
    """What `microgen.quantize` does, without the worker that the converter has there."""
    from microgen.frontends.keras import converter, loading

    limits = RUNTIMES.get(DEFAULT_RUNTIME).quantization_limits(load_board(board))
    loaded = loading.from_keras(model, scheme)
    found = calibration.resolve(calibration.request(data, value_range), loaded.inputs)
    per_channel = scheme in limits.per_channel_dense
    converted = converter.convert_loaded(loaded, found, scheme, per_channel_dense=per_channel)
    assert converted.layers == loaded.layers
    return quantization.finish(converted, "m", "keras", scheme, limits, labels=labels)
