"""The inputs of a verification: what each kind of input is fed, and data that does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.devices import connected
from microgen.errors import InputError
from microgen.tflite import parse
from microgen.verification import EngineRun, make_samples, quantize_samples, real_values
from microgen.verification.samples import output_lsb, quantize
from tests.support import models
from tests.support.projects import sources
from tests.support.serial_board import build
from tests.support.tools import needs_host


def edges_and_more(model, count=40):
    """The samples of the only input: smallest, largest, middle, and what is random."""
    (samples,) = make_samples(model, count, 0)
    assert samples.dtype == model.inputs[0].numpy_dtype and samples.shape == (count, *model.inputs[0].shape)
    edges = [np.unique(sample).tolist() for sample in samples[:3]]
    return edges, samples[3:]


def test_a_float_input_takes_what_the_quantize_behind_it_represents():
    (low, high, zero), more = edges_and_more(parse(models.float_edges()))
    assert (low, high, zero) == (pytest.approx([-132 * 0.05]), pytest.approx([123 * 0.05]), [0.0])
    assert low[0] <= more.min() < -5 and 5 < more.max() <= high[0]


def test_a_float_input_that_no_operator_quantizes_takes_minus_1_to_1():
    model = parse(models.one_operator("RELU", dtype="float32"))
    edges, more = edges_and_more(model)
    assert edges == [[-1.0], [1.0], [0.0]] and -1 <= more.min() < -0.9 and 0.9 < more.max() <= 1
    assert output_lsb(model, model.outputs[0]) == 1.0


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_an_index_takes_0_and_1(dtype):
    edges, more = edges_and_more(parse(models.layer("RESHAPE", [([1, 6], dtype)], [([6, 1], dtype)])))
    assert edges == [[0], [1], [0]] and np.unique(more).tolist() == [0, 1]


@pytest.mark.parametrize("given", ["uint8", "uint16", "int64", "uint64", "float64"])
@pytest.mark.parametrize("taken", ["int32", "int64"])
def test_indices_of_any_type_are_taken_where_the_input_has_them(given, taken):
    model = parse(models.layer("RESHAPE", [([1, 3], taken)], [([3, 1], taken)]))
    (found,) = quantize_samples(model, [np.array([[0, 7, 255], [1, 2, 3]], given)])
    assert found.dtype == taken and found.tolist() == [[[0, 7, 255]], [[1, 2, 3]]]


@pytest.mark.parametrize(
    ("taken", "values"),
    [("int32", np.array([[0, 1, 2**31]])), ("bool", np.array([[0, 1, 2]])),
     ("int32", np.array([[0, 1, 0.5]])), ("int32", np.array([[0, 1, np.nan]])), ("int64", np.array([[0, 1, 2.0**63]])),
     ("int32", np.array([["0", "1", "2"]]))],
)  # fmt: skip
def test_numbers_that_an_index_does_not_have_are_refused(taken, values):
    model = parse(models.layer("RESHAPE", [([1, 3], taken)], [([3, 1], taken)]))
    with pytest.raises(InputError, match=f"is {taken}, the data is {values.dtype}") as caught:
        quantize_samples(model, [values])
    assert caught.value.hint == f"give numbers that {taken} has"


@pytest.mark.parametrize("given", ["uint8", "int16", "int64"])
def test_integers_of_another_type_than_a_quantized_input_are_ambiguous(given):
    model = parse(models.fully_connected())
    with pytest.raises(InputError, match=f"is int8, the data is {given}(?m:$)") as caught:
        quantize_samples(model, [np.ones((2, model.inputs[0].elements), given)])
    assert "already quantized" in caught.value.hint


def test_data_for_another_number_of_inputs_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.two_by_two())
    with pytest.raises(InputError, match=r"the model has 2 inputs .*, the data 1 array ") as caught:
        microgen.quantize(tmp_path / "m.tflite", np.zeros((5, 6), np.float32))
    assert "one array per input" in caught.value.hint


def test_real_values_of_a_float_tensor_are_its_own():
    model = parse(models.float_edges())
    values = np.arange(10, dtype=np.float32).reshape(2, 1, 5)
    assert np.array_equal(real_values(model.outputs[0], values), values[:, 0])
    assert quantize_samples(model, [values[:, 0]])[0].tolist() == values.tolist()


def with_ties(scale, seed):
    """Floats of which most lie between two steps of a scale, or a bit of float32 beside that; some saturate."""
    rng = np.random.default_rng(seed)
    ties = ((rng.integers(-140, 141, 600) + 0.5) * np.float32(scale)).astype(np.float32)
    beside = [np.nextafter(ties[:100], np.float32(sign * np.inf)) for sign in (-1, 1)]
    return np.concatenate([ties, *beside, rng.normal(0, 60 * scale, 200).astype(np.float32)])


@pytest.mark.parametrize("scale", [0.5, 2.0**-7, 0.1])
@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -5), ("int8", 127), ("int16", 0)])
def test_python_quantizes_as_both_interpreters_do(scale, dtype, zero_point):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 1000], "float32"), b.tensor("y", [1, 1000], dtype, scale, zero_point)
    b.op("QUANTIZE", [x], [y])
    model = parse(b.build([x], [y]))
    values = with_ties(scale, 1).reshape(1, 1, 1000)
    with EngineRun(model, (values,)) as running:
        engines = running.result()
    wanted = quantize(model.outputs[0], values)
    for answers in (engines.reference, engines.litert):
        assert np.array_equal(wanted, answers.outputs[0])


def test_python_quantizes_as_the_firmware_does(tmp_path):
    needs_host()
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 1000], scale=0.5, zero_point=-5), b.tensor("y", [1, 1000], scale=0.6)
    b.op("QUANTIZE", [x], [y])
    project = build(tmp_path, b.build([x], [y]), "ties", verify=False)
    model = microgen.load(project / "model.tflite")
    values = with_ties(0.5, 2)
    values[:3] = np.nan, np.inf, -np.inf
    data = values.tobytes()
    with connected(sources(project), model) as client:
        client.command(f"db load {len(data)}")
        for start in range(0, len(data), 48):
            client.command(f"db {data[start : start + 48].hex()}")
        shown = "".join(line.removeprefix("m-buffer-").replace("-", "") for line in client.command("db print"))
    assert bytes.fromhex(shown) == quantize_samples(model, [values.reshape(1, 1, 1000)])[0].tobytes()
