"""Keras files that would run code, and archives that are no model: refused before Keras or TensorFlow reads them."""

from __future__ import annotations

import json
import types
import zipfile

import numpy as np
import pytest

import microgen
from microgen import datasets as calibration
from microgen.errors import InputError
from microgen.frontends import source as sources
from microgen.frontends.keras.file import read_keras_file
from microgen.frontends.keras.functions import PURE
from tests.support.keras_tools import keras, sequential

DATA = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def archive(path, config, version="3.15.1", metadata=None, **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stored:
        stored.writestr("metadata.json", metadata or json.dumps({"keras_version": version}))
        stored.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
        for name, data in more.items():
            stored.writestr(name, data)
    return path


def network(*layers, **more):
    return {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "config": {"layers": list(layers), **more},
    }


def dense(**more):
    return {"class_name": "Dense", "module": "keras.layers", "config": {"name": "d", "units": 2, **more}}


def call(function, kind="TFOpLambda"):
    return {"class_name": kind, "module": "tf_keras.layers", "config": {"name": "c", "function": function}}


LAMBDA = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "odd", "function": {}}}
REFUSED = {
    "a lambda": (network(dense(), LAMBDA), "layer 'odd' is Python code"),
    "a registered Lambda": (network({**LAMBDA, "class_name": "pkg>Lambda"}), "layer 'odd' is Python code"),
    "bytecode as an activation": (
        network(dense(activation={"class_name": "__lambda__", "config": {"value": "4wAA"}})),
        "layer 'd' is Python code",
    ),
    "a lambda in a layer in a layer": (
        network({"class_name": "TimeDistributed", "module": "keras.layers", "config": {"name": "t", "layer": LAMBDA}}),
        "layer 't' is Python code",
    ),
    "a function as a layer": (
        network({"class_name": "function", "module": "builtins", "config": "exec", "name": "f"}),
        r"layer 'f' names builtins\.function",
    ),
    "a function of another module": (
        network(dense(activation={"class_name": "function", "module": "os", "config": "system"})),
        r"layer 'd' names os\.system",
    ),
    "a function of a module that ends like one of Keras": (
        network(dense(activation={"class_name": "function", "module": "evil.activations", "config": "relu"})),
        r"layer 'd' names evil\.activations\.relu",
    ),
    "a function of Keras that is no activation": (
        network(dense(activation={"class_name": "function", "module": "keras.utils", "config": "get_file"})),
        r"layer 'd' names keras\.utils\.get_file",
    ),
    "a function among the classes of Keras": (
        network({"class_name": "deserialize", "module": "keras.layers", "config": {"name": "f"}}),
        r"layer 'f' names keras\.layers\.deserialize",
    ),
    "a class of another module": (
        network({"class_name": "Popen", "module": "subprocess", "config": {"name": "p"}}),
        r"layer 'p' names subprocess\.Popen",
    ),
    "a function of Keras as a layer": (
        network({"class_name": "get_file", "module": "tf_keras.utils", "config": {"name": "g"}}),
        r"layer 'g' names tf_keras\.utils\.get_file",
    ),
    "a module that starts like Keras": (
        network({"class_name": "Dense", "module": "kerasy.layers", "config": {"name": "g"}}),
        r"names kerasy\.layers\.Dense",
    ),
    "a function of TensorFlow": (network(call("timestamp")), "layer 'c' would call the function 'timestamp'"),
    "a function of TensorFlow in a layer": (
        network(
            {
                "class_name": "TimeDistributed",
                "module": "keras.layers",
                "config": {"name": "t", "layer": call("strings.length", "SlicingOpLambda")},
            }
        ),
        "layer 't' would call the function 'strings.length'",
    ),
    "a function of TensorFlow in a registered layer": (
        network(call("timestamp", "pkg>TFOpLambda")),
        "layer 'c' would call the function 'timestamp'",
    ),
    "a function of no name": (network(call(["add"])), r"layer 'c' would call the function \['add'\]"),
    "a method": (network(call("numpy", "InstanceMethod")), "layer 'c' would call InstanceMethod"),
    "any operator": (network(call("", "TensorFlowOpLayer")), "layer 'c' would call TensorFlowOpLayer"),
    "a SavedModel": (network(call("", "TFSMLayer")), "layer 'c' would call TFSMLayer"),
    "a vocabulary in a file": (
        network(
            {"class_name": "StringLookup", "module": "keras.layers", "config": {"name": "s", "vocabulary": "words.txt"}}
        ),
        r"layer 's' would read the file 'words\.txt'",
    ),
    "a class of a part of Keras that writes files": (
        network(dense(kernel_initializer={"class_name": "CSVLogger", "module": "keras.callbacks", "config": {}})),
        r"layer 'd' names keras\.callbacks\.CSVLogger",
    ),
    "a type of another module": (
        network(dense(spec={"class_name": "__typespec__", "module": "os", "config": []})),
        r"names os\.__typespec__",
    ),
}


