"""The data that a compressed model is trained on: read, held out, and fitted to the model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import microgen
from microgen.compression.task import Reading, read_data, task_from_data, task_from_recipe
from microgen.datasets import InputSpec
from microgen.errors import InputError
from microgen.recipes import load_recipe
from microgen.support.metrics import ACCURACY, MEAN_ABSOLUTE_ERROR


def arrays(count=40, shape=(4,), classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.random((count, *shape)).astype(np.float32), "y": np.arange(count) % classes}


def test_a_fifth_is_held_out_and_targets_are_read_as_what_they_are():
    data = read_data(arrays(), 0)
    assert len(data["x"]) == 32 and len(data["x_test"]) == len(data["y_test"]) == 8
    assert data["y"].dtype == np.int64 and data["x"].dtype == np.float32
    one_hot = read_data({"x": arrays()["x"], "y": np.eye(3)[arrays()["y"]]}, 0)
    assert (one_hot["y"] == data["y"]).all() and (one_hot["x"] == data["x"]).all()
    assert read_data({"x": arrays()["x"], "y": arrays()["x"]}, 0)["y"].dtype == np.float32
    assert (read_data(arrays(), 1)["x_test"] != data["x_test"]).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": None}, "holds no targets 'y'"),
        ({"x": None}, "holds no array 'x'"),
        ({"y": np.arange(39)}, "40 samples in 'x', 39 in 'y'"),
        ({"x": np.full((40, 4), np.nan)}, "NaN or infinite"),
        ({"x": np.array(["a"] * 40)}, "not numbers"),
        ({"x_test": np.zeros((3, 4))}, "only one of 'x_test' and 'y_test'"),
        ({"x": np.zeros((5, 4)), "y": np.arange(5)}, "at least 10"),
        ({"x": np.zeros((0, 4)), "y": np.zeros(0)}, "'x' has no samples"),
    ],
)
def test_data_that_cannot_be_is_refused(change, says, tmp_path):
    given = {k: v for k, v in {**arrays(), **change}.items() if v is not None}
    np.savez(tmp_path / "d.npz", **given)
    for source in (given, tmp_path / "d.npz"):
        with pytest.raises(InputError) as caught:
            read_data(source, 0)
        assert says in caught.value.message + caught.value.hint


def test_a_folder_of_npy_and_targets_called_labels_are_the_same_data(tmp_path):
    given, expected = arrays(), read_data(arrays(), 0)
    np.save(tmp_path / "x.npy", given["x"])
    np.save(tmp_path / "labels.npy", given["y"])
    (tmp_path / "notes.txt").write_text("not an array")
    for source in (tmp_path, str(tmp_path), {"x": given["x"], "labels": given["y"]}):
        found = read_data(source, 0)
        assert found.keys() == expected.keys() and all((found[k] == expected[k]).all() for k in found)


@pytest.mark.parametrize("names", [("x_train", "y_train"), ("X_train", "Y_train"), ("image", "labels"), ("x", "label")])
def test_the_names_that_data_sets_have_elsewhere_are_taken(names):
    given, expected = arrays(), read_data(arrays(), 0)
    found = read_data(dict(zip(names, (given["x"], given["y"]), strict=True)), 0)
    assert found.keys() == expected.keys() and all((found[k] == expected[k]).all() for k in found)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.npz", None, "no such file"),
        ("d.npz", b"PK\x03\x04 nothing", "not an .npz or .npy of plain numbers"),
        ("d.csv", b"1,2,3", "neither an .npz nor an .npy"),
        ("", None, "holds no array 'x' (it has none)"),
    ],
)
def test_data_that_cannot_be_read_is_refused(name, content, says, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_data(tmp_path / name, 0)
    assert says in caught.value.message and "numpy.savez" in caught.value.hint


def test_classes_with_names_are_numbered_as_the_labels(tmp_path):
    rows = [f"{k},{2 * k},{'cat' if k % 3 else 'dog'}\n" for k in range(20)]
    (tmp_path / "d.csv").write_text("a,b,label\n" + "".join(rows))

    def classes(*labels):
        data = read_data(tmp_path / "d.csv", 0, Reading(labels=labels), lambda: InputSpec("in", (2,), "float32"))
        assert (data["x"][:, 1] == 2 * data["x"][:, 0]).all()
        return [int(y) for _, y in sorted(zip(data["x"][:, 0], data["y"], strict=True))]

    alphabetical = classes()
    assert set(alphabetical) == {0, 1} and classes("cat", "dog") == alphabetical
    assert classes("dog", "bird", "cat") == [2 - 2 * y for y in alphabetical]
    with pytest.raises(InputError, match="the class 'cat' is none of the labels dog, bird") as caught:
        classes("dog", "bird")
    assert caught.value.option == "labels"


def test_a_recipe_has_its_own_labels():
    with pytest.raises(InputError, match="a recipe has its own labels"):
        microgen.compress(methods="prune", recipe="digits", labels=["a"])


class Model:
    """What a task asks of a tf_keras model."""

    input_names, output_names = ("in",), ("out",)

    def __init__(self, outputs, activation):
        self.input_shape, self.output_shape = (None, 4), (None, *outputs)
        self.last = SimpleNamespace(activation=SimpleNamespace(__name__=activation))

    def get_layer(self, name):
        return self.last


def test_loss_and_metric_follow_from_targets_and_outputs():
    data = read_data(arrays(), 0)
    task = task_from_data(data, Model((3,), "softmax"), epochs=2, batch_size=10)
    assert (task.loss, task.metric, task.from_logits) == ("sparse_categorical_crossentropy", ACCURACY, False)
    assert task.updates(99) == 2 * 4 and task_from_data(data, Model((3,), "linear")).from_logits
    task = task_from_data(read_data(arrays(classes=2), 0), Model((1,), "sigmoid"))
    assert (task.loss, task.metric) == ("binary_crossentropy", ACCURACY)
    values = {**arrays(), "y": arrays()["x"]}
    task = task_from_data(read_data(values, 0), Model((2, 2), "linear"))
    assert (task.loss, task.metric, task.train_y.shape) == ("mse", MEAN_ABSOLUTE_ERROR, (32, 2, 2))
    assert ACCURACY.score(np.array([[0.9], [0.2]]), np.zeros(2), np.array([1, 1])) == 0.5


@pytest.mark.parametrize(
    ("given", "model", "says"),
    [
        (arrays(shape=(5,)), Model((3,), "softmax"), "takes samples of shape"),
        (arrays(), Model((2,), "softmax"), "classes 0 to 2"),
        (arrays(), Model((1,), "sigmoid"), "is one sigmoid"),
        ({**arrays(), "y": np.ones((40, 5), np.float32)}, Model((3,), "softmax"), "the targets 'y' have"),
        ({**arrays(), "x_test": np.ones((2, 4)), "y_test": np.ones((2, 3))}, Model((3,), "softmax"), "'y_test'"),
    ],
)
def test_data_that_does_not_fit_the_model_is_refused(given, model, says):
    with pytest.raises(InputError) as caught:
        task_from_data(read_data(given, 0), model)
    assert says in caught.value.message


def test_data_of_another_recipe_is_refused():
    with pytest.raises(InputError) as caught:
        task_from_recipe(load_recipe("sine"), Model((3,), "softmax"), seed=0)
    assert caught.value.message == "input 'in' takes samples of shape [4], the recipe 'sine' has [1]"


@pytest.mark.parametrize("name", ["x", "y"])
def test_values_that_float32_cannot_hold_are_refused(name):
    data = {"x": np.ones((20, 2)), "y": np.linspace(0, 1, 20)}
    data[name] = data[name] * 1e300
    with pytest.raises(InputError, match=f"'{name}' has values outside the range of float32"):
        read_data(data, 0)
