"""PyTorch modules and programs, to projects that answer as PyTorch does."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen.datasets import ChannelsFirst, InputSpec, request
from microgen.errors import EngineError, InputError, SetupError
from microgen.frontends.tracing.layout import channels_first
from microgen.projects import open_project
from tests.support.once import once, shared_folder
from tests.support.tools import needs_host
from tests.support.torch_tools import export, small, torch

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(60, 3, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project of the small module, from Python."""
    torch()
    needs_host()
    return once(
        shared_folder(tmp_path_factory),
        "torch-project",
        lambda out: microgen.build(
            small(), "pico", example=torch().zeros(4, 3, 8, 8), calibration=IMAGES, out=out, samples=16
        ),
    )


def test_a_module_becomes_a_verified_project_with_channels_last(project):
    opened = open_project(project)
    manifest = opened.manifest
    assert manifest["verdict"]["status"] == "bit-exact" and manifest["frontend"] == "pytorch"
    assert manifest["source"]["channels_first"] == {"inputs": [0], "outputs": []}
    model = microgen.load(opened.model_file())
    assert model.inputs[0].shape == (1, 8, 8, 3) and "TRANSPOSE" not in [op.name for op in model.main.operators][:1]
    names = [t.name for t in model.main.tensors]
    assert all(len(name) < 30 for name in names), names
    assert any("channels last on the device" in w for w in manifest["source"]["warnings"])
    assert "/" not in json.dumps(manifest["source"]["kind"])


def test_predict_and_verify_take_images_as_pytorch_does(project, tmp_path):
    t = torch()
    wanted = small()(t.from_numpy(IMAGES)).detach().numpy()
    answers = microgen.predict(project, IMAGES[:12])
    got = np.stack([a.outputs[0] for a in answers])
    assert np.abs(got - wanted[:12]).max() < 0.1 * np.abs(wanted).max()
    assert (got.argmax(1) == wanted[:12].argmax(1)).mean() > 0.8
    np.savez(tmp_path / "labeled.npz", x=IMAGES, y=wanted.argmax(1))
    verdict = microgen.verify(project, data=tmp_path / "labeled.npz", samples=4)
    assert verdict.accuracy["samples"] == 60 and verdict.accuracy["accuracy"] > 0.9


def test_a_pt2_gives_the_model_of_its_module(project, tmp_path):
    t = torch()
    path = export(small(), t.zeros(1, 3, 8, 8), tmp_path / "small.pt2")
    quantized = microgen.quantize(path, IMAGES, board="pico")
    assert quantized.model.sha256 == microgen.load(open_project(project).model_file()).sha256
    assert quantized.record["kind"] == "pt2" and quantized.quality.output_sqnr_db > 20
    plain = microgen.quantize(path, scheme="float32")
    assert plain.is_float and plain.model.inputs[0].shape == (1, 8, 8, 3)


def test_calibration_gives_the_example(tmp_path):
    torch()
    assert microgen.quantize(small(), IMAGES).model.inputs[0].shape == (1, 8, 8, 3)


def test_modules_that_cannot_be_exported_are_refused():
    t = torch()
    with pytest.raises(InputError, match="module Sequential: it is in train mode") as caught:
        microgen.quantize(small().train(), IMAGES)
    assert "model.eval()" in caught.value.hint
    model = small()
    model[1].train()
    with pytest.raises(InputError, match="its module '1' is in train mode"):
        microgen.quantize(model, IMAGES)
    with pytest.raises(InputError, match="its input is unknown") as caught:
        microgen.quantize(small(), "random")
    assert "example=" in caught.value.hint

    class Branch(t.nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(InputError, match=r"module Branch: torch\.export rejects it"):
        microgen.quantize(Branch().eval(), IMAGES)
    with pytest.raises(InputError, match="compression trains Keras models, but this is a PyTorch"):
        microgen.compress(small(), recipe="digits", methods=["prune"])


def test_what_the_converter_does_wrongly_is_refused_with_the_operator(tmp_path):
    """litert-torch resizes to the nearest otherwise than PyTorch does, by a factor that is no integer."""
    t = torch()
    nn = t.nn
    resize = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Upsample(size=(9, 9)), nn.Conv2d(4, 2, 1)).eval()
    with pytest.raises(InputError, match="litert-torch converts upsample_nearest2d of module '2' incorrectly"
                       ) as caught:  # fmt: skip
        microgen.quantize(export(resize, t.zeros(1, 3, 8, 8), tmp_path / "up.pt2"), IMAGES)
    assert caught.value.operator == "upsample_nearest2d" and "whole multiple" in caught.value.hint


def test_what_the_converter_lacks_is_named(tmp_path):
    t = torch()
    pool = t.nn.Sequential(t.nn.Conv2d(3, 4, 3), t.nn.AdaptiveMaxPool2d(2)).eval()
    with pytest.raises(EngineError, match="adaptive_max_pool2d") as caught:
        microgen.quantize(export(pool, t.zeros(1, 3, 8, 8), tmp_path / "p.pt2"), IMAGES)
    assert "adaptive_max_pool2d of module '1'" in caught.value.hint


