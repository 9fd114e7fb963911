"""Float models of every kind to full integer: what comes through, what is refused, and with which words."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen import quantization
from microgen.errors import EngineError, InputError, SetupError
from microgen.frontends.keras.cells import widen_cells
from microgen.tflite import parse
from microgen.training import keras as keras_trainer
from microgen.workers import converter as converter_worker
from microgen.workers import job
from tests.support import models
from tests.support.keras_tools import keras, quantize, sequential, tf_keras
from tests.support.tools import LastWords, crash, needs_host

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(30, 8, 8, 3)).astype(np.float32)
SERIES = RNG.normal(size=(30, 12, 4)).astype(np.float32)


def branches():
    k = keras()
    image = k.Input((8, 8, 3), name="image")
    x = k.layers.Conv2D(6, 3, padding="same", use_bias=False, name="first")(image)
    x = k.layers.ReLU()(k.layers.BatchNormalization()(x))
    y = k.layers.DepthwiseConv2D(3, padding="same", name="side")(x)
    x = k.layers.Concatenate()([k.layers.Add()([x, y]), y])
    return k.Model(image, k.layers.Dense(3, activation="softmax", name="kind")(k.layers.GlobalAveragePooling2D()(x)))


def ds_cnn():
    L = keras().layers
    blocks = [L.Conv2D(8, 3, 2, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(),
              L.DepthwiseConv2D(3, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(),
              L.Conv2D(8, 1, use_bias=False), L.BatchNormalization(), L.ReLU(),
              L.GlobalAveragePooling2D(), L.Dense(4, activation="softmax")]  # fmt: skip
    return sequential(*blocks)


def conv1d():
    L = keras().layers
    return sequential(L.Conv1D(6, 3, activation="relu"), L.MaxPooling1D(), L.Flatten(), L.Dense(3), shape=(12, 4))


def autoencoder():
    L = keras().layers
    return sequential(*(L.Dense(n, activation="relu") for n in (8, 3, 8)), L.Dense(12), shape=(12,))


def lstm():
    k = keras()
    k.utils.set_random_seed(0)
    small = k.initializers.RandomNormal(0, 0.05)  # so that the second one's cells stay below 1/2
    memory = k.layers.LSTM(5, kernel_initializer=small, name="memory")
    return sequential(k.layers.LSTM(6, return_sequences=True), memory, k.layers.Dense(3), shape=(12, 4))


def two_by_two():
    k = keras()
    left, right = k.Input((8, 8, 3), name="left"), k.Input((6,), name="right")
    both = k.layers.Concatenate()([k.layers.Flatten()(k.layers.Conv2D(2, 3)(left)), right])
    outputs = [k.layers.Dense(3, name="kind")(both), k.layers.Dense(2, activation="tanh", name="place")(both)]
    return k.Model([left, right], outputs)


COMES_THROUGH = {
    "branches and batch norm": (branches, IMAGES, {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION", "MEAN"}),
    "DS-CNN": (ds_cnn, IMAGES, {"CONV_2D", "DEPTHWISE_CONV_2D", "MEAN"}),
    "Conv1D": (conv1d, SERIES, {"CONV_2D", "MAX_POOL_2D"}),
    "LSTM": (lstm, SERIES, {"UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"}),
    "autoencoder": (autoencoder, RNG.normal(size=(30, 12)), {"FULLY_CONNECTED"}),
    "two inputs, two outputs": (two_by_two, {"right": RNG.normal(size=(30, 6)), "left": IMAGES}, {"CONCATENATION"}),
}


@pytest.mark.parametrize(("make", "data", "ops"), COMES_THROUGH.values(), ids=COMES_THROUGH)
def test_models_come_through_to_a_verified_project(make, data, ops, tmp_path):
    needs_host()
    found = quantize(make(), data)
    assert ops <= set(found.model.ops) and not {"QUANTIZE", "DEQUANTIZE", "MUL"} & set(found.model.ops)
    assert {t.dtype for t in (*found.model.inputs, *found.model.outputs)} == {"int8"}
    assert len(found.quality.layers) >= len(found.model.main.operators) - 1 and found.quality.output_sqnr_db > 15
    (tmp_path / "m.tflite").write_bytes(found.model.data)
    verdict = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=20).verdict
    assert verdict.passed and verdict.firmware == "equal"


def test_the_outputs_of_several_are_in_the_models_order():
    found = quantize(two_by_two(), {"right": RNG.normal(size=(30, 6)), "left": IMAGES})
    assert [t.shape for t in found.model.outputs] == [(1, 3), (1, 2)]
    assert {x.layer for x in found.quality.layers} >= {"kind", "place"}


def test_the_cells_of_an_lstm_get_a_range_that_litert_has(monkeypatch):
    from microgen.frontends.keras import converter

    chosen = []
    monkeypatch.setattr(converter, "widen_cells", lambda data: widen_cells(chosen.append(cell_scales(data)) or data))
    found = quantize(lstm(), SERIES)
    first, second = chosen[0]
    assert second < 2.0**-15 <= first and cell_scales(found.model.data) == [first, 2.0**-15]
    assert [x.layer for x in found.quality.layers][1] == "memory" and found.quality.output_sqnr_db > 20


def cell_scales(data):
    graph = parse(data).main
    return [graph.tensors[op.inputs[19]].scale for op in graph.operators if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM"]


def test_only_the_scale_of_a_cell_that_is_too_fine_is_changed():
    fine, right = models.lstm(cell_scale=2.0**-16), models.lstm(cell_scale=2.0**-15)
    assert widen_cells(fine) == right == widen_cells(right) != fine
    assert widen_cells(models.two_by_two()) == models.two_by_two()


def test_an_lstm_is_refused_in_int16x8_and_taken_from_a_float_tflite(tmp_path):
    from microgen.frontends.keras import converter, loading

    with pytest.raises(InputError, match=r"layer 'memory' \(LSTM\): the converter does not quantize it to int16x8"):
        quantize(sequential(keras().layers.LSTM(4, name="memory"), shape=(12, 4)), SERIES, scheme="int16x8")
    loaded = loading.from_keras(sequential(keras().layers.LSTM(4, name="memory"), shape=(12, 4)))
    with pytest.raises(EngineError, match="not yet supported"):
        converter.convert(loaded, [SERIES], "int16x8", False)
    (tmp_path / "m.tflite").write_bytes(converter.convert(loaded, [SERIES], "int8", False)[1])
    made = microgen.quantize(tmp_path / "m.tflite", SERIES)
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in {op.name for op in made.model.main.operators}


def test_upsampling_and_embedding_go_over_tf_keras():
    L = keras().layers
    up = quantize(sequential(L.Conv2D(4, 3), L.UpSampling2D(2)), IMAGES)
    assert "RESIZE_NEAREST_NEIGHBOR" in up.model.ops
    words = quantize(
        sequential(L.Embedding(20, 4), L.Conv1D(4, 3), L.Flatten(), L.Dense(2), shape=(12,), dtype="int32"),
        RNG.integers(0, 20, (30, 12)),
    )
    assert "GATHER" in words.model.ops and words.model.inputs[0].dtype == "int32"


def test_int16x8_of_a_cnn_runs_and_verifies(tmp_path):
    needs_host()
    L = keras().layers
    cnn = sequential(L.Conv2D(6, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(3), L.Softmax())
    narrow, wide = (quantize(cnn, IMAGES, scheme=s) for s in ("int8", "int16x8"))
    assert {t.dtype for t in (*wide.model.inputs, *wide.model.outputs)} == {"int16"}
    assert wide.quality.output_sqnr_db > narrow.quality.output_sqnr_db
    (tmp_path / "m.tflite").write_bytes(wide.model.data)
    verdict = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=30).verdict
    assert verdict.passed and verdict.firmware == "equal"
    with pytest.raises(InputError, match=r"MAX_POOL_2D.*int16"):
        microgen.build(tmp_path / "m.tflite", "nano33ble", out=tmp_path / "q")


def test_dense_is_per_channel_only_where_the_board_runs_it():
    data = RNG.normal(size=(30, 12))
    many, one = (_dense_scales(quantize(autoencoder(), data, board=b)) for b in ("esp32", "nano33ble"))
    assert many > 1 and one == 1


def _dense_scales(found):
    op = next(op for op in found.model.main.operators if op.name == "FULLY_CONNECTED")
    return len(found.model.main.tensors[op.inputs[1]].quantization.scales)


# ---- through the worker, from files and objects


def test_every_file_kind_gives_the_same_model(tmp_path):
    k = keras()
    from microgen.frontends.keras.carry import to_tf_keras

    cnn = sequential(k.layers.Conv2D(4, 3, activation="relu"), k.layers.Flatten(), k.layers.Dense(3))
    cnn.save(tmp_path / "m.keras")
    cnn.export(str(tmp_path / "saved"), verbose=False)
    legacy = to_tf_keras(cnn)
    assert isinstance(legacy, tf_keras().Model)
    legacy.save(tmp_path / "m.h5")
    np.save(tmp_path / "d.npy", IMAGES)
    found = [
        microgen.quantize(source, tmp_path / "d.npy", board="esp32", out=tmp_path / "out.tflite", name="m", force=True)
        for source in (tmp_path / "m.keras", tmp_path / "m.h5", tmp_path / "saved", cnn, legacy)
    ]
    assert (tmp_path / "out.tflite").read_bytes() == found[-1].model.data
    for one in found:
        assert one.model.ops == found[0].model.ops
        assert one.model.inputs[0].scale == pytest.approx(found[0].model.inputs[0].scale)
        assert one.model.outputs[0].scale == pytest.approx(found[0].model.outputs[0].scale, rel=1e-4)
    assert [f.record["kind"] for f in found] == ["keras", "h5", "saved-model", "keras", "h5"]


def test_a_model_with_a_layer_of_ones_own_goes_in_as_an_object():
    k = keras()

    class Doubled(k.layers.Layer):
        def call(self, x):
            return k.ops.relu(x) * 2

    found = microgen.quantize(sequential(k.layers.Conv2D(2, 3), Doubled()), IMAGES)
    assert found.record["kind"] == "saved-model" and set(found.model.ops) == {"CONV_2D", "MUL"}


def test_the_resnet_of_mlperf_tiny_goes_through(shared_models, tmp_path):
    needs_host()
    images = np.random.default_rng(0).uniform(0, 255, (20, 32, 32, 3))
    result = microgen.build(
        shared_models / "pretrainedResnet.h5", "esp32", calibration=images, out=tmp_path / "p", samples=10
    )
    assert result.verdict.passed and result.verdict.firmware == "equal"
    assert result.source.quality.output_sqnr_db > 15 and result.source.model.ops["CONV_2D"] == 9


def test_random_calibration_is_written_into_the_manifest(tmp_path):
    keras()
    autoencoder().save(tmp_path / "m.keras")
    result = microgen.build(tmp_path / "m.keras", "pico", calibration="random", out=tmp_path / "p", verify=False)
    manifest = json.loads((tmp_path / "p/microgen.json").read_text())
    assert manifest["source"]["calibration"] == {"origin": "random", "samples": 100, "made_up": True}
    assert "is random" in result.source.warnings[0] and manifest["source"]["warnings"] == list(result.source.warnings)


def test_accuracy_is_told_when_classes_are_known():
    L = keras().layers
    classes = np.arange(30) % 3
    data = {"x": IMAGES + classes[:, None, None, None], "labels": classes}
    found = quantize(sequential(L.GlobalAveragePooling2D(), L.Dense(3)), data)
    before, after = found.quality.accuracy
    assert 0 <= before <= 1 and abs(before - after) < 0.2
    with pytest.raises(InputError, match=r"classes 0 to 2, output .* has 2 elements"):
        quantize(sequential(L.GlobalAveragePooling2D(), L.Dense(2)), data)


def _in_folders(tmp_path, names):
    """Write ten grey images for each name, brighter from name to name, into folders."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed (pip install 'microgen[quantize]')")
    for k, name in enumerate(names):
        (tmp_path / name).mkdir(parents=True)
        for n in range(10):
            image.new("L", (4, 4), 60 * k + n).save(tmp_path / name / f"{n}.png")
    return tmp_path


