"""`build` as a whole: real compilers, real engines, the firmware running on this machine."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen import projects as project
from microgen.boards import board_names, load_board
from microgen.deployment import deploy
from microgen.devices import Client, DeviceError
from microgen.devices import host_build as hostbuild
from microgen.devices.transport import HostProcess, firmware_process
from microgen.errors import EngineError, InputError, SetupError
from microgen.runtimes.tflm import host as tflm_host
from microgen.tflite import flashed, load
from microgen.workflows import build as pipeline
from microgen.workflows import doctor
from microgen.workflows.simulate import simulate
from tests.projects.test_project import tree
from tests.support import models
from tests.support.projects import project_files
from tests.support.tools import compiler, needs, needs_host

INT8 = ["kws_ref_model", "pretrainedResnet_quant", "hello_world_int8", "ad01_int8", "micro_speech_quantized"]
# With 400 samples, which of the models differ from LiteRT at the output is known; the ResNet does in the first 40.
MANY = {"pretrainedResnet_quant": 100}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(models.fully_connected())
    return path


# A board of each TFLM: what it does to a model is the snapshot's; the rest of a board is names and sizes.
OF_EACH_TFLM = list({load_board(name).tflm: name for name in board_names()}.values())


def of_each_firmware(path):
    """A board of each firmware that differs by more than the board's name, as it is compiled here."""
    boards = {}
    for name in board_names():
        deployment = deploy("m", load(path), load_board(name), 2048)
        layout = project.PROJECTS.get(project.DEFAULT_PROJECT).layout(deployment.application)
        compiled = (layout.main, *(f"{folder}/" for folder in layout.libraries))
        names = [text.encode() for text in (deployment.board.title, name)]
        code = {n: data for n, data in project_files(deployment).items() if n.startswith(compiled)}
        assert "lib/model/model_config.h" in code and "lib/serial/session.cc" in code
        for own in names:
            code = {n: data.replace(own, b"BOARD") for n, data in code.items()}
        boards.setdefault(tuple(sorted(code.items())), name)
    return list(boards.values())


@pytest.mark.parametrize("name", INT8)
def test_real_models_build_and_verify_for_every_tflm_and_one_for_every_firmware(name, shared_models, tmp_path):
    """The projects of all boards are built in test_build_all.py."""
    needs_host()
    path = shared_models / f"{name}.tflite"
    for board in of_each_firmware(path) if name == "hello_world_int8" else OF_EACH_TFLM:
        result = microgen.build(path, board, out=tmp_path / board, samples=12)
        assert result.verdict.status in ("bit-exact", "within-bound"), result.verdict
        assert result.verdict.firmware == "equal"
        assert set(result.verdict.ops) <= {"FULLY_CONNECTED"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kws_ref_model", "within-bound"),
        ("pretrainedResnet_quant", "within-bound"),
        ("ad01_int8", "within-bound"),
        ("micro_speech_quantized", "bit-exact"),
    ],
)
def test_verdicts_on_many_samples(name, expected, shared_models, tmp_path):
    needs_host()
    many = MANY.get(name, 400)
    verdict = microgen.build(shared_models / f"{name}.tflite", "pico", out=tmp_path / "p", samples=many).verdict
    assert verdict.status == expected and verdict.firmware == "equal" and verdict.samples == many
    if expected == "within-bound":
        assert verdict.ops == ("FULLY_CONNECTED",) and verdict.max_abs_diff_lsb >= 1
        assert all(layer.max_abs_diff_lsb <= layer.bound_lsb for layer in verdict.layers)
    else:
        assert verdict.ops == () and verdict.max_abs_diff_lsb == 0


def test_small_models_of_every_kind_verify(tmp_path):
    needs_host()
    kinds = {
        "dense": models.fully_connected(),
        "per-channel": models.fully_connected(per_channel=True),
        "int16": models.fully_connected(dtype="int16"),
        "two-by-two": models.two_by_two(),
        "float-edges": models.float_edges(),
    }
    for name, data in kinds.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
        verdict = microgen.build(tmp_path / f"{name}.tflite", "esp32", out=tmp_path / name, samples=60).verdict
        assert verdict.passed and verdict.firmware == "equal", (name, verdict)


