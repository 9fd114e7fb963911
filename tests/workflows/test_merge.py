"""Several models in one: each output keeps its bytes, the arena is smaller, and what they have in common is shared."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.compression.methods import load_method
from microgen.compression.steps import read_steps
from microgen.compression.task import read_data, task_from_data
from microgen.errors import EngineError, InputError
from microgen.runtimes.tflm.planner import Target, plan
from microgen.tflite import parse
from microgen.tflite.join import join
from microgen.verification import EngineRun, make_samples
from microgen.workflows import merge as merging
from tests.compression.test_channels import outputs, randomise
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import run
from tests.support.keras_tools import keras, quantize, tf_keras
from tests.support.tools import needs_host

RNG = np.random.default_rng(5)


def chain(*seeds, width=8, scale=0.05):
    """Dense layers on one input, each with weights from a seed: what leads with the same seeds is the same."""
    b = models.ModelBuilder()
    x = last = b.tensor("x", [1, width], scale=scale)
    for k, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        w = b.tensor(f"w{k}", [width, width], scale=0.013, values=rng.integers(-127, 128, (width, width)))
        bias = b.tensor(f"b{k}", [width], "int32", scale=0.013 * 0.05, values=rng.integers(-200, 200, width))
        y = b.tensor(f"y{k}", [1, width], zero_point=seed % 5)
        b.op("FULLY_CONNECTED", [last, w, bias], [y], schema.FullyConnectedOptionsT())
        last = y
    return b.build([x], [last])


def answers(model, inputs):
    with EngineRun(model, inputs) as running:
        return running.result()


def check_bytes(parts, whole, samples=40):
    inputs = make_samples(whole, samples, 1)
    alone = [a for m in parts for a in answers(m, inputs).reference.outputs]
    for ours, theirs in zip(answers(whole, inputs).reference.outputs, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("seeds", "operators"),
    [
        (((1, 2, 3), (4, 5)), 5),
        (((1, 2, 3), (1, 2, 4)), 4),
        (((1, 2, 3), (1, 2)), 3),
        (((1, 2), (1, 3), (1, 2, 4)), 4),
        (((1, 2), (2, 1)), 4),
    ],
)
def test_every_output_keeps_its_bytes_and_equal_trunks_are_shared(seeds, operators):
    parts = [parse(chain(*s), f"m{k}") for k, s in enumerate(seeds)]
    found = join(parts, "all")
    assert len(found.model.main.operators) == operators == sum(map(len, seeds)) - found.shared
    assert [t.name for t in found.model.outputs] == [f"m{k}/y{len(s) - 1}" for k, s in enumerate(seeds)]
    check_bytes(parts, found.model)
    arenas = [plan(m, Target.DEVICE).arena_min_bytes for m in (*parts, found.model)]
    assert arenas[-1] < sum(arenas[:-1]) and len(found.model.data) < sum(len(m.data) for m in parts)
    assert join(parts, "all").model.data == found.model.data


def test_weights_are_stored_once_and_a_state_is_each_models_own():
    parts = [parse(models.stateful(), "a"), parse(models.stateful(), "b")]
    found = join(parts, "both")
    assert found.shared == 0 and len([t for t in found.model.main.tensors if t.is_variable]) == 2
    assert len({t.buffer for t in found.model.main.tensors if t.is_constant}) == 3
    check_bytes(parts, found.model)


def test_lstms_keep_their_states_and_their_intermediates():
    parts = [parse(models.lstm(units=u), f"m{u}") for u in (6, 5)]
    found = join(parts, "both").model
    assert [t.shape[-1] for t in found.main.tensors if t.is_variable] == [6, 6, 5, 5] and len(found.main.operators) == 2
    packed = schema.ModelT.InitFromPackedBuf(found.data, 0).subgraphs[0]
    kept = [list(op.intermediates) for op in packed.operators]
    assert [len(set(k)) for k in kept] == [5, 5] and not set(kept[0]) & set(kept[1])
    assert [packed.tensors[k[4]].quantization.zeroPoint.tolist() for k in kept] == [[3], [3]]
    check_bytes(parts, found)


def test_models_of_several_inputs_and_outputs():
    b = models.ModelBuilder()
    left, right = (b.tensor(n, [1, 6], zero_point=z) for n, z in (("l", 3), ("r", -9)))
    y = b.tensor("product", [1, 6], scale=0.2)
    b.op("MUL", [left, right], [y], schema.MulOptionsT())
    parts = [parse(models.two_by_two(), "two"), parse(b.build([left, right], [y]), "one")]
    found = join(parts, "three")
    assert [t.name for t in found.model.outputs] == ["two/total", "two/both", "one/product"]
    check_bytes(parts, found.model)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (chain(1), chain(2, width=4), r"shape \[1, 8\], 'x' of b \[1, 4\]"),
        (chain(1), chain(2, scale=0.07), "the quantization real = 0.05.* real = 0.07"),
        (chain(1), models.two_by_two(), "a has 1 inputs, b 2"),
        (chain(1), chain(1), "b: has the same outputs as the other models"),
        (models.control_flow(), models.control_flow(), "a: has control flow"),
        (chain(1, width=4), models.variable(), r"b: keeps its state in a named variable \(VAR_HANDLE\)"),
    ],
)
def test_what_does_not_match_is_refused(first, second, says):
    with pytest.raises(InputError, match=says):
        join([parse(first, "a"), parse(second, "b")], "x")


def test_merge_tells_what_it_brings_and_writes_a_model_that_builds(tmp_path):
    needs_host()
    for name, seeds in (("a", (1, 2)), ("b", (1, 3))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.tflite").write_bytes(chain(*seeds))
    paths = [tmp_path / "a/m.tflite", tmp_path / "b/m.tflite"]
    found = microgen.merge(paths, tmp_path / "both.tflite")
    assert found.names == ("a-m", "b-m") and found.shared == 1 and json.dumps(found.to_json())
    assert found.whole.arena_bytes < sum(p.arena_bytes for p in found.parts)
    assert found.whole.macs == 3 * 64 and [p.macs for p in found.parts] == [128, 128]
    built = microgen.build(tmp_path / "both.tflite", "esp32", out=tmp_path / "p", samples=10)
    assert built.verdict.passed and built.verdict.firmware == "equal"
    with pytest.raises(InputError, match="or only Keras models"):
        (tmp_path / "k.keras").write_bytes(b"")
        microgen.merge([*paths, tmp_path / "k.keras"], tmp_path / "x.tflite")
    with pytest.raises(InputError, match=r"is a \.tflite"):
        microgen.merge(paths, tmp_path / "x.keras")
    with pytest.raises(InputError, match="a single model"):
        microgen.merge(paths[:1], tmp_path / "x.tflite")
    with pytest.raises(InputError, match="with quantized models") as caught:
        microgen.merge(paths, tmp_path / "x.tflite", share=0.1)
    assert caught.value.option == "share"
    with pytest.raises(InputError, match="share=2: must be 0 to 1"):
        microgen.merge(paths, tmp_path / "x.tflite", share=2)
    assert not list(tmp_path.glob("x.*"))


def two_of_a_name(folder):
    """Two models in folders of the same name, so that only their order tells them apart."""
    paths = [folder / side / "net/m.tflite" for side in ("left", "right")]
    for path, seeds in zip(paths, ((1, 2), (1, 3)), strict=True):
        path.parent.mkdir(parents=True)
        path.write_bytes(chain(*seeds))
    return paths


def test_models_of_the_same_name_are_numbered_and_nothing_is_written_without_a_place(tmp_path):
    paths = two_of_a_name(tmp_path)
    before = tree(tmp_path)
    found = microgen.merge(paths)
    assert found.names == ("net-m-1", "net-m-2") and tree(tmp_path) == before
    assert [t.name for t in parse(found.data, "m").outputs] == ["net-m-1/y1", "net-m-2/y1"]
    assert microgen.merge([paths[0].rename(tmp_path / "first.tflite"), paths[1]]).names == ("first", "m")


def test_the_command_tells_a_program_what_it_made(tmp_path):
    done = run("merge", *two_of_a_name(tmp_path), "-o", tmp_path / "both.tflite", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["out"] == str(tmp_path / "both.tflite")
    assert found["merged"]["bytes"] == (tmp_path / "both.tflite").stat().st_size


def test_models_in_float32_are_merged_and_the_next_command_allows_them(tmp_path):
    for name in ("RELU", "TANH"):
        (tmp_path / f"{name}.tflite").write_bytes(models.one_operator(name, dtype="float32"))
    done = run("merge", "RELU.tflite", "TANH.tflite", "-o", "both.tflite", cwd=tmp_path)
    next_step = done.stdout.splitlines()[-1].split(maxsplit=2)[2]
    assert next_step == "build both.tflite --allow-float --board esp32", done
    assert run(*next_step.split(), "--no-verify", cwd=tmp_path).returncode == 0


def test_a_merged_model_that_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    paths = two_of_a_name(tmp_path)
    other = parse(chain(1, 4), "other")
    monkeypatch.setattr(merging, "join", lambda parts, name: join([parts[0], other], name))
    (tmp_path / "there.tflite").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"there\.tflite: already exists") as caught:
        microgen.merge(paths, tmp_path / "there.tflite")
    assert "force=True" in caught.value.hint and (tmp_path / "there.tflite").read_bytes() == b"mine"
    with pytest.raises(EngineError, match="the merged model computes different outputs from its parts"):
        microgen.merge(paths, tmp_path / "both.tflite")
    assert not (tmp_path / "both.tflite").exists()


def network(seed, trunk_seed, classes=3, far=0.0):
    """A network whose convolution comes from one seed, nudged by `far`, and whose head comes from another."""
    k = tf_keras()
    L = k.layers
    image = k.Input((8, 8, 3), name="image")
    x = L.Conv2D(6, 3, activation="relu", name="conv")(image)
    x = L.GlobalAveragePooling2D(name="pool")(L.BatchNormalization(name="norm")(x))
    model = randomise(k.Model(image, L.Dense(classes, name="head")(x)), seed)
    source = randomise(k.models.clone_model(model), trunk_seed)
    for name in ("conv", "norm"):
        model.get_layer(name).set_weights([w + np.float32(far) for w in source.get_layer(name).get_weights()])
    return model


IMAGES = RNG.normal(size=(30, 8, 8, 3)).astype(np.float32)


@pytest.mark.slow
def test_float_models_are_averaged_and_added():
    from microgen.compression.merge import merge

    one, two = network(1, 1), network(2, 2)
    a, b = (outputs(m, IMAGES)[0] for m in (one, two))
    for kind, expected in (("average", (a + b) / 2), ("add", a + b)):
        found = merge([one, two], kind)
        assert found.shared == 0
        np.testing.assert_allclose(outputs(found.model, IMAGES)[0], expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match="those of 'model"):
        merge([one, network(3, 3, classes=4)], "average")
    with pytest.raises(InputError, match="no join 'max'"):
        merge([one, two], "max")


@pytest.mark.slow
def test_as_a_method_it_takes_one_output_of_two_models_and_trains_where_it_is_told_how_long(tmp_path):
    one, two = network(1, 1), network(2, 2)
    two.save(tmp_path / "two.keras")
    merge, data = load_method("merge"), {"x": IMAGES, "y": np.arange(len(IMAGES)) % 3}

    def applied(epochs=None, **options):
        step = read_steps(["merge"], {"other": str(tmp_path / "two.keras"), **options})[0]
        return merge.apply(one, task_from_data(read_data(data, 0), one, epochs=epochs), step)

    expected = (outputs(one, IMAGES)[0] + outputs(two, IMAGES)[0]) / 2
    np.testing.assert_allclose(outputs(applied(), IMAGES)[0], expected, rtol=1e-5, atol=1e-5)
    assert np.abs(outputs(applied(epochs=1), IMAGES)[0] - expected).max() > 1e-3
    with pytest.raises(InputError, match="a compressed model has one output"):
        applied(join="outputs")
    with pytest.raises(InputError, match="merge: share 2: must be 0 to 1"):
        applied(share=2)


@pytest.mark.slow
def test_near_equal_trunks_are_shared_within_a_tolerance():
    from microgen.compression.merge import merge

    one, equal, near = network(1, 7), network(2, 7), network(3, 7, far=0.004)
    found = merge([one, equal], "outputs")
    assert found.shared == 3 and len(found.model.layers) == 6
    for ours, theirs in zip(outputs(found.model, IMAGES), (one, equal), strict=True):
        np.testing.assert_array_equal(ours, outputs(theirs, IMAGES)[0])
    # Nothing below the first layer that differs is on the same input.
    assert merge([one, near], "outputs").shared == 0
    loose = merge([one, near], "outputs", share=0.02)
    assert loose.shared == 3
    kernels = [m.get_layer("conv").kernel.numpy() for m in (one, near, loose.model)]
    np.testing.assert_allclose(kernels[2], (kernels[0] + kernels[1]) / 2, rtol=1e-6)


@pytest.mark.slow
def test_side_by_side_in_keras_quantizes_to_the_same_bytes():
    from microgen.compression.merge import merge

    keras()
    parts = [network(1, 7), network(2, 8, classes=5)]
    whole = quantize(merge(parts, "outputs").model, IMAGES).model
    alone = [quantize(m, IMAGES).model for m in parts]
    inputs = make_samples(whole, 40, 1)
    by_elements = {a.shape[-1]: a for m in alone for a in answers(m, inputs).reference.outputs}
    for ours in answers(whole, inputs).reference.outputs:
        np.testing.assert_array_equal(ours, by_elements[ours.shape[-1]])