def _brightness():
    """Return a model of 4x4 images that tells by their mean whether it is below 40, below 90 or above."""
    L = keras().layers
    model = sequential(L.Flatten(), L.Dense(3), shape=(4, 4, 1))
    model.layers[-1].set_weights([np.tile([[0, 1 / 16, 2 / 16]], (16, 1)), np.array([0, -40, -130])])
    return model


def test_classes_with_a_name_are_those_of_the_labels(tmp_path):
    """The folders' alphabetical order is another than the labels'."""
    folder = _in_folders(tmp_path / "d", ["dark", "grey", "bright"])
    found = quantize(_brightness(), folder, value_range=(0.0, 255.0), labels=["dark", "grey", "bright"])
    assert found.quality.accuracy == (1.0, 1.0) and not found.warnings
    assert found.labels == ("dark", "grey", "bright"), "not in the order of the alphabet, as the folders are"
    found = quantize(_brightness(), folder, value_range=(0.0, 255.0), labels=["night", "dusk", "day"])
    assert found.quality.accuracy is None and "the labels are night, dusk, day" in found.warnings[0]
    found = quantize(_brightness(), folder, value_range=(0.0, 255.0))
    assert found.quality.accuracy == (0.0, 0.0) and "no better than guessing" in found.warnings[0]


