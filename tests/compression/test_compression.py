"""Compression: each method on the digits recipe with its price, and what is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from typer.testing import CliRunner

import microgen
from microgen.cli import app
from microgen.compression import run
from microgen.compression.base import Step
from microgen.compression.clusters import clustered
from microgen.compression.layers import RANGES
from microgen.compression.methods import load_method, method_names
from microgen.compression.steps import read_chain, read_steps
from microgen.compression.task import Task, read_data, task_from_data
from microgen.errors import InputError
from microgen.support.metrics import ACCURACY, MEAN_ABSOLUTE_ERROR
from microgen.training.train import check_held_out
from tests.compression.test_training_data import arrays
from tests.support.keras_tools import keras, tf_keras
from tests.support.tools import needs_host


@pytest.mark.parametrize(
    ("methods", "options", "says"),
    [
        ([], {}, "no method"),
        (["prun:0.5"], {}, "no method 'prun'"),
        (["prune:1.5"], {}, "must be 0.05 to 0.99"),
        (["prune:nan"], {}, "'nan' is not a number"),
        (["prune:half"], {}, "'half' is not a number"),
        (["prune"], {"temperature": 3}, "none of the methods prune has the option temperature"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(methods, options, says):
    with pytest.raises(InputError, match=says):
        read_steps(methods, options)


def test_a_chain_is_read():
    assert read_steps(["prune", "prune:0.5"]) == (Step("prune", 0.8), Step("prune", 0.5))
    with pytest.raises(InputError) as caught:
        load_method("pruen")
    assert "did you mean 'prune'" in caught.value.hint
    for name in method_names():
        assert load_method(name).name == name


def test_a_model_that_has_seen_what_a_seed_holds_out_is_refused(tmp_path):
    model = tmp_path / "digits.keras"
    model.write_bytes(b"")
    (tmp_path / "training.json").write_text('{"recipe": "digits", "seed": 3}')
    says = "was trained with seed=3, on samples that seed=0 uses as"
    for refused in (
        lambda: microgen.compress(model, "prune", recipe="digits", out=tmp_path / "out.keras"),
        lambda: microgen.compress(tmp_path / "x.keras", "distill", recipe="digits", student=model),
        lambda: microgen.compress(tmp_path / "x.keras", "merge", recipe="digits", other=model),
        lambda: microgen.sweep(model, recipe="digits", out=tmp_path / "sweep"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            refused()
        assert caught.value.option == "seed" and "seed=3" in caught.value.hint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits.keras", "training.json"]
    check_held_out(model, "digits", 3)
    check_held_out(model, "sine", 0)
    for record in ("", "[]", "{}", '{"recipe": "digits"}'):
        (tmp_path / "training.json").write_text(record)
        check_held_out(model, "digits", 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"methods": "prune"}, "no data to train on"),
        ({"methods": "prune", "data": arrays(), "model": None}, "no model"),
        ({"methods": "prune", "data": arrays(), "out": "m.keras/x.keras"}, "is not a writable folder"),
        ({"methods": "low-rank", "data": arrays(), "energy": 0}, "low-rank: energy 0: must be 0.01 to 1"),
        ({"methods": "merge", "data": arrays(), "share": 2}, "merge: share 2: must be 0 to 1"),
        ({"methods": ["prune", "merge"], "data": arrays()}, "merge needs a second model"),
        ({"methods": ["prune", "merge"], "data": arrays(), "other": "m.keras", "join": "max"}, "no join 'max'"),
        ({"methods": "merge", "data": arrays(), "other": "m.keras", "join": "outputs"}, "has one output"),
        ({"methods": "distill:0.5", "data": arrays(), "student": "m.keras"}, "distill:0.5 and student= exclude"),
        ({"methods": "low-rank:0.4", "data": arrays(), "energy": 0.9}, "low-rank:0.4 and energy= exclude"),
        ({"methods": "merge", "data": arrays(), "other": "beside.tflite"}, "beside.tflite: compression trains Keras"),
        ({"methods": "prune", "data": arrays(), "recipe": "digits"}, "exclude each other"),
        ({"methods": "prune", "recipe": "digit"}, "no recipe 'digit'"),
        ({"methods": "prune", "data": arrays(), "epochs": 0}, "at least one epoch"),
        ({"methods": "prune", "data": arrays(), "batch_size": 0}, "at least one sample"),
        ({"methods": "prune", "data": arrays(), "seed": -1}, "must be 0 to"),
        ({"methods": "prune", "data": arrays(), "out": "m.tflite"}, "not the name of a .keras file"),
        ({"methods": "prune", "data": arrays(), "out": "there.keras"}, "already exists"),
        ({"methods": "prune", "data": arrays(), "out": "beside.keras"}, "beside.tflite: already exists"),
        ({"methods": ["qat", "prune"], "data": arrays()}, "prune cannot follow qat"),
        ({"methods": "qat:3", "data": arrays()}, "takes no amount"),
        ({"methods": "distill", "data": arrays(), "alpha": 2}, "alpha 2: must be 0 to 1"),
        ({"methods": "distill", "data": arrays(), "student": "none.keras"}, "none.keras: no such file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(options, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("m.keras", "there.keras", "beside.tflite"):
        (tmp_path / name).write_bytes(b"only copy")
    with pytest.raises(InputError) as caught:
        microgen.compress(**{"model": "m.keras", **options})
    assert says in caught.value.message and caught.value.hint
    assert {p.read_bytes() for p in tmp_path.iterdir()} == {b"only copy"}
    with pytest.raises(InputError, match=r"compression trains Keras models"):
        microgen.compress("beside.tflite", "prune", arrays())


def test_an_amount_beside_one_method():
    assert read_chain(["prune"], 0.5) == read_chain(["prune:0.5"])
    for methods in ([], ["prune", "qat"], ["prune:0.1"]):
        with pytest.raises(InputError, match="needs a single") as caught:
            read_chain(methods, 0.5)
        assert caught.value.option == "amount"
    assert run.default_out(None, "sine", read_chain(["prune"])).name == "sine_prune.keras"
    assert run.default_out("a/my net.keras", None, read_chain(["prune", "qat"])).name == "my-net_prune_qat.keras"


def test_the_command(tmp_path):
    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", "microgen", "compress", *args], cwd=tmp_path, capture_output=True, text=True
        )

    listed = run("--methods")
    assert listed.returncode == 0 and all(name in listed.stdout for name in method_names())
    (tmp_path / "m.keras").write_bytes(b"")
    np.savez(tmp_path / "d.npz", **arrays())
    for args in (("-m", "prun"), ("-m", "prune", "--amount", "2"), ("-m", "prune", "--alpha", "0.5")):
        done = run("m.keras", *args, "--data", "d.npz")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 2 and not done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npz", "m.keras"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "kind", "options"),
    [
        ("qat", "LSTM", {"units": 4}),
        ("qat", "GRU", {"units": 4}),
        ("qat", "Conv1D", {"filters": 4, "kernel_size": 3}),
        ("qat", "Rescaling", {"scale": 0.5}),
        ("qat", "BatchNormalization", {}),
        ("prune", "PReLU", {}),
        ("prune", "TimeDistributed", {}),
    ],
)
def test_a_model_that_a_method_cannot_take_is_refused_with_the_layer_named(method, kind, options):
    k = tf_keras()
    layers = k.layers
    layer = getattr(layers, kind)(*([layers.Dense(2)] if kind == "TimeDistributed" else []), **options, name="odd")
    model = k.Sequential([k.Input((8, 3)), layer, layers.Flatten(), layers.Dense(2, name="even")])
    with pytest.raises(InputError) as caught:
        load_method(method).check(model)
    assert f"layer 'odd' ({kind}" in caught.value.message and "even" not in caught.value.message


@pytest.mark.slow
def test_nested_models_and_activations_are_named_too():
    k = tf_keras()
    layers = k.layers
    inner = k.Sequential([k.Input((4,)), layers.Dense(3)], name="inner")
    for odd, says in ((inner, "'inner' (Sequential)"), (layers.Dense(3, "elu", name="odd"), "'odd' (Dense, elu)")):
        model = k.Sequential([k.Input((4,)), odd, layers.Dense(2)])
        with pytest.raises(InputError) as caught:
            load_method("qat").check(model)
        assert says in caught.value.message
        load_method("prune").check(model)


@pytest.mark.slow
def test_a_student_keeps_the_outputs_and_what_cannot_be_narrowed_is_refused():
    k = tf_keras()
    from microgen.compression.narrow import narrowed

    layers = k.layers
    given = k.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(given)
    x = layers.Add()([layers.DepthwiseConv2D(3, padding="same")(x), layers.Conv2D(8, 1)(x)])
    x = layers.Softmax()(layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    student = narrowed(k.Model(given, x), 0.5)
    assert student.output_shape == (None, 5)
    assert [y.filters for y in student.layers if type(y).__name__ == "Conv2D"] == [4, 4]
    odd = layers.Flatten()(layers.Add()([given, layers.Conv2D(3, 1, name="residual")(given)]))
    with pytest.raises(InputError, match="cannot be narrowed") as caught:
        narrowed(k.Model(given, layers.Dense(2)(odd)), 0.67)
    assert "student=FILE" in caught.value.hint


@pytest.mark.slow
def test_a_model_that_ends_in_a_nested_one_keeps_its_outputs_and_channels_turned_into_rows_are_refused():
    k = tf_keras()
    from microgen.compression.narrow import narrowed

    layers = k.layers
    inner = k.Sequential([k.Input((4,)), layers.Dense(6), layers.Dense(3), layers.Softmax()], name="inner")
    student = narrowed(k.Sequential([k.Input((4,)), inner]), 0.5)
    assert [layer.units for layer in student.get_layer("inner").layers[:2]] == [3, 3]
    turned = k.Sequential([k.Input((6, 4)), layers.Conv1D(8, 1), layers.Permute((2, 1)), layers.Dense(3)])
    with pytest.raises(InputError, match=r"its output would be \[4, 3\], not \[8, 3\]") as caught:
        narrowed(turned, 0.5)
    assert "student=FILE" in caught.value.hint


@pytest.mark.slow
def test_a_softmax_is_found_at_the_end_of_a_model():
    k = tf_keras()
    layers = k.layers

    def from_logits(*last):
        return task_from_data(read_data(arrays(), 0), k.Sequential([k.Input((4,)), *last])).from_logits

    assert from_logits(layers.Dense(3)) and not from_logits(layers.Dense(3, "softmax"))
    assert not from_logits(layers.Dense(3), layers.Softmax())
    assert not from_logits(k.Sequential([k.Input((4,)), layers.Dense(3), layers.Softmax()]))


def lesson(loss, from_logits=False):
    """What a student and its teacher answer to 20 samples, and the task: 3 classes, or 3 values."""
    student, teacher, values = np.random.default_rng(1).normal(size=(3, 20, 3)).astype(np.float32)
    x, y = np.zeros((20, 4), np.float32), values if loss == "mse" else np.arange(20) % 3
    return student, teacher, Task(x, y, x, y, loss, ACCURACY, from_logits)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("from_logits", [True, False])
def test_a_student_of_classes_learns_from_both_softmaxes_at_a_temperature(from_logits):
    """Hinton et al., 2015: cross-entropy with the classes, and with the teacher, both divided by T, times T squared."""
    tf_keras()
    from microgen.compression.methods import distill

    student, teacher, task = lesson("sparse_categorical_crossentropy", from_logits)
    step = Step("distill", 0.5, {"alpha": 0.25, "temperature": 3.0})
    given = [x if from_logits else softmax(x) for x in (student, teacher)]
    found = distill._class_loss(task, step)(distill._class_targets(task, given[1]), given[0])
    hard = -np.log(softmax(student)[np.arange(20), task.train_y])
    soft = -(softmax(teacher / 3) * np.log(softmax(student / 3))).sum(axis=1) * 9
    np.testing.assert_allclose(found, 0.25 * hard + 0.75 * soft, rtol=1e-4)


@pytest.mark.slow
def test_a_student_of_values_learns_from_their_squared_difference():
    tf_keras()
    from microgen.compression.methods import distill

    student, teacher, task = lesson("mse")
    step = Step("distill", 0.5, {"alpha": 0.25, "temperature": 3.0})
    found = distill._value_loss(task, step)(distill._value_targets(task, teacher), student)
    expected = 0.25 * ((task.train_y - student) ** 2).mean() + 0.75 * ((teacher - student) ** 2).mean()
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_student_from_a_file_has_the_inputs_and_outputs_of_its_teacher(tmp_path):
    tf_keras()
    from microgen.compression.methods import distill

    def network(takes, gives):
        return keras().Sequential([keras().Input((takes,)), keras().layers.Dense(gives)])

    for name, sizes in (("same", (4, 3)), ("wide", (5, 3)), ("many", (4, 2))):
        network(*sizes).save(tmp_path / f"{name}.keras")
    teacher = tf_keras().Sequential([tf_keras().Input((4,)), tf_keras().layers.Dense(3)])
    found = distill.student_of(teacher, Step("distill", 0.5, {"student": str(tmp_path / "same.keras")}))
    assert found.count_params() == 4 * 3 + 3
    for name, says in (("wide", r"takes \[5\], the teacher \[4\]"), ("many", r"gives \[2\], the teacher \[3\]")):
        with pytest.raises(InputError, match=f"{name}.keras: the student {says}"):
            distill.student_of(teacher, Step("distill", 0.5, {"student": str(tmp_path / f"{name}.keras")}))


@pytest.mark.slow
def test_every_kernel_is_clustered_and_a_model_without_one_is_refused():
    k = tf_keras()
    layers = k.layers
    model = k.Sequential([k.Input((2,)), layers.Dense(1, name="two"), layers.Dense(16, "relu"), layers.Dense(3)])
    model.get_layer("two").set_weights([np.array([[1.0], [-1.0]], np.float32), np.array([0.5], np.float32)])
    task = task_from_data(read_data(arrays(shape=(2,)), 0), model, epochs=1)
    found = load_method("cluster").apply(model, task, Step("cluster", 4))
    assert [min(np.unique(layer.kernel).size, 3) for layer in found.layers] == [2, 3, 3]
    assert all(np.unique(layer.kernel).size <= 4 for layer in found.layers)
    [(kernel, count)] = clustered(found)  # the others have too few weights to tell
    assert kernel.variable.shape == (16, 3) and 3 <= count <= 4, "with or without zero among them"
    with pytest.raises(InputError, match="no trainable layer has a kernel"):
        load_method("cluster").check(k.Sequential([k.Input((2,)), layers.PReLU()]))


@pytest.mark.slow
def test_models_that_cannot_be_compressed_are_refused(tmp_path):
    k = keras()
    tf_keras()
    from microgen.compression.job import CompressRequest, compress_job

    layers, image = k.layers, k.Input((4,))
    k.Model(image, [layers.Dense(3)(image), layers.Dense(2)(image)], name="two").save(tmp_path / "two.keras")
    k.Sequential([layers.Dense(3)], name="open").save(tmp_path / "open.keras")
    for name, says in (("two", "'two' has 1 inputs and 2 outputs"), ("open", "'open' has no input with a known shape")):
        with pytest.raises(InputError, match=says):
            compress_job(CompressRequest(tmp_path / f"{name}.keras", (), {}, None, 1, 1, 0, False, False))
    own = k.Sequential([k.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(3)], name="own")
    for options in ({"model": own}, {"model": tmp_path / "two.keras", "methods": "distill", "student": own}):
        with pytest.raises(InputError, match="model 'own': compression does not support custom layers or functions"):
            microgen.compress(**{"methods": "prune", "data": arrays(), **options})


@pytest.mark.slow
def test_a_regression_learns_from_a_teacher_and_is_averaged_with_models_given_as_objects():
    k = tf_keras()

    def network(name, *widths):
        hidden = [k.layers.Dense(width, "relu") for width in widths]
        return k.Sequential([k.Input((4,)), *hidden, k.layers.Dense(2)], name=name)

    data = {"x": arrays()["x"], "y": arrays()["x"][:, :2]}
    chosen = {"student": network("pupil", 5), "other": network("third", 7)}
    found = microgen.compress(network("teacher", 32, 32), ["distill", "merge"], data, epochs=1, **chosen)
    assert found.metric == MEAN_ABSOLUTE_ERROR and found.before.macs == 4 * 32 + 32 * 32 + 32 * 2
    assert found.after.macs == (4 * 5 + 5 * 2) + (4 * 7 + 7 * 2)
    recorded = [step["options"] for step in found.quantized.record["compression"]]
    assert (recorded[0]["student"], recorded[1]["other"]) == ("pupil", "third") and json.dumps(found.to_json())


@pytest.mark.slow
def test_without_a_model_the_recipe_is_trained_first(tmp_path, monkeypatch):
    tf_keras()
    trained = []

    def train(name, **options):
        trained.append(microgen.train(name, epochs=1, **options))
        return trained[-1]

    monkeypatch.setattr(run, "train", train)
    monkeypatch.chdir(tmp_path)
    arguments = ["compress", "--recipe", "sine", "-m", "prune:0.5", "--epochs", "1", "--seed", "3", "--json"]
    done = CliRunner().invoke(app, arguments)
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and found["out"] == "sine_prune.keras" and found["seed"] == trained[0].seed == 3
    assert found["before"]["float_score"] == pytest.approx(trained[0].float_score, rel=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sine_prune.keras", "sine_prune.tflite"]
    assert (tmp_path / "sine_prune.tflite").stat().st_size == found["after"]["tflite_bytes"]


@pytest.mark.slow
def test_a_recurrent_model_is_pruned_with_its_dropout():
    tf_keras()
    k = keras()
    from microgen.frontends.keras.carry import to_tf_keras

    layers = k.layers
    model = to_tf_keras(
        k.Sequential([k.Input((6, 4)), layers.Dropout(0.5), layers.LSTM(8), layers.Dense(3, "softmax")])
    )
    task = task_from_data(read_data(arrays(shape=(6, 4)), 0), model, epochs=2)
    runs = [np.asarray(model(task.train_x, training=True)) for _ in range(2)]
    assert (runs[0] != runs[1]).any()
    pruned = load_method("prune").apply(model, task, Step("prune", 0.75))
    kernels = [w for w in pruned.get_weights() if w.ndim == 2]
    assert len(kernels) == 3 and all((w == 0).mean() == 0.75 for w in kernels)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path):
    tf_keras()
    k = keras()
    layers = k.layers
    model = k.Sequential([k.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3)], name="net")
    chain = ["channel-prune:0.3", "prune:0.5", "cluster:4", "qat"]
    found = [microgen.compress(model, chain, arrays(), epochs=1, seed=7, out=tmp_path / f"{k}.keras") for k in range(2)]
    assert found[0].keras == found[1].keras == (tmp_path / "0.keras").read_bytes()
    assert found[0].quantized.model.data == found[1].quantized.model.data == (tmp_path / "1.tflite").read_bytes()
    assert {**found[0].to_json(), "model": 0} == {**found[1].to_json(), "model": 0}
    assert found[0].quantized.record["compression"][1] == {"method": "prune", "amount": 0.5, "options": {}}


@pytest.mark.slow
def test_quantization_aware_training_needs_no_calibration_data_after_it(digits, some_digits, tmp_path):
    found = microgen.compress(digits, "qat", some_digits, epochs=1, out=tmp_path / "q.keras")
    assert found.after.tflm_score >= found.before.tflm_score - 0.02
    assert found.after.parameters == found.before.parameters
    assert found.quantized.model.inputs[0].name == "image"
    # It has learned its ranges, and needs no calibration data.
    project = builds_and_verifies(tmp_path / "q.keras", tmp_path)
    assert (project / "model.tflite").read_bytes() == (tmp_path / "q.tflite").read_bytes()
    with pytest.raises(InputError, match="trained for int8, not for int16x8"):
        microgen.quantize(tmp_path / "q.keras", scheme="int16x8")
    with pytest.raises(InputError, match="is already quantization-aware"):
        microgen.compress(tmp_path / "q.keras", "prune", recipe="digits")


@pytest.mark.slow
def test_quantization_aware_training_starts_from_the_ranges_of_the_data():
    k = tf_keras()
    from microgen.compression.methods import qat

    layers = k.layers
    given = k.Input((8, 8, 1))
    x = layers.ReLU(name="relu")(layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(given)))
    x = layers.Dense(3, "softmax", name="kind")(layers.Dropout(0.5)(layers.Flatten()(x)))
    model = k.Model(given, x)
    data = np.random.default_rng(0).random((250, 8, 8, 1)).astype(np.float32) / 50
    wrapped = qat.quantization_aware(model)
    before = values(wrapped)
    qat.calibrate(wrapped, data)
    after = values(wrapped)
    assert all((after[name] == before[name]).all() for name in before if not name.endswith(RANGES))
    reached = k.Model(given, model.get_layer("relu").output).predict(data, verbose=0).max()
    assert 0 < reached < 0.1 and after["quant_relu/output_max:0"] == pytest.approx(reached, rel=0.02)
    assert after["quant_relu/output_min:0"] == 0 and after["quant_kind/pre_activation_max:0"] < 0.1
    assert np.abs(wrapped.predict(data, verbose=0) - model.predict(data, verbose=0)).max() < 1e-3


def values(model):
    return {w.name: w.numpy() for w in model.weights}


@pytest.mark.slow
def test_quantization_aware_training_of_a_regression_is_better_than_quantization_after_training():
    k = tf_keras()
    k.utils.set_random_seed(0)
    x = np.random.default_rng(0).uniform(0, 2 * np.pi, (1500, 1)).astype(np.float32)
    hidden = [k.layers.Dense(16, "relu") for _ in range(2)]
    model = k.Sequential([k.Input((1,)), *hidden, k.layers.Dense(1)], name="wave")
    model.compile(k.optimizers.Adam(0.01), "mse")
    model.fit(x, np.sin(x), epochs=20, batch_size=64, verbose=0)
    found = microgen.compress(model, "qat", {"x": x, "y": np.sin(x)})
    assert found.metric == MEAN_ABSOLUTE_ERROR and found.after.tflm_score < found.before.tflm_score


@pytest.mark.slow
def test_quantization_aware_training_keeps_zeros_and_clusters(digits, some_digits, tmp_path):
    """What accuracy each method costs, over several seeds, is in benchmarks/compression.py."""
    tf_keras()
    from microgen.frontends.keras.carry import as_tf_keras
    from microgen.frontends.keras.loading import load_keras

    model = as_tf_keras(load_keras(digits))  # a tf_keras object is taken as a Keras 3 file is
    epochs = []
    chain = ["prune:0.8", "cluster:8", "qat"]
    found = microgen.compress(model, chain, some_digits, epochs=1, on_epoch=lambda *x: epochs.append(x))
    assert epochs and all(total == 3 for _, total in epochs)
    assert json.dumps(found.to_json()) and found.after.macs == found.before.macs
    assert found.after.tflm_score >= found.before.tflm_score - 0.05
    assert 0.75 < found.pruning_ratio < 0.8 and found.compression_ratio < 0.5
    kernels = [t for t in constants(found.quantized.model) if t.dtype == np.int8 and t.size > 64]
    assert kernels and all((t == 0).mean() > 0.75 and np.unique(t).size <= 8 for t in kernels)
    builds_and_verifies(found.quantized, tmp_path)


@pytest.mark.slow
def test_a_student_is_narrower_and_learns(digits, some_digits, tmp_path):
    found = microgen.compress(digits, "distill:0.5", some_digits, epochs=2, out=tmp_path / "s.keras")
    assert found.after.macs < 0.3 * found.before.macs and found.after.arena_bytes < found.before.arena_bytes
    assert found.after.tflm_score > 0.8
    builds_and_verifies(found.quantized, tmp_path)


def builds_and_verifies(model, folder, **options):
    """Every compressed model goes on to a project whose firmware computes what TFLM does."""
    needs_host()
    built = microgen.build(model, "esp32", out=folder / "project", samples=10, **options)
    assert built.verdict.passed and built.verdict.firmware == "equal"
    return built.project


def weights(path):
    """The weights of a .keras file."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as stored:
        found = []
        stored.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def constants(model):
    """The constant tensors of a .tflite."""
    return [
        np.frombuffer(model.data[t.offset : t.offset + t.size], t.dtype) for t in model.main.tensors if t.is_constant
    ]
