"""Channel pruning: what leaves together, what stays, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.errors import InputError
from microgen.tflite.macs import model_macs
from tests.support.keras_tools import quantize, tf_keras

pytestmark = pytest.mark.slow


def randomise(model, seed):
    """Give every weight a value, so that no bias and no moving mean is 0 by chance."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([
            rng.uniform(0.5, 1.5, w.shape) if "variance" in v.name or "gamma" in v.name else rng.normal(0, 0.5, w.shape)
            for v, w in zip(layer.weights, layer.get_weights(), strict=True)
        ])  # fmt: skip
    return model


def random_network(seed):
    """A network of branches, residual adds, products, concatenations, depthwise layers and reshapes."""
    k, rng = tf_keras(), np.random.default_rng(seed)
    L = k.layers

    def block(x, filters=None):
        filters = filters or int(rng.integers(3, 9))
        kind = rng.integers(5)
        if kind == 0:
            x = L.SeparableConv2D(filters, 3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(x)
        elif kind == 1:
            x = L.Conv2DTranspose(filters, 3, padding="same", use_bias=bool(rng.integers(2)))(x)
        else:
            x = L.Conv2D(filters, 3, padding="same", use_bias=bool(rng.integers(2)))(x)
        if rng.integers(2):
            x = L.BatchNormalization(scale=bool(rng.integers(2)))(x)
        x = L.PReLU(shared_axes=[1, 2])(x) if rng.integers(4) == 0 else L.ReLU()(x)
        if rng.integers(3) == 0:
            x = L.ReLU()(L.DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(x))
        return x

    image = k.Input((8, 8, 3))
    x = block(image)
    for _ in range(int(rng.integers(2, 5))):
        kind, channels = rng.integers(5), x.shape[-1]
        other = block(x)
        if kind == 0 and other.shape[-1] == channels:
            x = L.Add()([x, other])
        elif kind == 1:
            joined = L.Conv2D(channels, 1, use_bias=False)(other)
            x = rng.choice([L.Add(), L.Subtract(), L.Maximum(), L.Multiply(), L.Average()])([x, joined])
        elif kind == 2:
            x = L.Concatenate()([x, other])
        elif kind == 3:
            shrunk = L.Dense(channels, activation="sigmoid", use_bias=False)(L.GlobalAveragePooling2D()(other))
            x = L.Multiply()([x, L.Reshape((1, 1, channels))(shrunk)])
        else:
            x = L.MaxPooling2D(padding="same")(other)
    x = rng.choice([L.Flatten(), L.GlobalAveragePooling2D(), L.GlobalMaxPooling2D()])(x)
    x = L.Dense(12, activation="relu")(x)
    if rng.integers(2):
        x = L.Flatten()(L.Conv2D(4, 1, activation="relu")(L.Reshape((2, 2, 3))(x)))
    outputs = [L.Dense(3)(x)]
    if rng.integers(2):
        outputs.append(L.Dense(2, activation="softmax")(x))
    return randomise(k.Model(image, outputs), seed)


def silenced(model, coupling, removed):
    """The same model with the removed channels 0 wherever a layer makes them: what pruning has to compute."""
    twin = tf_keras().models.clone_model(model)
    twin.set_weights(model.get_weights())
    for layer, copy in zip(model.layers, twin.layers, strict=True):
        use = coupling.uses.get(id(layer))
        if use is None or type(layer).__name__ == "PReLU":
            continue
        gone = ~coupling.kept(use.gives, removed)
        for name in ("kernel", "pointwise_kernel", "bias", "gamma", "beta", "moving_mean"):
            variable = getattr(copy, name, None)
            if variable is not None:
                values = variable.numpy()
                if "Transpose" in type(layer).__name__ and name == "kernel":
                    values[:, :, gone, :] = 0
                else:
                    values[..., gone] = 0
                variable.assign(values)
    return twin


def outputs(model, x):
    found = model(x, training=False)
    return [np.asarray(y) for y in (found if isinstance(found, (list, tuple)) else [found])]


@pytest.mark.parametrize("seed", range(12))
def test_a_pruned_network_computes_what_the_whole_does_with_those_channels_zero(seed):
    from microgen.compression import channels, coupling

    model = random_network(seed)
    found = coupling.couple(model)
    score = channels.importance(found)
    x = np.random.default_rng(seed).normal(size=(4, 8, 8, 3)).astype(np.float32)
    for amount in (0.15, 0.4):
        try:
            removed = channels.choose(model, found, amount)
        except InputError as error:
            assert "at most" in error.message
            continue
        assert removed and removed <= set(score)
        pruned = channels.without(model, found, removed)
        expected = outputs(silenced(model, found, removed), x)
        for ours, theirs in zip(outputs(pruned, x), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
        assert pruned.count_params() < model.count_params()
        left = channels.macs(coupling.couple(pruned))
        assert left == channels.macs(found, removed) <= (1 - amount) * channels.macs(found)


def plain(*layers, shape=(8, 8, 3), seed=0):
    k = tf_keras()
    return randomise(k.Sequential([k.Input(shape, name="x"), *layers]), seed)


def pruned(model, amount=0.5):
    from microgen.compression import channels, coupling

    found = coupling.couple(model)
    return channels.without(model, found, channels.choose(model, found, amount))


def test_the_multiply_accumulates_are_those_of_the_tflite():
    from microgen.compression import channels, coupling

    for seed in (3, 5):
        model = random_network(seed)
        for m in (model, pruned(model)):
            made = quantize(m, np.random.default_rng(0).normal(size=(10, 8, 8, 3)).astype(np.float32)).model
            assert model_macs(made) == channels.macs(coupling.couple(m))


def test_the_weakest_filters_leave_and_each_layer_loses_the_same_share():
    L = tf_keras().layers
    model = plain(
        L.Conv2D(8, 3, use_bias=False, name="a"), L.BatchNormalization(name="n"), L.ReLU(),
        L.Conv2D(16, 1, name="b"), L.ReLU(), L.GlobalAveragePooling2D(), L.Dense(4, name="out"),
    )  # fmt: skip
    # Filters as strong as each other, which batch normalization makes weak or strong.
    model.get_layer("a").set_weights([np.sign(model.get_layer("a").kernel.numpy())])
    model.get_layer("n").set_weights([np.array([8, 1, 7, 2, 6, 3, 5, 4]), *([np.ones(8)] * 3)])
    small = pruned(model)
    np.testing.assert_array_equal(small.get_layer("n").gamma.numpy(), [8, 7, 6, 5, 4][: small.get_layer("a").filters])
    assert small.get_layer("a").filters / 8 == pytest.approx(small.get_layer("b").filters / 16, abs=1 / 8)
    assert small.get_layer("out").units == 4


def test_a_shared_layer_is_pruned_once_for_all_its_calls():
    k = tf_keras()
    L = k.layers
    left, right = k.Input((8, 8, 3)), k.Input((8, 8, 3))
    tower = [L.Conv2D(6, 3, activation="relu", name="shared"), L.Conv2D(5, 3, activation="relu", name="second")]
    sides = []
    for x in (left, right):
        for layer in tower:
            x = layer(x)
        sides.append(L.Flatten()(x))
    model = randomise(k.Model([left, right], L.Dense(3, name="out")(L.Subtract()(sides))), 1)
    from microgen.compression import channels, coupling

    found = coupling.couple(model)
    removed = channels.choose(model, found, 0.4)
    small = channels.without(model, found, removed)
    assert len([x for x in small.layers if x.name == "shared"]) == 1 and small.get_layer("shared").filters < 6
    x = [np.random.default_rng(s).normal(size=(2, 8, 8, 3)).astype(np.float32) for s in (0, 1)]
    expected = silenced(model, found, removed)(x, training=False)
    np.testing.assert_allclose(small(x, training=False), expected, rtol=1e-4, atol=1e-4)


def test_an_unknown_layer_holds_only_what_it_touches():
    L = tf_keras().layers
    model = plain(
        L.Conv2D(6, 3, activation="relu", name="free"), L.Conv2D(6, 3, activation="relu", name="held"),
        L.LayerNormalization(name="norm"), L.Flatten(), L.Dense(3, name="out"),
    )  # fmt: skip
    small = pruned(model, 0.3)
    assert small.get_layer("free").filters < 6 and small.get_layer("held").filters == 6


def mask_of_one_channel(L, image):
    x = L.Conv2D(6, 3, padding="same", activation="relu", name="a")(image)
    return L.Multiply(name="times")([x, L.Conv2D(1, 1, activation="sigmoid", name="b")(image)])


def rows_of_two(L, image):
    sides = [L.Conv2D(6, 3, padding="same", activation="relu", name=name)(image) for name in "ab"]
    return L.Concatenate(axis=1)(sides)


def grouped(L, image):
    x = L.Conv2D(6, 3, padding="same", activation="relu", name="a")(image)
    return L.Conv2D(6, 1, activation="relu", name="c")(L.Conv2D(6, 3, groups=2, name="b")(x))


def softmax_between(L, image):
    x = L.Activation("softmax", name="soft")(L.Conv2D(6, 3, padding="same", name="b")(image))
    return L.Conv2D(6, 1, activation="relu", name="a")(x)


def recurrent(L, image):
    x = L.Conv1D(6, 3, activation="relu", name="a")(L.Reshape((16, 12))(image))
    return L.LSTM(5, name="b")(x)


@pytest.mark.parametrize(
    ("network", "filters", "says"),
    [
        (mask_of_one_channel, {"a": 4, "b": 1}, "'times' copies one channel to many"),
        (rows_of_two, {"a": 4, "b": 4}, ""),
        (grouped, {"a": 6, "b": 6, "c": 4}, "'b' (Conv2D) may mix its channels"),
        (softmax_between, {"a": 4, "b": 6}, "'soft' (Activation) may mix its channels"),
        (recurrent, {"a": 4}, "'b' (LSTM) needs all its channels"),
    ],
)
def test_what_holds_channels_and_what_lets_them_go(network, filters, says):
    from microgen.compression import channels, coupling

    k = tf_keras()
    image = k.Input((8, 8, 3))
    model = randomise(k.Model(image, k.layers.Dense(3, name="out")(k.layers.Flatten()(network(k.layers, image)))), 2)
    found = coupling.couple(model)
    assert says in "; ".join(found.refusals)
    # Two of the six channels that are free, whatever they are worth.
    free = sorted(channels.importance(found))
    removed = frozenset(free[:2])
    small = channels.without(model, found, removed)
    assert len(free) == 6 and {name: small.get_layer(name).filters for name in filters} == filters
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    expected = outputs(silenced(model, found, removed), x)[0]
    np.testing.assert_allclose(outputs(small, x)[0], expected, rtol=1e-4, atol=1e-4)


def test_multiply_accumulates_of_a_recurrent_layer():
    """Its kernel and its recurrent kernel, four gates each, at each of the steps."""
    from microgen.compression import channels, coupling

    L = tf_keras().layers
    model = plain(L.LSTM(5, name="l"), L.Dense(3, name="out"), shape=(6, 4))
    assert channels.macs(coupling.couple(model)) == 6 * 4 * 5 * (4 + 5) + 5 * 3


def test_a_reshape_of_open_size_holds_its_channels():
    from microgen.compression import coupling

    k = tf_keras()
    series = k.Input((None, 8))
    x = k.layers.Reshape((-1, 4), name="open")(k.layers.Dense(8)(series))
    refusals = coupling.couple(k.Model(series, k.layers.Dense(2)(x))).refusals
    assert refusals[0] == "'open' (Reshape) may mix its channels"


def test_a_channel_too_much_in_the_first_step_leaves_none_to_the_others():
    from microgen.compression import channels

    L = tf_keras().layers
    seen = []
    channels.channel_prune(
        plain(L.Dense(4, "relu", name="a"), L.Dense(3, name="out"), shape=(5,)),
        0.1,
        lambda model, step, steps: seen.append((step, steps, model.get_layer("a").units)),
        3,
    )
    assert seen == [(1, 3, 3), (2, 3, 3), (3, 3, 3)]


def test_refusals_name_the_layers():
    from microgen.compression import channels, coupling

    L = tf_keras().layers
    held = plain(L.Conv2D(6, 3, name="c"), L.Softmax(name="soft"), L.Flatten(), L.Dense(3, name="out"))
    with pytest.raises(InputError) as refused:
        channels.check_removable_channels(held, coupling.couple(held))
    assert "'soft' (Softmax) may mix its channels; 'out' is the model's output" in refused.value.message
    much = plain(L.Dense(4, name="a"), L.Dense(3, name="out"), shape=(5,))
    with pytest.raises(
        InputError, match=r"at most 75 % of its multiply-accumulates can be removed, 90 % were requested"
    ):
        pruned(much, 0.9)