def test_data_that_was_scaled_before_the_models_own_rescaling_is_warned_of():
    L = keras().layers
    model = sequential(L.Rescaling(1 / 255), L.Conv2D(2, 3), L.Flatten(), L.Dense(2))
    pixels = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3))
    assert not quantize(model, pixels).warnings
    [warning] = quantize(model, pixels / 255).warnings
    assert "from 0" in warning and "multiplies it by 0.00392" in warning


def test_values_as_targets_give_no_accuracy_and_are_said_where_classes_might_be():
    L = keras().layers
    x, y = SERIES[:, 0], np.linspace(0, 1, 30)
    alone = quantize(sequential(L.Dense(1), shape=(4,)), {"x": x, "y": y})
    assert alone.quality.accuracy is None and not alone.warnings
    several = quantize(sequential(L.Dense(3), shape=(4,)), {"x": x, "y": y})
    assert several.quality.accuracy is None and "are not class numbers" in several.warnings[0]


def test_a_softmax_whose_inputs_vanish_is_named():
    L = keras().layers
    model = sequential(L.Dense(3, name="kind", activation="softmax"), shape=(4,))
    model.set_weights([np.full((4, 3), 1e-10), np.zeros(3)])
    with pytest.raises(InputError, match=r"layer 'kind': .* such a small scale") as caught:
        quantize(model, SERIES[:, 0])
    assert "trained" in caught.value.hint


