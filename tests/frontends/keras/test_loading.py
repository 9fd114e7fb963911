"""What is a model on disk, or in memory, and what is none: damaged files, foreign code, missing packages."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile

import numpy as np
import pytest

import microgen
from microgen.errors import InputError, SetupError
from microgen.frontends import source as sources
from microgen.frontends.keras.file import read_keras_file
from tests.frontends.keras.test_conversion import without
from tests.frontends.keras.test_untrusted import archive, network
from tests.support.keras_tools import keras, sequential, tf_keras

DATA = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def model():
    return sequential(keras().layers.Dense(3, name="d"), shape=(4,))


def cut(name, data):
    return data[: len(data) // 2] if name.endswith(".h5") else data


def renamed(name, data):
    return data.replace(b'"Dense"', b'"Densest"')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut, r"model\.weights\.h5: a damaged HDF5 file .*truncated file"),
        (renamed, r"keras [\d.]+ cannot load it: .*keras\.layers\.Densest"),
    ],
)
def test_a_keras_file_that_keras_cannot_load_is_refused_with_its_words(change, says, tmp_path):
    from microgen.frontends.keras.loading import load

    model().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "n.keras", "w") as damaged:
        for name in whole.namelist():
            damaged.writestr(name, change(name, whole.read(name)))
    with pytest.raises(InputError, match=rf"n\.keras: {says}") as caught:
        load(tmp_path / "n.keras")
    assert "complete" in caught.value.hint or "save the whole model again" in caught.value.hint


@pytest.mark.slow
def test_weights_alone_are_no_model(tmp_path):
    model().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(InputError, match=r"m\.weights\.h5: has weights, but no model") as caught:
        read_keras_file(tmp_path / "m.weights.h5")
    assert "save it whole" in caught.value.hint


@pytest.mark.slow
def test_a_saved_model_that_is_damaged_or_has_no_signature_is_refused(tmp_path):
    model().export(str(tmp_path / "m"), verbose=False)
    import tensorflow as tf

    from microgen.frontends.keras.loading import load

    for name, says in (("saved_model.pb", "Cannot parse file"), ("variables", "Failed to find any matching files")):
        folder = shutil.copytree(tmp_path / "m", tmp_path / name)
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).write_bytes(b"nothing")
        with pytest.raises(InputError, match=rf"{name}: not a SavedModel \(.*{says}"):
            load(folder)
    tf.saved_model.save(tf.Module(), str(tmp_path / "bare"))
    with pytest.raises(InputError, match="bare: the SavedModel has no signature"):
        load(tmp_path / "bare")


@pytest.mark.slow
@pytest.mark.parametrize("package", ["tf_keras", "tensorflow_model_optimization"])
def test_a_package_that_a_file_needs_is_named(package, tmp_path, monkeypatch):
    keras()
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    from microgen.frontends.keras.loading import load

    module = "tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper"
    wrapper = {"class_name": "QuantizeWrapperV2", "module": module, "config": {"name": "q"}}
    archive(tmp_path / "m.keras", network(wrapper), "2.15.0")
    without(monkeypatch, package)
    with pytest.raises(
        SetupError, match=f"needs {package.replace('_m', '-m').replace('_o', '-o')}, which is not"
    ) as caught:
        load(tmp_path / "m.keras")
    assert caught.value.exit_code == 3 and "microgen[train]" in caught.value.hint


# ---- objects


def doubled(x):
    """An activation of one's own."""
    return keras().ops.relu(x) * 2


def dense(framework, activation):
    k = keras() if framework == "keras" else tf_keras()
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, activation=activation)])


@pytest.mark.slow
def test_a_function_of_ones_own_goes_in_with_the_object():
    found = microgen.quantize(dense("keras", doubled), DATA)
    assert found.record["kind"] == "saved-model" and found.model.ops == {"FULLY_CONNECTED": 1, "MUL": 1}
    assert found.quality.output_sqnr_db > 20


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
@pytest.mark.parametrize("whose", ["one's own", "TensorFlow's"])
def test_an_object_is_saved_so_that_its_functions_are_found_again(whose, framework, tmp_path):
    keras()
    import tensorflow as tf

    from microgen.frontends.keras.loading import load

    model = dense(framework, tf.nn.relu if whose == "TensorFlow's" else lambda x: tf.maximum(x, 0.0))
    frontend, saved = sources.save(model, tmp_path)
    file = "keras" if framework == "keras" else "h5"
    assert frontend.kind(saved) == ("saved-model" if whose == "one's own" else file)
    assert frontend.name == ("saved_model" if whose == "one's own" else "keras")
    (answer,) = np.asarray(load(saved.path).function(tf.constant(DATA[:1])))
    np.testing.assert_allclose(np.reshape(answer, -1), np.asarray(model(DATA[:1]))[0], atol=1e-6)


@pytest.mark.slow
def test_an_object_that_cannot_be_saved_is_refused_with_the_reason(tmp_path):
    k = keras()
    with pytest.raises(InputError, match=r"model 'net' cannot be saved: .*not yet been built") as caught:
        sources.save(k.Sequential([k.layers.Dense(3, activation=doubled)], name="net"), tmp_path)
    assert "call it once" in caught.value.hint
