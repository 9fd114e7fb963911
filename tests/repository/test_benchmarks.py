"""The benchmarks' own machinery: what it measures, and what it says of what cannot be measured."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from benchmarks import __main__ as command_line
from benchmarks import (
    camera,
    compression,
    instructions,
    limits,
    machine,
    measure,
    outcome,
    peers,
    preprocessing,
    report,
    semihosting,
)
from benchmarks.commands import command_names
from benchmarks.models import Model
from benchmarks.tools import TOOLS, Outcome, Tool, bakenn
from benchmarks.tools import tool as look
from microgen.compression.price import Price
from microgen.preprocessing.log_mel import LogMel
from microgen.tflite import parse
from tests.support import models
from tests.support.audio import signals
from tests.support.tools import needs, needs_cpu, needs_host


def python(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def model(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    return Model("small", tmp_path / "small.tflite")


def test_a_command_is_timed_with_its_memory_and_output(tmp_path):
    seconds, cpu, peak, said = measure.run(python("x = b'x' * 50_000_000; print('said')"), tmp_path)
    assert cpu > 0
    assert 0 < seconds < 60 and 50 < peak < 90 and said == "said\n"
    assert measure.run(["true"], tmp_path)[2] < 20, "the memory of whoever measures does not count"


def test_a_command_that_fails_is_quoted(tmp_path):
    with pytest.raises(measure.CommandFailed, match="ValueError: no such op"):
        measure.run(python("raise ValueError('no such op')"), tmp_path)
    with pytest.raises(measure.CommandFailed, match="no-such-program"):
        measure.run(["no-such-program"], tmp_path)


def test_tools_take_turns_and_one_that_fails_does_not_stop_the_others(tmp_path):
    asked = []

    def tool(name, code):
        def command(folder):
            assert not list(folder.iterdir()), "each run has a clean folder"
            asked.append(name)
            return python(code)

        return command

    tools = {"good": tool("good", "open('left', 'w')"), "bad": tool("bad", "raise SystemExit('bad model')")}
    good, bad = measure.take_turns("topic", "what", tools, 2, {"good": "remark"})
    assert asked == ["good", "bad", "good", "good"]
    assert len(good.seconds) == 2 and good.remark == "remark" and good.to_json()["median_s"] > 0
    assert bad.seconds == [] and bad.remark == "fails: bad model" and bad.to_json()["median_s"] is None


def test_a_tool_that_cannot_be_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "FOLDER", tmp_path / "peers")
    monkeypatch.setattr(peers, "BIN", tmp_path / "peers/bin")
    assert peers.install(()) == ""
    said = peers.install((f"nothing @ file://{tmp_path}/none-1.0-py3-none-any.whl",))
    assert said.startswith("cannot be installed: ERROR")


def test_what_a_tool_refuses_and_what_it_makes(model):
    def command(model, folder):
        return python("raise SystemExit('unsupported operator')")

    def examine(model, folder, said):
        return Outcome(said.strip())

    refusing = Tool("refusing", (), ("tflite",), command, examine, "")
    keras_only = Tool("keras only", (), ("keras",), command, examine, "")
    making = Tool("making", (), ("onnx", "tflite"), lambda model, folder: python("print('a file')"), examine, "")
    found = outcome.outcomes([model], [refusing, keras_only, making])
    assert [(o["tool"], o["makes"]) for o in found] == [
        ("refusing", "nothing: unsupported operator"),
        ("making", "a file"),
    ]


def test_microgens_own_outcome(model):
    needs_host()
    needs("g++", "g++")
    (found,) = outcome.outcomes([model], [TOOLS[0]])
    assert found["compiles"] == found["runs"] == "yes" and found["operators"] == "exactly the model's"
    assert "on 100 samples: firmware equal to TFLM" in found["check"]


def test_xxds_outcome(model):
    needs("xxd", "xxd")
    needs("gcc", "gcc")
    (found,) = outcome.outcomes([model], [next(t for t in TOOLS if t.name == "xxd -i")])
    assert found["compiles"].startswith("yes; ") and found["runs"] == "in TFLM: yes"


def test_a_tool_gets_a_model_in_the_first_of_its_formats():
    both = Model("m", tflite=Path("m.tflite"), onnx=Path("m.onnx"))
    assert both.file(("keras", "onnx", "tflite")) == Path("m.onnx") and both.file(("keras",)) is None
    assert not any(tool.reads(both) for tool in TOOLS if tool.name == "esp-easy-ai")


def test_bakenn_gets_a_copy_without_open_sizes_and_the_last_softmax():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 2, 2], signature=[-1, 2, 2]), b.tensor("y", [1, 4], signature=[-1, 4])
    b.op("RESHAPE", [x, b.tensor("shape", [2], "int32", values=[1, 4])], [y])
    z = b.tensor("z", [1, 4], scale=1 / 256, zero_point=-128, signature=[-1, 4])
    b.op("SOFTMAX", [y], [z], schema.SoftmaxOptionsT())
    copy = bakenn.normalised(parse(b.build([x], [z]), "m", "m"))
    tree = schema.ModelT.InitFromPackedBuf(copy.data, 0).subgraphs[0]
    assert [t.shapeSignature for t in tree.tensors] == [None] * 4
    assert list(tree.outputs) == [y] and list(tree.operators[0].builtinOptions.newShape) == [1, 4]


def test_what_tools_make_is_looked_at(model, tmp_path):
    assert look.c_bytes("const unsigned char m[2] = {\n 0x01, 0xfF };\nint n = {0x05};") == b"\x01\xff"
    assert look.in_tflm(model.tflite.read_bytes()) == "yes"
    assert look.in_tflm(b"nothing").startswith("no: ")
    assert look.operators(model.tflite, {"AddFullyConnected"}) == "exactly the model's"
    assert look.operators(model.tflite, {"AddMean", "AddAdd"}) == "missing: AddFullyConnected; 2 unused"
    needed = look.needed_on_board(model.tflite)
    assert look.arena(model.tflite, needed - 1).endswith("too small")
    assert look.arena(model.tflite, needed).endswith("1.00 times")
    expected = np.float32([[0.5, -2], [1, 1]])
    assert look.against_onnxruntime(expected, expected.astype(np.float64)) == "of 2 samples 0 differ from onnxruntime"
    said = look.against_onnxruntime(expected, expected + np.float32([[0, 0], [0, 0.25]]))
    assert said == "of 2 samples 1 differ from onnxruntime, by at most 0.25 (outputs reach 2)"
    (tmp_path / "bad.c").write_text("int f(void) { return undeclared; }")
    needs("gcc", "gcc")
    assert "undeclared" in look.compile_all([tmp_path / "bad.c"])


def test_the_results_are_written_as_markdown_and_json(tmp_path):
    rows = [
        measure.Row("start", "a|b", "x", [0.2, 0.1, 0.4], 10, "re<mark>"),
        measure.Row("start", "c", "y", remark="fails: no"),
    ]
    results = report.Results(machine.machine(), machine.versions(), rows)
    results.outcomes = [{"model": "m", "tool": "t", **vars(Outcome("a thing"))}]
    results.problems = {"speed": ["z: cannot be installed", "m is not here"], "limits": []}
    text = report.write(tmp_path, results)
    assert text == (tmp_path / "RESULTS.md").read_text()
    assert "| a\\|b | x | 3 | 0.2 | 0.1 to 0.4 | 10 | re&lt;mark> |" in text
    assert "| c | y | - | - | - | - | fails: no |" in text
    assert text.endswith("## Not measured\n\n- speed: z: cannot be installed; m is not here\n")
    found = json.loads((tmp_path / "RESULTS.json").read_text())
    assert found["rows"][0]["median_s"] == 0.2 and found["rows"][0]["seconds"] == [0.2, 0.1, 0.4]
    assert found["versions"]["microgen"] and found["machine"]["cores"]
    assert report.read(tmp_path) == results


def test_compression_is_compared_with_ptq_of_the_same_seed(tmp_path, monkeypatch):
    def priced(score, size):
        return Price(1000, 900, score, score, score, 5 * size, 3 * size, 2 * size, size)

    asked = []

    def compress(model, chain, **options):
        asked.append((model.parent.name, chain, options))
        alone = options.get("alpha") == 1
        return SimpleNamespace(after=priced(options["before"].tflm_score + (0.01 if alone else 0.02), 500))

    def train(recipe, out, seed):
        out.mkdir()
        (out / f"{recipe}.keras").touch()

    scores = {11: 0.9, 12: 0.92}
    monkeypatch.setattr(compression, "price", lambda *x, seed, **y: SimpleNamespace(after=priced(scores[seed], 1000)))
    monkeypatch.setattr(compression.microgen, "compress", compress)
    monkeypatch.setattr(compression.microgen, "train", train)
    cases = [compression.Case("prune:0.8+qat"), *compression.PAIRS[0]]
    figures = [compression.measure("digits", seed, cases, tmp_path) for seed in scores]
    assert [x[:2] for x in asked[:2]] == [("digits-11", ["prune:0.8", "qat"]), ("digits-11", ["distill:0.25"])]
    assert [x[2].get("alpha") for x in asked[:3]] == [None, 1, None] and all(x[2]["seed"] in scores for x in asked)
    assert [compression.measure("digits", seed, cases, tmp_path) for seed in scores] == figures and len(asked) == 6
    text = "\n".join(compression.report("accuracy", list(scores), figures, cases))
    assert "Seeds 11, 12." in text and "| PTQ | 0.9100 +- 0.0141 |  | 1.00 |" in text
    assert "| `prune:0.8+qat` | 0.9300 +- 0.0141 | +0.0200 +- 0.0000 | 0.50 | 0.50 | 1.00 | 1.00 | 0.50 |" in text
    assert "taught, 3 epochs against alone: +0.0100 +- 0.0000" in text
    assert compression.with_error([0.0, 0.002]) == "+0.0010 +- 0.0010"


def test_the_front_end_is_measured_on_an_emulated_cpu(tmp_path):
    cpu = semihosting.CPUS["m0plus"]
    needs_cpu(cpu.board_cpu)
    front, samples = LogMel(), signals(800)["speech"]
    figures = preprocessing.measure_microgen(front, samples, cpu, "-O2", tmp_path)
    assert figures.features.shape == (3, 40) and (figures.features == front.frames(samples)).all()
    assert figures.instructions > 100_000 and figures.ram_bytes == 2164 and 0 < figures.stack_bytes < 600


def test_a_camera_is_counted_on_an_emulated_cpu(tmp_path):
    needs_cpu("rv32imc")
    assert 1_000_000 < camera.instructions("esp32c3", 1, tmp_path) < 4_000_000


def test_every_command_is_timed():
    assert {"build", "verify", "doctor"} <= set(command_names())


def test_the_command_line_says_what_there_is():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2 and "topics: speed, outcome" in done.stderr


def test_the_memory_of_all_processes_of_a_command_counts_together(tmp_path):
    child = "import time; x = b'x' * 40_000_000; time.sleep(0.3)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('done')"
    _, one, code, said = limits.watch(python(start), tmp_path)
    _, two, _, _ = limits.watch(python(f"x = b'x' * 40_000_000; {start}"), tmp_path)
    assert (code, said) == (0, "done") and 40 < one < two - 30 < 120
    assert limits.watch(python("raise SystemExit('no')"), tmp_path)[2:] == (1, "no")


def test_all_processes_of_a_command_end_at_its_deadline(tmp_path):
    """A grandchild in a session of its own, whose parent waits."""
    waits = "import os, time; os.setsid(); open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    start = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}])"
    seconds, _, code, _ = limits.watch(python(start.format(start.format(waits))), tmp_path, deadline_s=1)
    assert seconds < 10 and code == -signal.SIGKILL
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


@pytest.mark.parametrize(
    ("data", "elements"),
    [(limits.wide_input(1000), 1000), (limits.wide_output(50), 50), (limits.long_chain(5), 16)],
)
def test_the_models_whose_limits_are_measured_are_sound(data, elements, tmp_path):
    (tmp_path / "m.tflite").write_bytes(data)
    verdict = microgen.verify(tmp_path / "m.tflite", samples=4)
    assert verdict.passed and microgen.load(tmp_path / "m.tflite").inputs[0].elements == elements


def test_a_model_with_large_weights_is_built_for_a_large_board(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(limits.large_weights(50_000))
    built = microgen.build(tmp_path / "m.tflite", limits.large_board(tmp_path), out=tmp_path / "p", samples=4)
    assert built.verdict.firmware == "equal"


@pytest.mark.parametrize("kind", ["endless", "digits"])
def test_a_hostile_board_is_left_with_an_error(kind, tmp_path):
    case = next(c for c in limits.CASES if c.command(tmp_path)[-1] == kind)
    found = limits.measure(case)
    assert found.remark.startswith("firmware: ") and found.holds


BOUND = limits.Limit("a model", 3, 100, 1.234, 70, 0, "verdict bit-exact")


@pytest.mark.parametrize(
    ("changed", "cells"),
    [
        ({}, "| 3 | 1.23 | 100 | 70 | yes |"),
        ({"seconds": 3.1}, "| 3 | 3.1 | 100 | 70 | no |"),
        ({"peak_mb": 101}, "| 3 | 1.23 | 100 | 101 | no |"),
        ({"code": 2}, "| 3 | 1.23 | 100 | 70 | no |"),
    ],
)
def test_a_limit_that_does_not_hold_is_said(changed, cells, tmp_path, monkeypatch):
    bound = dataclasses.replace(BOUND, **changed)
    assert f"| a model {cells} verdict bit-exact |" in report.write(tmp_path, report.Results(limits=[bound]))
    monkeypatch.setattr(limits, "limits", lambda: [bound])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "limits", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) if changed else contextlib.nullcontext():
        command_line.main()
    assert report.read(tmp_path).problems["limits"] == (["a model: beyond its bounds"] if changed else [])


def test_a_topic_measured_again_leaves_the_others(tmp_path):
    row, other = measure.Row("start", "--help", "microgen", [0.1]), measure.Row("start", "build", "microgen", [3.0])
    first = report.Results({"cores": "2"}, {"g++": "12"}, [row, other], problems={"speed": ["no tool"]})
    report.write(tmp_path, first)
    found = report.Results({"cores": "4"}, {"numpy": "2"}, limits=[BOUND], problems={"limits": []}).over(
        report.read(tmp_path)
    )
    assert found.rows == [row, other] and found.limits == [BOUND] and found.versions == {"g++": "12", "numpy": "2"}
    assert found.machine == {"cores": "4"} and found.problems == {"speed": ["no tool"], "limits": []}
    slower = dataclasses.replace(row, seconds=[0.2])
    found = report.Results(rows=[slower], problems={"speed": []}).over(found)
    assert found.rows == [other, slower] and found.limits == [BOUND] and not found.problems["speed"]


def test_instructions_are_counted_on_each_cpu_and_the_same_in_each_run(model, tmp_path):
    problems: list[str] = []
    counts = instructions.counts([model], problems)
    if not counts:
        pytest.skip("; ".join(problems))
    assert instructions.counts([model], []) == counts
    assert not any("not TFLM's" in problem for problem in problems)
    assert all(c.instructions > 0 and c.weights_bytes > 0 and c.stack_bytes > 0 for c in counts)
    assert f"| small | {counts[0].cpu} | {counts[0].optimize} |" in report.write(
        tmp_path, report.Results(instructions=counts)
    )