def test_the_array_in_the_compiled_object_is_what_a_device_reads_of_the_file(model, tmp_path):
    pytest.importorskip("elftools", reason="pyelftools reads the object file")
    from elftools.elf.elffile import ELFFile

    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=4).project
    target = tmp_path / "model_data.o"
    subprocess.run([*compiler(), "-std=c++17", "-c", out / "lib/model/model_data.cc", "-o", target], check=True)
    with target.open("rb") as stream:
        elf = ELFFile(stream)
        symbol = next(s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name == "g_model_data")
        section = elf.get_section(symbol["st_shndx"])
        assert section["sh_addralign"] >= 16
        assert not section["sh_flags"] & 1, "it must lie in flash, not in writable memory"
        start = symbol["st_value"]
        assert section.data()[start : start + symbol["st_size"]] == flashed(load(model)).data


def test_building_twice_gives_the_same_bytes(model, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text('no\nyes\n<script>alert(1)</script>\n"; //\n')
    first, second = (
        microgen.build(model, "nano33ble", out=tmp_path / n / "p", labels=labels, samples=20, seed=7).project
        for n in ("a", "b")
    )
    assert tree(first) == tree(second)
    assert str(tmp_path) not in "".join(d.decode("utf-8", "replace") for d in tree(first).values())
    assert "<script>" not in (first / "README.md").read_text()


def test_a_weight_changed_in_the_compiled_array_is_caught_and_named(model, tmp_path):
    needs_host()
    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=8).project
    weights = flashed(load(model)).main.tensors[1]
    source = out / "lib/model/model_data.cc"
    lines = source.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  0x"))
    place = weights.offset + 5
    cells = lines[first + place // 16].strip().rstrip(",").split(",")
    cells[place % 16] = f"0x{(int(cells[place % 16], 16) + 1) % 256:02x}"
    lines[first + place // 16] = "  " + ",".join(cells) + ","
    source.write_text("\n".join(lines))
    verdict = microgen.verify(out, samples=8)
    assert verdict.status == "diverged" and verdict.firmware == "differs"
    assert "tensor 'weights' of operator 0 (FULLY_CONNECTED), byte 5" in verdict.reason


def test_an_arena_too_small_for_the_model_is_caught(model, tmp_path):
    needs_host()
    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=8).project
    config = out / "lib/model/model_config.h"
    arena = project.open_project(out).manifest["arena"]
    config.write_text(config.read_text().replace(f"kArenaBytes = {arena['host_bytes']}", "kArenaBytes = 512"))
    with pytest.raises(EngineError, match="allocate-tensors"):
        microgen.verify(out, samples=8)


def test_a_model_file_exchanged_in_the_project_is_refused(model, tmp_path):
    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=4, verify=False).project
    (out / "model.tflite").write_bytes(models.two_by_two())
    with pytest.raises(InputError, match="not the model that this project was built from"):
        microgen.verify(out)


def test_a_users_main_that_does_not_compile_is_named(model, tmp_path):
    needs_host()
    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=4).project
    (out / "src/main.cpp").write_text("void setup() { nonsense; }\nvoid loop() {}\n")
    with pytest.raises(InputError, match=r"main.cpp does not compile on .*: src/main.cpp:1:16: error.*nonsense"):
        microgen.verify(out)


def test_calibration_data_takes_part_in_the_verification(model, tmp_path):
    data = np.random.default_rng(0).normal(0, 1, (40, 8)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=data)
    result = microgen.build(model, "esp32", out=tmp_path / "p", calibration=tmp_path / "d.npz", samples=20)
    assert result.verdict.samples == 20 and result.verdict.passed


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((4, 9), np.float32), "takes samples of shape"),
        (np.zeros((0, 8), np.float32), "has no samples"),
        (np.full((4, 8), np.nan, np.float32), "NaN or infinite"),
        (np.zeros((4, 8), np.int32), "is int8, the data is int32"),
        (np.array([["a"]]), "not numbers"),
    ],
)
def test_bad_calibration_data_is_refused(model, tmp_path, values, says):
    np.savez(tmp_path / "d.npz", x=values)
    with pytest.raises(InputError, match=says):
        microgen.build(model, "esp32", out=tmp_path / "p", calibration=tmp_path / "d.npz")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("text", "says"), [("a\nb\n", "2 labels for the 4"), ("\n\n", "has no labels"), (b"\xff\xfe", "UTF-8")]
)
def test_bad_labels_are_refused(model, tmp_path, text, says):
    labels = tmp_path / "labels.txt"
    labels.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=says):
        microgen.build(model, "esp32", out=tmp_path / "p", labels=labels)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "a%b", "a]b", "x" * 80, "-rf", "наука"])