@pytest.mark.parametrize(("config", "says"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("version", ["2.15.0", "3.15.1"])
def test_descriptions_that_name_code_are_refused_whatever_wrote_them(config, says, version, tmp_path):
    with pytest.raises(InputError, match=says) as caught:
        read_keras_file(archive(tmp_path / "m.keras", config, version))
    assert "microgen.quantize(model" in caught.value.hint


@pytest.mark.parametrize(
    "kind",
    ["ClassMethod", "DenseFeatures", "FlaxLayer", "InstanceMethod", "InstanceProperty", "JaxLayer", "SequenceFeatures",
     "SlicingOpLambda", "TFOpLambda", "TFSMLayer", "TensorFlowOpLayer", "TorchModuleWrapper"],
)  # fmt: skip
def test_layers_that_run_what_they_name_are_refused(kind, tmp_path):
    with pytest.raises(InputError, match="layer 'c' would call"):
        read_keras_file(archive(tmp_path / "m.keras", network(call("system", kind))))


def test_what_keras_writes_is_let_through(tmp_path):
    config = network(
        dense(kernel_initializer={"class_name": "Zeros", "module": "keras.initializers", "config": {}}),
        {"class_name": "GetItem", "module": "keras.src.ops.numpy", "config": {"name": "get_item"},
         "inbound_nodes": [{"args": [{"class_name": "__slice__", "config": {"start": 0}}]}]},
        {"class_name": "Activation", "module": "tf_keras.layers", "config": {
            "activation": {"class_name": "function", "module": "builtins", "config": "relu"}}},
        call("math.add"),
        call("__operators__.getitem", "SlicingOpLambda"),
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"name": "s", "vocabulary": ["a", "b"]}},
    )  # fmt: skip
    found = read_keras_file(archive(tmp_path / "m.keras", config, "2.15.0"))
    assert not found.is_quantization_aware
    assert found.is_legacy and found.config == config
    wrapper = "tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper"
    learned = network({"class_name": "QuantizeWrapperV2", "module": wrapper, "config": {"name": "q"}})
    found = read_keras_file(archive(tmp_path / "m.keras", learned))
    assert found.is_quantization_aware and not found.is_legacy


