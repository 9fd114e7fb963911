"""Low-rank factorization: exact at full rank, as small as asked for, and never larger than before."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.compression.methods import load_method
from microgen.compression.steps import read_steps
from microgen.compression.task import read_data, task_from_data
from microgen.errors import InputError
from tests.compression.test_channels import outputs, random_network, randomise
from tests.support.keras_tools import keras, tf_keras

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def free_operators(monkeypatch):
    """Small networks: let a split pay that saves a single weight."""
    keras()
    from microgen.compression import low_rank

    monkeypatch.setattr(low_rank, "OPERATOR_BYTES", 0)


def all_kinds():
    """Strides, dilations, both paddings and biases; two-dimensional, one-dimensional and dense."""
    k = tf_keras()
    L = k.layers
    image = k.Input((12, 12, 3))
    x = L.Conv2D(10, (3, 5), (2, 1), padding="same", activation="relu", name="uneven")(image)
    x = L.Conv2D(8, 3, dilation_rate=2, use_bias=False, name="dilated")(x)
    x = L.Conv2D(12, 1, activation="tanh", name="point")(x)
    x = L.Reshape((-1, 12))(x)
    x = L.Conv1D(9, 5, padding="causal", dilation_rate=2, activation="relu", name="series")(x)
    x = L.Dense(16, activation="relu", name="each")(x)
    return randomise(k.Model(image, L.Dense(5, activation="softmax", name="last")(L.Flatten()(x))), 0)


def test_at_full_rank_every_split_of_every_layer_computes_the_same():
    from microgen.compression import low_rank
    from microgen.compression.graph import copy_of, rebuild

    model = all_kinds()
    x = np.random.default_rng(0).normal(size=(4, 12, 12, 3)).astype(np.float32)
    expected = outputs(model, x)[0]
    tried = 0
    for layer in model.layers:
        for split in low_rank.splits(layer):

            def make(other, split=split):
                same = other is split.layer
                return split.layers(len(split.values)) if same else [(copy_of(other), other.get_weights())]

            whole = rebuild(model, make)
            assert len(whole.layers) == len(model.layers) + 1
            np.testing.assert_allclose(outputs(whole, x)[0], expected, rtol=1e-4, atol=1e-5)
            tried += 1
    assert tried == 8  # two for each of the two larger convolutions


def test_the_budget_is_kept_and_the_energy_falls_with_it():
    from microgen.compression import low_rank
    from microgen.compression.graph import parameters

    model, energies = all_kinds(), []
    for amount in (0.1, 0.3, 0.5):
        energies.append(low_rank.energy_for(model, amount))
        small = low_rank.factorize(model, energies[-1])
        assert parameters(small) <= (1 - amount) * parameters(model)
        chosen = low_rank.choose(model, energies[-1])
        assert parameters(model) - parameters(small) == sum(split.saved(rank) for split, rank in chosen.values())
        for split, rank in chosen.values():
            kept = split.values[:rank]
            assert (kept**2).sum() >= energies[-1] * (split.values**2).sum() * (1 - 1e-9)
    assert 1 > energies[0] > energies[1] > energies[2] > 0


def test_a_random_network_of_low_rank_weights_loses_nothing():
    """Weights that have a low rank are found out: the smaller network computes the same."""
    from microgen.compression import low_rank
    from microgen.compression.graph import parameters

    k, rng = tf_keras(), np.random.default_rng(3)
    L = k.layers
    image = k.Input((8, 8, 4))
    x = L.Conv2D(16, 3, padding="same", activation="relu", name="conv")(image)
    model = k.Model(image, L.Dense(10, name="dense")(L.Flatten()(x)))
    column, row = rng.normal(size=(3, 1, 4, 2)), rng.normal(size=(1, 3, 2, 16))
    model.get_layer("conv").kernel.assign(np.einsum("hxir,ywro->hwio", column, row))
    model.get_layer("dense").kernel.assign(rng.normal(size=(1024, 3)) @ rng.normal(size=(3, 10)))
    small = low_rank.factorize(model, 1 - 1e-10)
    assert {type(x).__name__ + str(getattr(x, "kernel_size", "")) for x in small.layers} >= {
        "Conv2D(3, 1)", "Conv2D(1, 3)"
    }  # fmt: skip
    assert parameters(small) < 0.4 * parameters(model)
    x = rng.normal(size=(4, 8, 8, 4)).astype(np.float32)
    np.testing.assert_allclose(outputs(small, x)[0], outputs(model, x)[0], rtol=1e-3, atol=1e-3)


def test_branches_and_shared_layers_stay_as_they_are():
    from microgen.compression import low_rank

    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    for seed in range(4):
        model = random_network(seed)
        for ours, theirs in zip(outputs(low_rank.factorize(model, 1.0), x), outputs(model, x), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_what_cannot_be_split_is_refused_with_its_layers_named():
    from microgen.compression import low_rank

    k = tf_keras()
    L = k.layers
    tiny = k.Sequential([k.Input((2,)), L.Dense(2, name="tiny")])
    with pytest.raises(InputError, match=r"'tiny' \(Dense\)"):
        low_rank.check_splits(tiny)
    with pytest.raises(InputError, match=r"at most .* % of its parameters can be removed"):
        low_rank.energy_for(all_kinds(), 0.99)


def test_an_energy_takes_the_place_of_the_amount():
    from microgen.compression import low_rank
    from microgen.compression.graph import parameters

    model, rng = all_kinds(), np.random.default_rng(0)
    data = {"x": rng.normal(size=(20, 12, 12, 3)), "y": np.arange(20) % 5}
    task = task_from_data(read_data(data, 0), model, epochs=1)
    for energy in (0.5, 0.9):
        step = read_steps(["low-rank"], {"energy": energy})[0]
        assert str(step) == "low-rank"
        small = load_method("low-rank").apply(model, task, step)
        assert parameters(small) == parameters(low_rank.factorize(model, energy)) < parameters(model)


def test_a_split_pays_for_its_operator(monkeypatch):
    from microgen.compression import low_rank

    model = all_kinds()
    everywhere = low_rank.choose(model, 0.5)
    monkeypatch.setattr(low_rank, "OPERATOR_BYTES", 200)
    few = low_rank.choose(model, 0.5)
    assert few.keys() < everywhere.keys() and few
