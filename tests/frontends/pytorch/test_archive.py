"""A .pt2 is read without running anything of it; what cannot be converted is refused, with the reason and a remedy."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile

import numpy as np
import pytest

from microgen.errors import InputError
from microgen.frontends.pytorch import archive, operators
from microgen.frontends.pytorch.archive import read_program
from microgen.frontends.pytorch.program import Ref
from tests.support.once import once, shared_folder
from tests.support.torch_tools import export, small, torch


@pytest.fixture(scope="module")
def pt2(tmp_path_factory):
    t = torch()
    return once(shared_folder(tmp_path_factory), "small.pt2", lambda path: export(small(), t.zeros(1, 3, 8, 8), path))


def rewrite(source, target, change):
    """Copy an archive; `change` edits its entries, by name without the folder."""
    with zipfile.ZipFile(source) as archive:
        entries = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries.items():
            archive.writestr(f"m/{name}", data)
    return target


def edit(entries, name, change):
    document = json.loads(entries[name])
    change(document)
    entries[name] = json.dumps(document).encode()


MODEL = "models/model.json"


def nodes(document):
    return document["graph_module"]["graph"]["nodes"]


def results(document):
    return document["graph_module"]["signature"]["output_specs"]


def test_a_program_is_read_as_data(pt2):
    program = read_program(pt2)
    (image,) = program.inputs
    assert image.shape == (1, 3, 8, 8) and image.dtype == "float32"
    assert [n.operator for n in program.nodes] == [
        "aten.conv2d.default", "aten.batch_norm.default", "aten.relu.default", "aten.max_pool2d.default",
        "aten.flatten.using_ints", "aten.linear.default",
    ]  # fmt: skip
    assert [n.path for n in program.nodes] == ["0", "1", "2", "3", "4", "5"]
    assert dict(program.nodes[0].arguments)["input"] == Ref(image.name)
    weight = next(v for v in program.weights.values() if v.shape == (8, 3, 3, 3))
    np.testing.assert_array_equal(weight, small()[0].weight.detach().numpy())
    assert len(program.weights) == 7, "the count of batches is nobody's weight"


class Trap:
    def __reduce__(self):
        return (open, (str(self.path), "w"))  # pragma: no cover - runs where a pickle is loaded


def test_nothing_of_the_file_runs(pt2, tmp_path):
    trap = Trap()
    trap.path = tmp_path / "was-here"
    bomb = pickle.dumps(trap)
    read_program(rewrite(pt2, tmp_path / "inputs.pt2", lambda e: e.update({"data/sample_inputs/model.pt": bomb})))

    def pickled(entries):
        def change(document):
            document["config"]["0.weight"]["use_pickle"] = True

        entries["data/weights/weight_0"] = bomb
        edit(entries, "data/weights/model_weights_config.json", change)

    with pytest.raises(InputError, match=r"weight '0\.weight' is pickled") as caught:
        read_program(rewrite(pt2, tmp_path / "weight.pt2", pickled))
    assert "plain tensors" in caught.value.hint
    with pytest.raises(InputError, match="holds 'data/constants/custom_obj_0'"):
        read_program(rewrite(pt2, tmp_path / "o.pt2", lambda e: e.update({"data/constants/custom_obj_0": bomb})))
    assert not trap.path.exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("os.system", r"calls os\.system, which is not an operator of PyTorch"),
        ("torch.load", r"calls torch\.load, which is not an operator"),
        ("torch.ops.aten.from_file.default", r"calls aten\.from_file, which is not supported"),
        ("torch.ops.mine.op.default", r"calls the custom operator mine\.op"),
        ("torch.ops.higher_order.cond", r"has a nested program \(cond\)"),
        ("torch.ops.aten.upsample_bicubic2d.vec", "module '2': upsample_bicubic2d interpolates bicubically"),
        ("torch.ops.aten.randn_like.default", "randn_like draws random numbers"),
        ("torch.ops.aten.nonzero.default", "nonzero returns a size that depends on the data"),
        ("_operator.methodcaller", r"calls _operator\.methodcaller"),
        ("__import__('os').system", "calls __import__"),
    ],
)
def test_other_operators_are_refused_by_name(pt2, tmp_path, target, words):
    def change(document):
        nodes(document)[2]["target"] = target

    with pytest.raises(InputError, match=words) as caught:
        read_program(rewrite(pt2, tmp_path / "o.pt2", lambda e: edit(e, MODEL, change)))
    assert caught.value.hint


def test_no_operator_of_the_list_touches_files_or_chance():
    names = operators.KNOWN
    assert not {n for n in names if "file" in n or "rand" in n or "load" in n or "save" in n}
    assert not names & operators.REFUSED.keys() and len(names) > 200
    aten = torch().ops.aten
    missing = {n for n in names if not hasattr(aten, n)}
    assert not missing, missing


def reach(document):
    document["config"]["0.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 9


def strides(document):
    document["config"]["0.weight"]["tensor_meta"]["strides"][0]["as_int"] = -1


def offset(document):
    document["config"]["0.weight"]["tensor_meta"]["storage_offset"]["as_int"] = 1


def dangling(document):
    nodes(document)[2]["inputs"][0]["arg"] = {"as_tensor": {"name": "nobody"}}


def ragged(document):
    document["config"]["0.weight"]["tensor_meta"]["strides"].pop()


def nobody(document):
    results(document)[0]["user_output"]["arg"]["as_tensor"]["name"] = "nobody"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("data/weights/model_weights_config.json", reach),
        ("data/weights/model_weights_config.json", ragged),
        ("data/weights/model_weights_config.json", strides),
        ("data/weights/model_weights_config.json", offset),
        (MODEL, dangling),
        (MODEL, nobody),
        (MODEL, lambda d: d.clear()),
        (MODEL, lambda d: d["graph_module"]["graph"].pop("nodes")),
        (MODEL, lambda d: nodes(d)[0]["inputs"][0].update(arg={})),
    ],
)
def test_a_damaged_archive_is_named(pt2, tmp_path, name, change):
    with pytest.raises(InputError, match=r"d\.pt2: a damaged \.pt2") as caught:
        read_program(rewrite(pt2, tmp_path / "d.pt2", lambda e: edit(e, name, change)))
    assert "torch.export.save" in caught.value.hint


def test_an_output_of_none_is_left_out_and_an_index_is_narrowed_with_a_word(pt2, tmp_path):
    def change(document):
        results(document).append({"user_output": {"arg": {"as_none": True}}})
        document["graph_module"]["graph"]["tensor_values"]["input"]["dtype"] = 5  # int64

    whole = read_program(pt2)
    assert [i.name for i in whole.inputs] == ["input"] and not whole.warnings
    program = read_program(rewrite(pt2, tmp_path / "none.pt2", lambda e: edit(e, MODEL, change)))
    assert program.outputs == whole.outputs and program.inputs[0].dtype == "int64"
    assert program.warnings == ("input 'input' is int64 in PyTorch, and int32 on the device",)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("constant_input", "input 'x' is not a tensor"), ("custom_obj", r"a Python object as an input \(custom_obj\)")],
)
def test_an_input_other_than_a_tensor_is_refused(pt2, tmp_path, kind, words):
    def change(document):
        document["graph_module"]["signature"]["input_specs"].append({kind: {"name": "x"}})

    with pytest.raises(InputError, match=words):
        read_program(rewrite(pt2, tmp_path / "i.pt2", lambda e: edit(e, MODEL, change)))


@pytest.mark.parametrize(
    ("limit", "words"), [("_JSON_BYTES", r"model\.json has [\d,]+ bytes"), ("_WEIGHT_BYTES", "bytes of weights")]
)
def test_an_archive_of_too_many_bytes_is_refused(pt2, monkeypatch, limit, words):
    monkeypatch.setattr(archive, limit, 100)
    with pytest.raises(InputError, match=words):
        read_program(pt2)


def test_damage_anywhere_is_an_input_error(pt2, tmp_path):
    whole = pt2.read_bytes()
    rng = random.Random(0)
    for number in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        if number % 3 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        (tmp_path / "x.pt2").write_bytes(damaged)
        try:
            read_program(tmp_path / "x.pt2")
        except InputError as error:
            assert error.hint


def test_other_kinds_of_files_are_told_apart(tmp_path):
    t = torch()
    module = small()
    t.jit.trace(module, t.zeros(1, 3, 8, 8)).save(tmp_path / "script.pt")
    with pytest.raises(InputError, match=r"script\.pt: is TorchScript") as caught:
        read_program(tmp_path / "script.pt")
    assert "torch.export.export(model.eval(), (example[:1],))" in caught.value.hint
    t.save(module.state_dict(), tmp_path / "weights.pth")
    t.save(module, tmp_path / "module.pt")
    for name in ("weights.pth", "module.pt"):
        with pytest.raises(InputError, match="is a pickle: a state_dict, which has weights but no graph, or a whole"):
            read_program(tmp_path / name)
    t.save(module.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match=r"old\.pt: a pickle of PyTorch's old kind"):
        read_program(tmp_path / "old.pt")
    (tmp_path / "text.pt2").write_text("nothing")
    with pytest.raises(InputError, match=r"text\.pt2: not a \.pt2 archive"):
        read_program(tmp_path / "text.pt2")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/b.txt", "")
    (tmp_path / "other.pt2").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"not a program of torch\.export"):
        read_program(tmp_path / "other.pt2")


def test_what_was_exported_otherwise_than_it_runs_is_refused(tmp_path):
    t = torch()
    one = t.zeros(1, 3, 8, 8)
    with pytest.raises(InputError, match="module '1': was exported in train mode") as caught:
        read_program(export(small().train(), t.zeros(2, 3, 8, 8), tmp_path / "train.pt2"))
    assert "model.eval()" in caught.value.hint
    dropout = t.nn.Sequential(t.nn.Flatten(), t.nn.Dropout(0.5)).train()
    with pytest.raises(InputError, match="module '1': was exported in train mode: its dropout"):
        read_program(export(dropout, one, tmp_path / "dropout.pt2"))
    with pytest.raises(InputError, match="has a batch of 2") as caught:
        read_program(export(small(), t.zeros(2, 3, 8, 8), tmp_path / "two.pt2"))
    assert "example[:1]" in caught.value.hint
    deconv = t.nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1).eval()
    with pytest.raises(InputError, match="has output_padding"):
        read_program(export(deconv, one, tmp_path / "deconv.pt2"))


def test_an_open_batch_is_taken_as_one_and_other_open_sizes_are_refused(tmp_path):
    t = torch()
    batch, width = t.export.Dim("batch"), t.export.Dim("width", max=64)
    path = export(small(), t.zeros(2, 3, 8, 8), tmp_path / "b.pt2", dynamic_shapes=({0: batch},))
    assert read_program(path).inputs[0].shape == (1, 3, 8, 8)
    conv = t.nn.Conv2d(3, 4, 1).eval()
    path = export(conv, t.zeros(1, 3, 8, 8), tmp_path / "w.pt2", dynamic_shapes=({3: width},))
    with pytest.raises(InputError, match="has a dynamic size in dimension 3") as caught:
        read_program(path)
    assert "dynamic_shapes" in caught.value.hint


def test_state_between_samples_is_refused(tmp_path):
    t = torch()

    class Counter(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", t.zeros(1))

        def forward(self, x):
            self.seen.add_(1)
            return x + self.seen

    with pytest.raises(InputError, match="changes 'seen' while it runs"):
        program = t.export.export(Counter(), (t.zeros(1, 4),)).run_decompositions()
        t.export.save(program, tmp_path / "s.pt2")
        read_program(tmp_path / "s.pt2")


def test_half_and_double_are_narrowed_with_a_word(tmp_path):
    t = torch()
    for name in ("half", "double", "bfloat16"):
        module = getattr(t.nn.Linear(4, 3), name)().eval()
        example = t.zeros(1, 4, dtype=module.weight.dtype)
        program = read_program(export(module, example, tmp_path / f"{name}.pt2"))
        assert all(w.dtype == np.float32 for w in program.weights.values())
        wanted = module.weight.detach().float().numpy()
        assert any(w.shape == wanted.shape and (w == wanted).all() for w in program.weights.values())
        assert any("float32 before quantization" in w for w in program.warnings)