BROKEN = {
    "no archive": lambda path: path.write_bytes(b"nothing"),
    "an archive without a model": lambda path: zipfile.ZipFile(path, "w").close(),
    "no JSON": lambda path: archive(path, "{"),
    "no UTF-8": lambda path: archive(path, b"\xff\xfe\xfd"),
    "too deep": lambda path: archive(path, "[" * 100_000),
    "a metadata that is a list": lambda path: archive(path, {}, metadata="[]"),
    "a bomb": lambda path: archive(path, b" " * (65 * 2**20)),
    "damaged": lambda path: path.write_bytes(archive(path, network(dense())).read_bytes()[:-30]),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_archives_that_are_no_model_are_refused(make, tmp_path):
    make(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"m\.keras: not a Keras model"):
        read_keras_file(tmp_path / "m.keras")


def test_a_description_that_unpacks_to_far_more_is_refused_unread(tmp_path, monkeypatch):
    path = archive(tmp_path / "M.KERAS", network(dense()))
    size = len(json.dumps(network(dense())))
    monkeypatch.setattr("microgen.frontends.keras.file._CONFIG_BYTES", size)
    assert read_keras_file(path).config == network(dense())
    monkeypatch.setattr("microgen.frontends.keras.file._CONFIG_BYTES", size - 1)
    with pytest.raises(InputError, match=rf"not a Keras model \(its config\.json has {size} bytes\)"):
        read_keras_file(path)


def attack(path):
    """A function that leaves a file behind, as it would be stored in a model."""

    def evil(x):
        open("PLACE", "w").close()  # noqa: PTH123
        return x

    constants = tuple(str(path) if c == "PLACE" else c for c in evil.__code__.co_consts)
    return types.FunctionType(evil.__code__.replace(co_consts=constants), {"__builtins__": __builtins__}, "evil")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
def test_bytecode_in_a_file_is_not_run(framework, name, tmp_path):
    keras()
    k = pytest.importorskip(framework, reason=f"{framework} is not installed")
    trace = tmp_path / "trace"
    layer = k.layers.Lambda(attack(trace), name="odd")
    if framework == "tf_keras":
        model = k.Sequential([k.layers.InputLayer((4,)), layer])
    else:
        model = k.Sequential([k.Input((4,)), layer])
    model.save(tmp_path / name)
    if (framework, name) == ("tf_keras", "m.h5"):
        k.models.load_model(tmp_path / name, compile=False)
        assert trace.exists(), "Keras itself runs it, or this test would show nothing"
    trace.unlink(missing_ok=True)
    with pytest.raises(InputError, match="layer 'odd' is Python code in the file"):
        microgen.quantize(tmp_path / name, DATA)
    assert not trace.exists()


@pytest.mark.slow
def test_a_lambda_of_ones_own_goes_in_as_an_object():
    k = keras()
    found = microgen.quantize(sequential(k.layers.Dense(3), k.layers.Lambda(lambda x: x * 2.0), shape=(4,)), DATA)
    assert found.record["kind"] == "saved-model" and "FULLY_CONNECTED" in found.model.ops


@pytest.mark.slow
def test_a_saved_model_that_writes_files_when_it_runs_is_refused_and_not_run(tmp_path):
    keras()
    import tensorflow as tf

    trace = str(tmp_path / "trace")

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
        def run(self, x):
            tf.io.write_file(trace, "x")
            return {"y": x * 2}

    writer = Writer()
    tf.saved_model.save(writer, str(tmp_path / "saved"), signatures=writer.run)
    with pytest.raises(microgen.EngineError, match="WriteFile"):
        microgen.quantize(tmp_path / "saved", DATA)
    assert not (tmp_path / "trace").exists()


def test_pickled_objects_in_calibration_data_are_not_loaded(tmp_path):
    np.save(tmp_path / "d.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"d\.npy"):
        calibration.request(tmp_path / "d.npy")


def test_an_image_that_unpacks_to_far_more_is_refused(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.new("1", (20_000, 10_000)).save(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size < 100_000
    with pytest.raises(InputError, match=r"x\.png: cannot be read as an image"):
        calibration.resolve(calibration.request(tmp_path), [calibration.InputSpec("x", (6, 8, 1), "float32")])


def functional(*shape):
    """A tf_keras model whose layers are calls of functions of TensorFlow."""
    k = pytest.importorskip("tf_keras", reason="tf_keras is not installed")
    import tensorflow as tf

    given = k.Input(shape)
    return k.Model(given, tf.nn.relu(k.layers.Dense(3)(given)[:, 1:] * 2.0)), given


@pytest.mark.slow
def test_models_that_were_made_with_functions_of_tensorflow_convert(tmp_path):
    keras()
    model, _ = functional(4)
    model.save(tmp_path / "m.h5")
    assert "FULLY_CONNECTED" in microgen.quantize(tmp_path / "m.h5", DATA).model.ops


@pytest.mark.slow
def test_every_listed_function_is_one_of_tensorflow():
    keras()
    from tensorflow.python.util.tf_export import get_symbol_from_name

    v2 = {name for name in PURE if not name.startswith("compat.v1.")}
    assert {name for name in v2 if get_symbol_from_name(name) is None} == set()


@pytest.mark.slow
def test_a_function_that_is_not_listed_is_not_called_from_a_file_but_goes_in_as_an_object(tmp_path):
    keras()
    import tensorflow as tf
    import tf_keras as k

    _, given = functional(4)
    model = k.Model(given, tf.math.atan(given * 1.0))
    model.save(tmp_path / "m.h5")
    with pytest.raises(InputError, match=r"layer 'tf\.math\.atan' would call the function 'math\.atan'") as caught:
        microgen.quantize(tmp_path / "m.h5", DATA)
    assert caught.value.layer == "tf.math.atan"
    frontend, source = sources.save(model, tmp_path)
    assert (frontend.name, frontend.kind(source)) == ("saved_model", "saved-model")


@pytest.mark.slow
def test_a_file_is_loaded_as_the_format_that_it_was_read_as(tmp_path):
    """Keras goes by small letters at the end of a name, and would take this archive for HDF5."""
    k = keras()
    sequential(k.layers.Dense(3), shape=(4,)).save(tmp_path / "m.keras")
    (tmp_path / "m.keras").rename(tmp_path / "m.KERAS")
    assert "FULLY_CONNECTED" in microgen.quantize(tmp_path / "m.KERAS", DATA).model.ops