def test_names_that_would_break_something_are_refused(model, tmp_path, name):
    with pytest.raises(InputError, match="is not a valid firmware name"):
        microgen.build(model, "esp32", out=tmp_path / "p", name=name or " ")


def test_a_project_whose_model_the_pcs_tflm_lacks_says_that_it_has_no_native_environment(tmp_path):
    needs_host()
    path = tmp_path / "m.tflite"
    axis = ([1], "int32", [1])
    path.write_bytes(
        models.layer("REDUCE_MIN", [([1, 4], "int8"), axis], [([1, 1], "int8", 0.05)], "Reducer", keepDims=True)
    )
    out = microgen.build(path, "esp32", out=tmp_path / "p", samples=4).project
    ini, readme = (out / "platformio.ini").read_text(), (out / "README.md").read_text()
    assert "; No [env:native]: m: " in ini and "REDUCE_MIN" in ini and "[env:native]" not in ini.replace("No [env", "")
    assert "pio test -e native" not in readme and not (out / "lib/native").exists()
    assert not (out / "exclude_sources.py").exists()


def test_an_input_that_a_firmware_cannot_take_is_refused(tmp_path):
    path = tmp_path / "m.tflite"
    deep = [1, 1, 1, 1, 1, 1, 4]
    path.write_bytes(models.layer("RESHAPE", [(deep, "int8"), ([1], "int32", [-1])], [([4], "int8", 0.05)]))
    with pytest.raises(InputError, match=r"tensor 'x0' is int8 .*cannot read or write"):
        microgen.build(path, "esp32", out=tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_per_channel_dense_is_refused_where_the_snapshot_computes_it_wrongly(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.fully_connected(per_channel=True))
    with pytest.raises(InputError, match=r"per-channel weights.*wrongly"):
        microgen.build(path, "nano33ble", out=tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("op", "custom"), [("GELU", ""), ("EMBEDDING_LOOKUP", ""), ("", "MyOp")])
def test_operators_that_the_snapshot_lacks_are_named(tmp_path, op, custom):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.one_operator(op, custom=custom))
    with pytest.raises(InputError, match=rf"(has no operator|no TFLM has) {custom or op}"):
        microgen.build(path, "nano33ble", out=tmp_path / "p")


def test_a_model_that_an_engine_refuses_is_an_error_with_its_reason(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.one_operator("SQRT"))
    with pytest.raises(EngineError):
        microgen.build(path, "esp32", out=tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_without_a_compiler_nothing_is_written(model, tmp_path, monkeypatch):
    needs_host()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(hostbuild.shutil, "which", lambda name: None)
    monkeypatch.setattr(hostbuild.importlib.util, "find_spec", _without(hostbuild.importlib.util.find_spec, "ziglang"))
    with pytest.raises(SetupError, match=r"no C\+\+ compiler"):
        microgen.build(model, "esp32", out=tmp_path / "p", samples=4)
    assert not (tmp_path / "p").exists()
    assert microgen.build(model, "esp32", out=tmp_path / "p", samples=4, verify=False).verdict.status == "not-verified"


def test_without_a_compiler_nothing_is_trained(tmp_path, monkeypatch):
    needs_host()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(hostbuild.shutil, "which", lambda name: None)
    monkeypatch.setattr(hostbuild.importlib.util, "find_spec", _without(hostbuild.importlib.util.find_spec, "ziglang"))
    monkeypatch.setattr("microgen.workflows.build_phases.train", lambda *a, **o: pytest.fail("it was trained first"))
    with pytest.raises(SetupError, match=r"no C\+\+ compiler"):
        microgen.build(out=tmp_path / "p")


def _program(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_cxx_may_have_arguments(model, tmp_path, monkeypatch):
    """As in CXX="ccache g++", and with a path that has a space."""
    needs_host()
    (tmp_path / "a folder").mkdir()
    wrapper = _program(tmp_path / "a folder/wrapper", f'echo "$1" >>{tmp_path}/log; exec "$@"')
    program, *_ = real = compiler()
    monkeypatch.setenv("CXX", f" '{wrapper}' {shlex.join(real)} ")
    assert microgen.build(model, "esp32", out=tmp_path / "p", samples=4).verdict.firmware == "equal"
    assert set((tmp_path / "log").read_text().splitlines()) == {program}


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("no-such-compiler g++", "CXX=no-such-compiler g\\+\\+: 'no-such-compiler' is not installed"),
        ("'g++", "CXX='g\\+\\+: No closing quotation"),
    ],
)
def test_a_cxx_that_cannot_be_run_is_refused(model, tmp_path, monkeypatch, named, says):
    needs_host()
    monkeypatch.setenv("CXX", named)
    with pytest.raises(SetupError, match=says) as refused:
        microgen.build(model, "esp32", out=tmp_path / "p", samples=4)
    assert "unset it" in refused.value.hint and not (tmp_path / "p").exists()
    finding = next(f for f in doctor.examine() if f.name == "C++ compiler")
    assert not finding.is_present and finding.detail == refused.value.message and finding.remedy == refused.value.hint