def test_data_beyond_a_quantized_input_is_warned_of(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(quantize(sequential(keras().layers.Dense(3), shape=(4,)), SERIES[:, 0]).model.data)
    assert not microgen.quantize(path, SERIES[:, 0]).warnings
    [warning] = microgen.quantize(path, {"x": 100 * SERIES[:, 0], "y": np.zeros(30)}).warnings
    assert "is outside the range of input" in warning and "scaled" in warning


def test_saturation_is_measured():
    """Calibrated on small values, the same model saturates on large ones."""
    from microgen.frontends.keras import converter, loading
    from microgen.quantization import quality
    from microgen.tflite import parse
    from microgen.verification import quantize_samples

    dense = sequential(keras().layers.Dense(4, kernel_initializer="identity"), shape=(4,))
    small = RNG.uniform(-1, 1, (50, 4)).astype(np.float32)
    data, twin = converter.convert(loading.from_keras(dense), [small], "int8", False)
    model = parse(data)
    fine, worse = (quality.measure(model, twin, [x], quantize_samples(model, [x]), None) for x in (small, 4 * small))
    assert fine.layers[-1].saturated == 0 and fine.output_sqnr_db > 30
    assert worse.layers[-1].saturated > 0.5 and worse.output_sqnr_db < 10


def test_a_softmax_does_not_count_as_saturated_and_foreign_classes_give_no_accuracy(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for k in range(5):
            noise = RNG.integers(0, 256, (9, 9, 3), dtype=np.uint8)
            image.fromarray(noise).save(tmp_path / name / f"{k}.png")
    L = keras().layers
    sure = sequential(L.Flatten(), L.Dense(3, kernel_initializer=keras().initializers.RandomNormal(0, 9)), L.Softmax())
    found = quantize(sure, tmp_path)
    assert found.quality.layers[-1].op == "SOFTMAX" and found.quality.layers[-1].saturated == 0
    assert found.quality.accuracy is None and "names 2 classes, the model has 3" in found.warnings[0]
    assert quantize(sequential(L.Flatten(), L.Dense(2)), tmp_path).labels == ("cat", "dog")


# ---- refused


def test_classes_of_one_sigmoid_are_no_number_of_an_output():
    layers = keras().layers
    data = {"x": IMAGES, "labels": np.arange(len(IMAGES)) % 2}
    found = quantize(sequential(layers.Flatten(), layers.Dense(1, "sigmoid")), data)
    assert found.model.outputs[0].elements == 1 and found.quality.accuracy is None


def test_labels_that_do_not_match_are_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match="2 labels for the 4 elements"):
        microgen.quantize(tmp_path / "m.tflite", labels=["a", "b"], out=tmp_path / "o.tflite")
    assert not (tmp_path / "o.tflite").exists()


def test_dynamic_shapes_and_unbuilt_models_are_refused(tmp_path):
    k = keras()
    from microgen.frontends.keras import loading

    with pytest.raises(InputError, match=r"input 'x' has the dynamic shape \[None, None, 8, 3\]"):
        quantize(sequential(k.layers.Conv2D(2, 3), shape=(None, 8, 3)), IMAGES)
    k.Sequential([k.layers.Dense(2)]).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="no input with a known shape"):
        loading.load(tmp_path / "m.keras")


