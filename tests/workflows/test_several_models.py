"""Several models in one firmware: a stateless one, and two that keep a state, beside the graph and as a tensor."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import microgen
from microgen.boards import load_board
from microgen.cli.options import parse_of_models
from microgen.deployment import deploy, deploy_together
from microgen.devices import ONLY, Address, host_firmware
from microgen.devices.emulator import missing_packages
from microgen.errors import DeviceError, InputError
from microgen.projects import open_project
from microgen.projects.manifest import project_board
from microgen.report.projects import build_lines
from microgen.tflite import load, parse
from microgen.workflows.verify import verify_models
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import run, run_process
from tests.support.projects import sources
from tests.support.tools import needs_host

# The second name is none in C; the first is a keyword there.
NAMES = ("new", "8.wake-word", "svdf")
LABELS = {"new": ["a", 'b"\\?', "c", "d"], "svdf": list("uvwxyz")}
FAST = {"samples": 4, "verify": False}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, data in zip(NAMES, (models.fully_connected(), models.variable(50), models.stateful()), strict=True):
        (folder / f"{name}.tflite").write_bytes(data)
    return [folder / f"{name}.tflite" for name in NAMES]


@pytest.fixture(scope="module", params=["tflm", "compiled"])
def built(request, files, tmp_path_factory):
    needs_host()
    out = tmp_path_factory.mktemp(request.param) / "p"
    return microgen.build(files, "nano33ble", out=out, runtime=request.param, samples=20, labels=LABELS)


@pytest.fixture
def project(built, tmp_path):
    return shutil.copytree(built.project, tmp_path / "p")


def addresses():
    return [Address(name, number) for number, name in enumerate(NAMES)]


def test_each_is_verified_while_the_others_take_turns(built):
    further = replace(built.further[0], source=replace(built.further[0].source, warnings=("check it",)))
    lines = build_lines(replace(built, further=(further, *built.further[1:])))
    assert ("warning", "8.wake-word: check it") in lines
    assert [text.split(":")[0] for what, text in lines if what == "verdict"] == list(NAMES)
    found = [(m.deployment.name, m.verdict.status, m.verdict.firmware, m.verdict.sequence) for m in built.models]
    assert found == [(name, "bit-exact", "equal", n) for name, n in zip(NAMES, (0, 20, 20), strict=True)]
    document = built.to_json()
    assert built.passed and document["verdict"] == document["models"][0]["verdict"]
    assert [m["labels"] for m in document["models"]] == [LABELS.get(name, []) for name in NAMES]


@pytest.mark.parametrize("runtime", ["tflm", "compiled"])
def test_the_arena_is_the_larger_of_the_activations_and_what_each_keeps(runtime):
    board, large, small = (
        load_board("pico"),
        parse(models.residual(900), "large"),
        parse(models.residual(700), "small"),
    )
    wake = parse(models.stateful(), "wake")
    alone = [deploy(m.name, m, board, runtime=runtime) for m in (large, small, wake)]
    arena = deploy_together(alone).arena
    least = max(d.arena.bytes for d in alone)
    assert least < arena.bytes < least + (6000 if runtime == "tflm" else 100)
    assert deploy_together(alone[:1]) is alone[0]


def test_no_piece_of_the_arena_is_used_up(built):
    together = built.deployment.arena.bytes
    (ram,) = (part.bytes for part in built.fit.ram.parts if part.name == "arena")
    assert ram == together
    with host_firmware(sources(built.project)) as (client, _):
        client.connect()
        for address in addresses():
            client.address(address)
            used, size = client.arena()
            # Two pieces, each with a margin of 512 bytes at least where TFLM fills them.
            assert 0 < used <= size - (1024 if built.deployment.plan.runtime == "tflm" else 0)


def test_commands_name_a_model_and_mean_the_first_without(built):
    hashes = [d.model.sha256 for d in built.deployment.models]
    inputs = [[bytes([13] * t.bytes)] for d in built.deployment.models for t in d.model.inputs]
    with host_firmware(sources(built.project)) as (client, _):
        client.connect()
        assert [client.hash(), client.model()] == [hashes[0], NAMES[0]]
        first = client.infer(inputs[0], 1)
        assert client.command("label")[0].startswith("m-label-[")
        for address, sha256 in zip(addresses(), hashes, strict=True):
            client.address(address)
            assert (client.hash(), client.model()) == (sha256, address.name) and client.selftest().passed
        client.address(addresses()[1])
        start = client.infer(inputs[1], 1)
        following = client.infer(inputs[1], 1, fresh=False)
        assert start.outputs != following.outputs
        # The same again, with inferences and a reset of the others between both.
        assert client.infer(inputs[1], 1).outputs == start.outputs
        for other in (addresses()[2], ONLY):
            client.address(other)
            client.infer(inputs[other.number], 1)
        client.address(addresses()[1])
        assert client.infer(inputs[1], 1, fresh=False).outputs == following.outputs
        client.address(ONLY)
        with pytest.raises(DeviceError, match="No inference yet"):
            client.command("output 0")
        assert client.infer(inputs[0], 1).outputs == first.outputs
        client.address(Address("neu", 1))
        with pytest.raises(DeviceError, match="Unknown model: neu"):
            client.hash()
        client.address(addresses()[1])
        assert [line.strip() for line in client.command("help")[-3:]] == list(NAMES)


USE = """
#include "models.h"
void Say(const char* text) { platform_write(reinterpret_cast<const uint8_t*>(text), std::strlen(text)); }
void Report(model::Status status) { Say(model::StatusName(status)); Say("\\r\\n"); }
void Try() {
  namespace second = model::m8_wake_word_model;
  static uint8_t input[model::kInputBytes + second::kInputBytes] = {};
  const uint8_t* output = nullptr;
  size_t n = 0;
  model::SetInput(0, input, model::kInputBytes);
  {
    const model::Use use(second::kNumber);
    Report(model::Invoke());  // its input was never there
    Report(model::SetInput(0, input, second::kInputBytes));
    Report(model::Invoke());
    Report(model::Output(0, &output, &n));
    Say(n == second::kOutputBytes ? "its own\\r\\n" : "another's\\r\\n");
  }
  Report(model::Invoke());  // the input is gone
  Report(model::Output(0, &output, &n));
  Report(model::SetInput(0, input, model::kInputBytes));
  Report(model::Invoke());
}
"""


def test_a_program_that_mixes_two_up_is_told_so(project):
    main = project / "src/main.cpp"
    text = main.read_text().replace("namespace {\n", f"#include <cstring>\n{USE}\nnamespace {{\n", 1)
    main.write_text(text.replace("  g_session.Begin(", "  Try();\n  g_session.Begin(", 1))
    said = run_process("simulate", project, cwd=project, input="%").stdout.splitlines()
    lost = "overwritten-by-another-model"
    assert said[len(NAMES) : -3] == [lost, "ok", "ok", "ok", "its own", lost, lost, "ok", "ok"], said


def test_the_manual_of_the_project_compiles_and_disturbs_nothing(project):
    readme = (project / "README.md").read_text()
    assert "# new, 8.wake-word, svdf on" in readme and "| verdict on svdf | bit-exact" in readme
    code = readme.split("```cpp\n")[1].split("```")[0].replace("const float first =", "g_sum +=")
    headers, blocks = code.split("\n\n", 1)
    # Only what keeps no state may infer between two commands.
    blocks = blocks.replace("svdf_model", "new_model")
    main = project / "src/main.cpp"
    text = main.read_text().replace("namespace {\n", f"{headers}\nnamespace {{\nvolatile float g_sum;\n", 1)
    stateless = blocks[blocks.index("{\n", 2) :] if blocks.count("model::Use") == 1 else blocks.rsplit("\n{", 1)[1]
    main.write_text(
        text.replace("  // Your application", "  {" + stateless.removeprefix("{") + "  // Your application", 1)
    )
    assert "new_model::kNumber" in main.read_text() and "wake_word_model::kNumber" not in main.read_text()
    assert all(v.passed for v in verify_models(project, samples=4).values())


def test_one_is_asked_by_its_name(built, tmp_path):
    path = built.project
    with pytest.raises(InputError, match="has 3 models") as refused:
        microgen.verify(path, samples=4)
    assert refused.value.option == "model" and "new, 8.wake-word, svdf" in refused.value.hint
    session = tmp_path / "session.txt"
    verdict = microgen.verify(path, model="svdf", samples=4, record=session)
    assert verdict.passed and verdict.device.model_sha256 == built.deployment.models[2].model.sha256
    assert microgen.verify(path, model="svdf", samples=4, on=f"replay:{session}").device.on.startswith("replay:")
    with pytest.raises(InputError, match="no such model"):
        microgen.bench(path, model="other")
    timed = microgen.bench(path, model="8.wake-word", runs=2, warmups=0)
    assert (timed.model, timed.model_sha256) == ("8.wake-word", built.deployment.models[1].model.sha256)
    (answer,) = microgen.predict(path, np.zeros((1, 5), np.float32), model="svdf")
    assert answer.label in LABELS["svdf"] and answer.outputs[0].shape == (6,)
    assert microgen.predict(path, np.zeros((1, 8), np.float32))[0].label in LABELS["new"]
    assert microgen.selftest(path).vectors == 8 + 2 and microgen.selftest(path, model="svdf").vectors == 1
    found = microgen.inspect(path, name="svdf").to_json()
    assert (found["name"], found["models"]) == ("svdf", list(NAMES))
    assert found["memory"]["shared"]["bytes"] == built.deployment.arena.bytes


def test_the_command_line_has_all_of_them(project, tmp_path):
    if not (project / "svdf.bin").exists():
        pytest.skip("the same for each runtime, and this one compiles longer")
    golden = project / "lib/golden/golden_data.cc"
    golden.write_text(_with_last_byte_changed(golden.read_text()))
    done = run("verify", project, "--samples", "4", "--report", tmp_path / "r.html", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    said = [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith(("name", "verdict"))]
    assert said == ["new", "bit-exact", "8.wake-word", "bit-exact", "svdf", "diverged"]
    assert "golden vector 0 in lib/golden/golden_data.cc is stale" in done.stdout
    assert microgen.selftest(project).fault.startswith("svdf: golden vector 0: ")
    page = (tmp_path / "r.html").read_text()
    assert page.count("<h1>") == 3 and page.count('id="verdict"') == 1


def _with_last_byte_changed(text):
    at = text.rindex("0x")
    return f"{text[:at]}0x{int(text[at + 2 : at + 4], 16) ^ 1:02x}{text[at + 4 :]}"


def test_an_array_that_was_edited_is_that_models_fault(project):
    if (array := project / "lib/model/svdf_model_data.cc").exists():
        array.write_text(_with_last_byte_changed(array.read_text()))
        found = verify_models(project, samples=4)
        assert "the compiled array is not the model" in found["svdf"].reason
    else:
        code = project / "lib/model/svdf_model.c"
        code.write_text(code.read_text().replace("int16_t", "int8_t ", 1))
        with pytest.raises(InputError, match="does not compile"):
            verify_models(project, samples=4)


def test_what_a_manifest_says_of_further_models_is_checked(project):
    path = project / "microgen.json"
    manifest = json.loads(path.read_text())
    names = [manifest["model"]["name"], *(m["model"]["name"] for m in manifest["further_models"])]
    assert names == list(NAMES) and manifest["shared"]["arena"]["bytes"] > 0
    assert [m.manifest["golden"]["count"] for m in open_project(project).models] == [8, 1, 1]
    for damage in ({"name": "../m"}, {"name": 3}, {}):
        manifest["further_models"][1]["model"] = damage
        path.write_text(json.dumps(manifest))
        with pytest.raises(InputError, match="model"):
            open_project(project)


def test_a_check_names_the_model_that_is_another_now(files, tmp_path):
    out = microgen.build(files[:2], "pico", out=tmp_path / "p", labels={"new": LABELS["new"]}, **FAST).project
    before = tree(out)
    assert not microgen.build(files[:2], "pico", out=out, labels={"new": LABELS["new"]}, check=True, **FAST).drift
    other = [files[0], files[2]]
    drift = microgen.build(other, "pico", out=out, name=NAMES[:2], check=True, **FAST).drift
    causes = [c.what for c in drift.causes]
    assert "labels" in causes and "further_models.1.model.sha256" in causes and tree(out) == before
    alone = microgen.build(files[0], "pico", out=out, **FAST)
    left = tree(alone.project)
    assert "model.tflite" in left and not [name for name in left if "wake" in name]


REFUSED = {
    "no model": ({"model": []}, "no model"),
    "a name for one": ({"name": "a"}, "2 models and 1 name"),
    "one name twice": ({"name": ["a", "a"]}, "two models have the name 'a'"),
    "the same name in C": ({"name": ["A-b", "a.b"]}, "'A-b' and 'a.b' are the same name in C"),
    "no name": ({"name": ["a", "../b"]}, "is not a valid firmware name"),
    "labels of no model": ({"labels": LABELS["new"]}, "there are 2 models"),
    "labels of another": ({"labels": {"x": ["a"]}}, "there is no model 'x'"),
    "wrong labels": ({"labels": {"new": ["a"]}}, "1 labels for the 4 elements"),
    "data of no model": ({"calibration": "data.npy"}, "there are 2 models"),
    "an arena": ({"arena_bytes": 9000}, "only works for a firmware with one model"),
    "a budget": ({"flash_budget": 9000, "runtime": "compiled"}, "only works for a firmware with one model"),
    "a different kind of project": (
        {"project_kind": "c-library", "runtime": "compiled"},
        "kind 'c-library' support one",
    ),
    "a model in float32": ({"model": "in float32"}, "m: computes in float32.* integer models only"),
    "a sensor": ({"application": "camera"}, "the application 'camera' reads a sensor"),
    "a task that the first is not for": ({"mlperf": "vww01", "model": "stateful"}, ""),
}


@pytest.mark.parametrize("given", REFUSED)
def test_refused_before_anything_is_written(files, tmp_path, given):
    options, message = REFUSED[given]
    if given.startswith("a task"):
        (tmp_path / "int16.tflite").write_bytes(models.fully_connected(dtype="int16"))
        options, message = {"mlperf": "vww01", "model": [tmp_path / "int16.tflite", files[0]]}, "needs a model with one"
    if given == "a model in float32":
        (tmp_path / "m.tflite").write_bytes(models.in_float32(models.fully_connected()))
        options = {"model": [files[0], tmp_path / "m.tflite"], "allow_float": True}
    with pytest.raises(InputError, match=message):
        microgen.build(**{"model": files[:2], "out": tmp_path / "p", **FAST, **options})
    assert not (tmp_path / "p").exists()


def test_a_runtime_is_chosen_for_all(files, tmp_path):
    (tmp_path / "shape.tflite").write_bytes(models.one_operator("ZEROS_LIKE"))
    both = microgen.build(files[:2], "pico", out=tmp_path / "p", runtime="auto", **FAST)
    one = microgen.build([files[0], tmp_path / "shape.tflite"], "pico", out=tmp_path / "q", runtime="auto", **FAST)
    assert (both.deployment.plan.runtime, one.deployment.plan.runtime) == ("compiled", "tflm")
    assert "does not support the model" in one.runtime_reason


def test_the_command_line_takes_options_for_each(files, tmp_path):
    (tmp_path / "l.txt").write_text("a\nb\nc\nd\n")
    names = ["--name", "one", "--name", "two", "--labels", f"one={tmp_path / 'l.txt'}"]
    done = run("build", *files[:2], "--board", "esp32", *names, "--no-verify", "--json", cwd=tmp_path)
    assert [m["model"]["name"] for m in json.loads(done.stdout)["models"]] == ["one", "two"]
    opened = open_project(tmp_path / "one-two-esp32")
    assert opened.manifest["labels"] == list("abcd") and project_board(opened).name == "esp32"
    assert load(opened.models[1].model_file()).sha256 == load(files[1]).sha256
    with pytest.raises(InputError, match="cannot be tuned"):
        microgen.tune(opened.path, "tcp://localhost:1")
    assert (
        parse_of_models(["x"], "labels", several=False) == "x" and parse_of_models([], "labels", several=True) is None
    )
    assert parse_of_models(["random"], "calibration", several=True) == "random"
    for texts, several in ((["a", "b"], False), (["a"], True), (["a=1", "a=2"], True)):
        with pytest.raises(InputError) as refused:
            parse_of_models(texts, "labels", several=several)
        assert refused.value.option == "labels" and "NAME=" not in refused.value.hint


def test_several_boards_get_them_too(files, tmp_path):
    results = microgen.build_all(files[:2], ["pico", "esp32"], out=tmp_path, **FAST)
    assert [r.result.project.name for r in results] == ["new-8.wake-word-pico", "new-8.wake-word-esp32"]
    assert all(len(r.to_json()["result"]["models"]) == 2 for r in results)


def test_they_run_on_the_emulated_cpu_of_the_board(built):
    if built.deployment.plan.runtime == "tflm" or missing_packages([built.deployment.board.processor]):
        pytest.skip("no TFLM for it, or no emulator")
    found = verify_models(built.project, samples=6, on="emulator")
    assert [v.summary().split(",")[0] for v in found.values()] == ["bit-exact on 6 samples"] * 3
    counted = microgen.bench(built.project, "emulator", model="svdf", runs=1)
    assert [entry["op"] for entry in counted.instructions_by_operator] == ["SVDF"] and counted.instructions > 100