def test_an_empty_cxx_is_none(monkeypatch):
    monkeypatch.setenv("CXX", " ")
    empty = hostbuild.compiler()
    monkeypatch.delenv("CXX")
    assert empty == hostbuild.compiler()


def test_zig_links_without_a_c_plus_plus_library_of_its_own(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(hostbuild.shutil, "which", lambda name: None)
    monkeypatch.setattr(hostbuild.importlib.util, "find_spec", lambda name: name)
    compile_, link = hostbuild.compiler(), hostbuild._linker(hostbuild.compiler())
    assert compile_[1:4] == ["-m", "ziglang", "c++"] and link[1:4] == ["-m", "ziglang", "cc"]
    assert hostbuild._linker(["/usr/bin/c++"]) == ["/usr/bin/c++"]


@pytest.mark.slow
def test_the_compiler_from_pypi_verifies(model, tmp_path, monkeypatch):
    needs_host()
    pytest.importorskip("ziglang", reason="pip install 'microgen[compiler]'")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "zig"))
    monkeypatch.setattr(hostbuild.shutil, "which", lambda name: None)
    assert microgen.build(model, "esp32", out=tmp_path / "p", samples=4).verdict.firmware == "equal"


def _without(find_spec, package):
    return lambda name, *rest: None if name == package else find_spec(name, *rest)


def test_on_another_system_python_alone_is_compared(model, tmp_path, monkeypatch):
    needs_host()
    monkeypatch.setattr(tflm_host.platform, "machine", lambda: "arm64")
    verdict = microgen.build(model, "esp32", out=tmp_path / "p", samples=30).verdict
    assert verdict.passed and verdict.firmware == "not-run" and "Linux x86-64" in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("tflm_library", lambda: None), "the tflite-micro package is not installed"),
        (("TFLM_WHEEL", "9.9"), "is installed, the declarations are for 9.9"),
    ],
)
def test_without_its_tflm_the_firmware_is_not_run(model, tmp_path, monkeypatch, change, says):
    needs_host()
    monkeypatch.setattr(tflm_host, *change)
    verdict = microgen.build(model, "esp32", out=tmp_path / "p", samples=4).verdict
    assert verdict.passed and verdict.firmware == "not-run" and says in verdict.reason
    with pytest.raises(SetupError, match=says):
        simulate(tmp_path / "p")


def test_a_wheel_without_tflms_library_is_none(tmp_path, monkeypatch):
    (tmp_path / "tflite_micro").mkdir()
    (tmp_path / "tflite_micro/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tflite_micro", raising=False)
    assert tflm_host.tflm_library() is None


def test_a_compiler_that_cannot_be_started_is_named(model, tmp_path, monkeypatch):
    needs_host()
    broken = tmp_path / "c++"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(InputError, match=r"does not compile on this machine: .*No such file") as caught:
        microgen.build(model, "esp32", out=tmp_path / "p", samples=4)
    assert str(broken) in caught.value.hint and not (tmp_path / "p").exists()