@pytest.mark.parametrize("version", [2, 3])
def test_layers_of_a_saved_model_are_named(version, tmp_path):
    framework = keras() if version == 3 else tf_keras()
    from microgen.frontends.keras import loading

    L = framework.layers
    layers = [L.Conv2D(2, 3, name="first"), L.Activation("gelu", name="odd"), L.Flatten(), L.Dense(3, name="last_2")]
    model = framework.Sequential([framework.Input((8, 8, 3)), *layers])
    if version == 3:
        model.export(str(tmp_path / "m"), verbose=False)
    else:
        model.save(tmp_path / "m")
    found = loading.load(tmp_path / "m").layers
    assert [name for name in found.names if "flatten" not in name] == ["first", "odd", "last_2"]
    with pytest.raises(InputError, match="layer 'odd': its operator GELU"):
        microgen.quantize(tmp_path / "m", IMAGES)


def test_an_lstm_in_a_saved_model_is_refused(tmp_path):
    sequential(keras().layers.LSTM(4, name="memory"), shape=(12, 4)).export(str(tmp_path / "m"), verbose=False)
    with pytest.raises(InputError, match=r"memory.* is a loop, on which the converter crashes"):
        microgen.quantize(tmp_path / "m", SERIES)


def test_broken_and_missing_files_are_refused(tmp_path):
    keras()
    (tmp_path / "empty").mkdir()
    for name in ("m.keras", "m.h5"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(InputError, match="not a Keras model"):
            microgen.quantize(tmp_path / name, SERIES)
    for name, says in (("none.keras", "no such file"), ("empty", "a folder without a model")):
        with pytest.raises(InputError, match=says):
            microgen.quantize(tmp_path / name, SERIES)


def test_without_data_a_float_model_is_refused_with_the_hint(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", "{}")
    with pytest.raises(InputError, match="needs calibration data") as caught:
        microgen.quantize(tmp_path / "m.keras")
    assert caught.value.option == "calibration" and "calibration=random" in caught.value.hint


def test_a_keras_model_stays_in_float32_without_data():
    model = sequential(keras().layers.Dense(3, activation="tanh"), shape=(5,))
    found = microgen.quantize(model, scheme="float32")
    assert found.is_float and found.record["calibration"]["samples"] == 0
    assert {t.dtype for t in found.model.main.tensors} == {"float32"} and found.model.ops["TANH"] == 1


@pytest.mark.parametrize("words", ["last words", ""])
def test_a_crash_of_the_converter_is_named_and_its_words_are_kept(words):
    """A converter that dies, which a model of any kind may make it do, is an error with all that it said."""
    keras()
    with pytest.raises(EngineError, match="converter: crashed with SIGSEGV") as caught:
        converter_worker.run(crash, LastWords(words))
    _, said, kept = caught.value.message.rpartition("; its whole output: ")
    assert bool(said) == bool(words) and "standard layers" in caught.value.hint
    if words:
        assert Path(kept).read_text().strip() == words
        Path(kept).unlink()


def test_a_training_has_a_deadline_and_a_hint_of_its_own(monkeypatch):
    keras()
    monkeypatch.setattr(keras_trainer, "TRAINING", replace(keras_trainer.TRAINING, deadline_s=0.01))
    # Looked at more often than it reports progress, which lets the deadline begin again.
    monkeypatch.setattr(job, "_PROGRESS_S", 0.02)
    with pytest.raises(EngineError, match="no answer after 0 s") as caught:
        microgen.train("sine", epochs=1)
    assert "hang" not in caught.value.hint and "fewer samples" in caught.value.hint


def without(monkeypatch, *packages):
    """Let packages be as if they were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in packages else find(name, *rest)
    )


def test_without_tensorflow_the_hint_names_the_extra(monkeypatch, tmp_path):
    without(monkeypatch, "tensorflow", "h5py")
    (tmp_path / "m.h5").write_bytes(b"whatever it is, h5py would have to read it")
    for wants_it in (lambda: microgen.train("sine"), lambda: microgen.quantize(tmp_path / "m.h5")):
        with pytest.raises(SetupError, match="this needs tensorflow, which is not installed") as caught:
            wants_it()
        assert caught.value.exit_code == 3 and "microgen[train]" in caught.value.hint
    assert quantization.SCHEMES == ("int8", "int16x8", "float32")


def test_the_same_model_gives_the_same_keras_file(tmp_path):
    from microgen.frontends.keras.archive import keras_bytes

    policies = [keras().DTypePolicy("float32") for _ in range(2)]  # alive together: at two addresses
    models = [
        sequential(*(keras().layers.Dense(3, name=f"d{k}", dtype=policy) for k in range(2)), shape=(4,))
        for policy in policies
    ]
    for model in models:
        model.name = "net"
        model.set_weights([np.ones_like(w) for w in model.get_weights()])
    (tmp_path / "net.keras").write_bytes(keras_bytes(models[0]))
    assert keras_bytes(models[1]) == keras_bytes(models[0])
    loaded = keras().models.load_model(tmp_path / "net.keras")
    assert (loaded.predict(np.ones((1, 4)), verbose=0) == models[0].predict(np.ones((1, 4)), verbose=0)).all()