def test_several_inputs_and_indices_keep_their_order(tmp_path):
    t = torch()

    class Two(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.dense = t.nn.Embedding(7, 4), t.nn.Linear(10, 3)

        def forward(self, values, indices):
            return self.dense(t.cat([values, self.table(indices).mean(1)], 1)), values * 2

    t.manual_seed(0)
    module = Two().eval()
    path = export(module, (t.zeros(1, 6), t.zeros(1, 5, dtype=t.int64)), tmp_path / "two.pt2")
    values, indices = RNG.normal(size=(20, 6)).astype(np.float32), RNG.integers(0, 7, (20, 5))
    made = microgen.quantize(path, {"values": values, "indices": indices})
    assert [(i.name, i.dtype) for i in made.model.inputs] == [("values", "int8"), ("indices", "int32")]
    assert [o.shape for o in made.model.outputs] == [(1, 3), (1, 6)]
    assert any("input 'indices' is int64 in PyTorch, and int32 on the device" in w for w in made.warnings)


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    t = torch()
    path = export(small(), t.zeros(1, 3, 8, 8), tmp_path / "m.pt2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "litert_torch" else find(name))
    with pytest.raises(SetupError, match="this needs litert_torch, which is not installed") as caught:
        microgen.quantize(path, IMAGES)
    assert "microgen[torch]" in caught.value.hint


def test_a_pt2_is_read_without_torch_and_tensorflow(tmp_path):
    t = torch()
    path = export(small(), t.zeros(1, 3, 8, 8), tmp_path / "m.pt2")
    code = f"""
import sys
from microgen.frontends import source
frontend, found = source.find({str(path)!r})
assert frontend.needs_calibration(found)
print([m for m in ("torch", "tensorflow", "onnx", "jax") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Step:
    def __init__(self, kind, reads, writes):
        self.kind, self.reads, self.writes = kind, reads, writes


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([("spatial", "x", "y")], ((0,), (0,))),
        ([("elementwise", "x", "a"), ("spatial", "a", "b"), ("", "b", "y")], ((0,), ())),
        ([("", "x", "a"), ("spatial", "a", "b"), ("elementwise", "b", "y")], ((), (0,))),
        ([("", "x", "y")], ((), ())),
        ([("elementwise", "x", "y")], ((), ())),
        ([("", "x", "a"), ("spatial", "x", "y"), ("", "x", "b")], ((0,), (0,))),
        (
            [("elementwise", "x", "a b"), ("", "a", "c"), ("spatial", "b", "d"), ("elementwise", "c d", "y")],
            ((0,), (0,)),
        ),
    ],
)
def test_channels_are_moved_where_an_operator_asks_for_it(steps, wanted):
    made = [Step(kind, reads.split(), writes.split()) for kind, reads, writes in steps]
    for rank in (3, 4):
        assert channels_first(made, ["x"], ["y"], {"x": rank, "y": rank}) == wanted
    for rank in (2, 5):
        assert channels_first(made, ["x"], ["y"], {"x": rank, "y": rank}) == ((), ())


def test_data_is_moved_for_its_owner(tmp_path):
    first = ChannelsFirst((0,), (1,))
    specs = [InputSpec("x", (3, 4, 5))]
    owned = RNG.normal(size=(6, 3, 4, 5)).astype(np.float32)
    (read,) = first.resolve(request(owned), specs).arrays
    np.testing.assert_array_equal(read, owned.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(first.owned_inputs([read])[0], owned)
    (same,) = first.resolve(request(read), specs).arrays
    np.testing.assert_array_equal(same, read)
    with pytest.raises(InputError, match=r"takes samples of shape \[3, 4, 5\], the calibration data has \[7, 7, 7\]"):
        first.resolve(request(RNG.normal(size=(6, 7, 7, 7))), specs)
    np.savetxt(tmp_path / "rows.csv", owned.reshape(6, -1), delimiter=",", fmt="%.9g")
    (rows,) = first.resolve(request(tmp_path / "rows.csv"), specs).arrays
    np.testing.assert_allclose(rows, read, rtol=1e-6)
    assert first.resolve(request("random"), specs).arrays[0].shape[1:] == (4, 5, 3)
    assert ChannelsFirst.of({"channels_first": first.to_json()}) == first and not ChannelsFirst.of({})


@pytest.mark.parametrize("frontend", ["pytorch", "onnx"])
def test_a_command_names_its_job_without_pytorch(frontend):
    code = f"import sys, microgen.frontends.{frontend}.job; print([m for m in ('torch', 'onnx') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_process_in_which_an_export_would_crash_is_refused(monkeypatch):
    torch()
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: sys.__spec__ if name == "triton" else None)
    with pytest.raises(SetupError, match="Triton, which crashes in a process that has loaded TensorFlow") as caught:
        microgen.quantize(small(), IMAGES)
    assert caught.value.hint.startswith("import triton before tensorflow")