def test_a_tflm_that_is_not_as_declared_runs_no_firmware(tmp_path):
    needs_host()
    (tmp_path / "f.c").write_text(
        'const char *microgen_selftest(void) { return "sizeof(TfLiteTensor) is 64, not 72"; }\n'
    )
    library = tmp_path / "f.so"
    subprocess.run([*hostbuild.compiler(), "-xc", "-shared", "-fPIC", "-o", library, tmp_path / "f.c"], check=True)
    command = firmware_process(str(library), str(tflm_host.tflm_library()), "array", "", "0")
    with Client(HostProcess(command, tmp_path / "log")) as client, pytest.raises(DeviceError) as caught:
        client.connect()
    assert "it ended with code 70: the declared TFLM API and the tflite-micro package disagree" in caught.value.message
    assert "sizeof(TfLiteTensor) is 64, not 72" in caught.value.message
    library.write_bytes(b"no library")
    says = pytest.raises(DeviceError, match=r"f\.so: file too short")
    with Client(HostProcess(command, tmp_path / "log")) as client, says:
        client.connect()


def test_a_main_that_does_not_link_is_named(model, tmp_path):
    needs_host()
    out = microgen.build(model, "esp32", out=tmp_path / "p", samples=4, verify=False).project
    with (out / "src/main.cpp").open("a") as main:
        main.write('\n__attribute__((visibility("hidden"))) int missing();\nint used = missing();\n')
    with pytest.raises(InputError, match=r"does not link on this machine: .*missing"):
        microgen.verify(out, samples=4)


def test_the_manifest_says_what_was_built(model, tmp_path):
    result = microgen.build(model, "pico", out=tmp_path / "p", name="mine", samples=10)
    manifest = json.loads((tmp_path / "p/microgen.json").read_text())
    assert manifest["model"]["name"] == "mine" and manifest["board"] == "pico"
    assert manifest["verdict"]["status"] == result.verdict.status
    assert manifest["arena"]["bytes"] == sum(
        manifest["arena"][k] for k in ("min_bytes", "scratch_bytes", "margin_bytes")
    )
    assert set(manifest["files"]) | {*manifest["user_files"], "microgen.json"} == set(tree(tmp_path / "p"))


@pytest.mark.parametrize("compiler_name", ["g++", "clang++"])
def test_a_generated_project_compiles_without_a_warning(compiler_name, tmp_path, shared_models, monkeypatch):
    needs_host()
    monkeypatch.setenv("CXX", needs(compiler_name, compiler_name.replace("clang++", "clang")))
    result = microgen.build(shared_models / "kws_ref_model.tflite", "esp32", out=tmp_path / "p", samples=4)
    assert result.verdict.firmware == "equal"


def test_a_build_tells_the_epochs_of_its_recipes_training(tmp_path, monkeypatch):
    told = []

    def train(recipe, *, on_epoch, **options):
        on_epoch(3, 7)
        raise InputError("trained", "")

    monkeypatch.setattr("microgen.workflows.build_phases.train", train)
    with pytest.raises(InputError, match="trained"):
        microgen.build(recipe="sine", out=tmp_path / "p", on_epoch=lambda done, total: told.append((done, total)))
    assert told == [(3, 7)]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"samples": 0}, "samples"),
        ({"model": "m.tflite", "recipe": "sine"}, None),
        ({"calibration": "random"}, "calibration"),
        ({"check": True, "force": True}, "force"),
        ({"check": True, "compile": True}, "compile"),
        ({"verify_on": "pico"}, "verify_on"),
        ({"name": "-"}, "name"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused_before_anything_is_looked_for(arguments, option):
    with pytest.raises(InputError) as caught:
        pipeline.BuildRequest(**arguments)
    assert caught.value.option == option and caught.value.hint


def test_the_name_of_a_request_is_the_first_that_is_known(model):
    quantized = microgen.Quantized(microgen.load(model, "q"))
    for arguments, name in (
        ({}, "sine"),
        ({"recipe": "digits"}, "digits"),
        ({"model": model}, "small"),
        ({"model": quantized}, "q"),
        ({"model": model, "mlperf": "kws01"}, "kws01"),
        ({"model": model, "mlperf": "kws01", "name": "mine"}, "mine"),
    ):
        assert pipeline.BuildRequest(**arguments).firmware_name == name
