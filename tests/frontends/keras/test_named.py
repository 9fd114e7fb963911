"""Keras models that do not come through are refused by the name of a layer; no Keras runs here."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from microgen.datasets import request
from microgen.errors import EngineError, InputError
from microgen.frontends.frontend import ConvertOptions
from microgen.frontends.keras import file
from microgen.frontends.keras.file import layers_of, read_keras_file
from microgen.frontends.keras.frontend import convert_path
from microgen.frontends.keras.rules import activation_of
from microgen.frontends.tflite import other_signatures
from microgen.workers import converter


def keras_file(path, *layers):
    """A .keras file with a description and no weights."""
    described = [
        {"class_name": kind, "module": "keras.layers", "name": name, "config": {"name": name}} for kind, name in layers
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": described}}))
    return path


@pytest.mark.parametrize("kind", ["PruneLowMagnitude", "tfmot>PruneLowMagnitude", "ClusterWeights"])
def test_a_wrapper_that_is_for_training_only_is_named_with_what_takes_it_off(tmp_path, kind):
    with pytest.raises(InputError, match="for training only") as caught:
        read_keras_file(keras_file(tmp_path / "m.keras", ("Dense", "a"), (kind, "wrapped")))
    assert caught.value.layer == "wrapped" and ".strip_" in caught.value.hint


@pytest.mark.parametrize(
    ("layers", "named"),
    [((("Masking", "mask"), ("LSTM", "memory"), ("Dense", "d")), "layer 'mask' (Masking), layer 'memory' (LSTM)"),
     ((("Dense", "d"),), ""), ((("Lambda", "own"),), "")],
)  # fmt: skip
def test_a_crash_of_the_converter_is_a_refusal_of_the_layers_that_loop(tmp_path, monkeypatch, layers, named):
    """The file that the converter crashed on is read in another process."""
    monkeypatch.setattr(file, "read_keras_file", None)

    def crash(*args, **options):
        raise EngineError("converter", "crashed with SIGABRT", "most often a loop")

    monkeypatch.setattr(converter, "run", crash)
    path = keras_file(tmp_path / "m.keras", *layers)
    with pytest.raises(InputError if named else EngineError) as caught:
        convert_path(path, request(np.zeros((1, 2), np.float32)), ConvertOptions("int8"))
    assert named in caught.value.message and (not named or caught.value.layer == "mask")


def test_layers_of_nested_models_and_of_registered_classes_are_found():
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [
        {"class_name": "package>LSTM", "config": {"name": "memory"}}
    ]}}  # fmt: skip
    outer = [inner, {"class_name": "Dense"}, "odd", {"class_name": "GRU", "config": {"name": "g"}}]
    found = layers_of({"class_name": "Functional", "config": {"layers": outer}})
    assert found == [("inner", "Sequential"), ("memory", "LSTM"), ("g", "GRU")]
    assert layers_of([]) == layers_of({"config": 3}) == []


@pytest.mark.parametrize(
    ("tensor", "activation"),
    [("model/dense/Mish", "mish"), ("m_1/mish_1/mul", "mish"), ("m/softplus/Softplus;m/b", "softplus"),
     ("m/elu_2/Elu", "elu"),
     ("m/relu/Relu", ""), ("m/melusine/Exp", ""), ("", "")],
)  # fmt: skip
def test_an_activation_is_named_as_itself(tensor, activation):
    assert activation_of(tensor) == activation


def test_a_second_signature_is_mentioned():
    assert other_signatures(()) == other_signatures(("serving_default",)) == ()
    (said,) = other_signatures(("serving_default", "train"))
    assert "serving_default, train" in said
