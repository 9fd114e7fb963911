"""Keras 3 models carried over to tf_keras: equal to the last bit, or refused by the layer's name."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.errors import InputError
from tests.frontends.keras.test_conversion import SERIES, branches, conv1d, ds_cnn, two_by_two
from tests.support.keras_tools import keras, quantize, sequential, tf_keras

pytestmark = pytest.mark.slow


def twice():
    """One dense layer on two inputs."""
    k = keras()
    left, right, dense = k.Input((6,), name="left"), k.Input((6,), name="right"), k.layers.Dense(3, "tanh", name="both")
    return k.Model([left, right], k.layers.Subtract()([dense(left), dense(right)]))


CARRIED = {
    "branches": branches,
    "DS-CNN": ds_cnn,
    "Conv1D": conv1d,
    "two": two_by_two,
    "LSTM": lambda: sequential(keras().layers.LSTM(5, return_sequences=True), keras().layers.LSTM(4), shape=(12, 4)),
    "GRU": lambda: sequential(keras().layers.GRU(4), shape=(12, 4)),
    "Bidirectional": lambda: sequential(keras().layers.Bidirectional(keras().layers.LSTM(3)), shape=(12, 4)),
    "TimeDistributed": lambda: sequential(keras().layers.TimeDistributed(keras().layers.Dense(3)), shape=(12, 4)),
    "nested": lambda: sequential(branches()),
    "a layer called twice": twice,
    "leaky": lambda: sequential(
        keras().layers.LeakyReLU(0.1), keras().layers.Dense(3, activation=keras().layers.LeakyReLU(0.02)), shape=(6,)
    ),
    "activations": lambda: sequential(
        keras().layers.Dense(4, "leaky_relu"), keras().layers.Activation("relu6"),
        keras().layers.Dense(3, activation=keras().layers.ReLU(max_value=0.5)), shape=(6,),
    ),
    "separable": lambda: sequential(
        keras().layers.SeparableConv2D(4, 3, activation="relu"), keras().layers.PReLU(shared_axes=[1, 2]),
        keras().layers.Conv2DTranspose(3, 3), keras().layers.ZeroPadding2D(1), keras().layers.LeakyReLU(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_carried_models_compute_the_same(name):
    from microgen.frontends.keras.carry import to_tf_keras

    ours = CARRIED[name]()
    rng = np.random.default_rng(1)
    ours.set_weights([rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) for w in ours.get_weights()])
    theirs = to_tf_keras(ours, batch=1)
    assert isinstance(theirs, tf_keras().Model)
    for _ in range(2):
        given = [rng.normal(size=(1, *t.shape[1:])).astype(np.float32) for t in ours.inputs]
        given = given if len(given) > 1 else given[0]
        for a, b in zip(
            keras().tree.flatten(ours(given, training=False)),
            keras().tree.flatten(theirs(given, training=False)),
            strict=True,
        ):
            # Not to the last bit: on some CPUs Eigen sums a TimeDistributed layer's product in another order.
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-6)


def test_what_cannot_be_carried_is_listed():
    from microgen.frontends.keras.carry import to_tf_keras, unsupported

    k = keras()
    x = k.Input((12, 4), name="x")
    model = k.Model(x, k.ops.relu(k.layers.RMSNormalization(name="odd")(x)))
    found = unsupported(model)
    assert any("'odd' (RMSNormalization)" in line for line in found) and any("keras.ops.relu" in x for x in found)
    with pytest.raises(InputError, match="cannot be carried over to tf_keras"):
        to_tf_keras(model)


def nested_function():
    k = keras()
    x, y = k.Input((6,)), k.Input((6,))
    inner = k.Model(x, k.ops.relu(k.layers.Dense(3)(x)))
    return k.Model(y, k.layers.Dense(2)(inner(y)))


def other_way_back():
    L = keras().layers
    back = L.LSTM(3, go_backwards=True, activation="relu")
    return sequential(L.Bidirectional(L.LSTM(3), backward_layer=back), shape=(12, 4))


REFUSED = {
    "a function in a model in the model": (nested_function, r"'relu\w*' \(the function keras\.ops\.relu\)"),
    "an activation of Keras 3 alone": (
        lambda: sequential(keras().layers.Dense(3, "hard_silu", name="odd"), shape=(6,)),
        r"layer 'odd' \(Dense\) cannot be carried over to tf_keras: Unknown activation function 'hard_silu'",
    ),
    "other weights": (
        lambda: sequential(keras().layers.LayerNormalization(rms_scaling=True, name="odd"), shape=(6,)),
        r"layer 'odd' \(LayerNormalization\) cannot be carried over to tf_keras: .* a weight list of length 1",
    ),
    "another layer for the way back": (other_way_back, r"computes something else in tf_keras \(off by 0\.\d+\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_tf_keras_takes_otherwise_is_refused(name):
    from microgen.frontends.keras.carry import to_tf_keras

    make, says = REFUSED[name]
    with pytest.raises(InputError, match=says) as caught:
        to_tf_keras(make())
    assert "layers that tf_keras has" in caught.value.hint


def test_a_model_that_converts_over_tf_keras_alone_is_refused_by_the_layer_that_it_lacks():
    L = keras().layers
    with pytest.raises(InputError, match="layer 'odd'"):
        quantize(sequential(L.LSTM(4), L.Dense(3, "hard_silu", name="odd"), shape=(12, 4)), SERIES)
