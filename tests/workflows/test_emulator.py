"""verify, bench, predict, selftest and simulate on an emulated CPU."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.boards import load_cpu
from microgen.errors import InputError, SetupError
from microgen.report.models import _fit_lines
from microgen.runtimes import RUNTIMES
from microgen.tflite import load
from microgen.verification import make_samples
from microgen.workflows.bench import bench, read_bench, selftest, write_bench
from tests.support import models
from tests.support.command_line import run
from tests.support.projects import with_application
from tests.support.tools import needs_cpu

PLUGIN = Path(__file__).parent.parent / "plugin"


_MAIN = """import sys
import plain_runtime
from microgen.cli.main import main
from microgen.runtimes import RUNTIMES
RUNTIMES.register(plain_runtime.RUNTIME)
sys.argv[0] = "microgen"
main()
"""


def simulate(project, typed):
    command = [sys.executable, "-c", _MAIN, "simulate", project, "--on", "emulator"]
    environment = {**os.environ, "PYTHONPATH": str(PLUGIN)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, input=typed)


@pytest.fixture(scope="module", autouse=True)
def plain():
    """A runtime of a few lines of C and C++ that computes FULLY_CONNECTED."""
    sys.path.insert(0, str(PLUGIN))
    import plain_runtime

    RUNTIMES.register(plain_runtime.RUNTIME)
    yield
    RUNTIMES.unregister("plain")
    sys.path.remove(str(PLUGIN))
    del sys.modules["plain_runtime"]


def built(board: str, folder: Path, runtime: str = "plain") -> Path:
    """A project with one FULLY_CONNECTED operator, not verified."""
    (folder / "m.tflite").write_bytes(models.fully_connected())
    model = folder / "m.tflite"
    return microgen.build(model, board, out=folder / "p", samples=8, verify=False, runtime=runtime).project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    needs_cpu("cortex-m4f")
    return built("nano33ble", tmp_path_factory.mktemp("emulated"))


@pytest.mark.parametrize(
    ("board", "cpu"),
    [("pico", "Cortex-M0+"), ("pico2", "Cortex-M33"), ("teensy41", "Cortex-M7"), ("esp32c3", "RV32IMC")],
)
def test_verify_names_the_cpu_of_the_board(board, cpu, tmp_path):
    needs_cpu(microgen.load_board(board).cpu)
    path = built(board, tmp_path)
    verdict = microgen.verify(path, samples=20, on="emulator")
    assert verdict.summary().startswith(f"bit-exact on 20 samples, {cpu} (emulated) (firmware = TFLM")
    assert verdict.device.cpu == verdict.to_json()["device"]["cpu"] == cpu
    assert (verdict.device.on, verdict.device.name) == ("emulator", board)


@pytest.mark.parametrize("board", ["pico", "nano33ble", "esp32c3"])
def test_the_compiled_runtime_runs_there_operator_by_operator(board, tmp_path):
    needs_cpu(microgen.load_board(board).cpu)
    (tmp_path / "m.tflite").write_bytes(models.residual(200))
    options = {"out": tmp_path / "p", "samples": 20, "runtime": "compiled", "verify_on": "emulator"}
    result = microgen.build(tmp_path / "m.tflite", board, **options)
    # LiteRT rounds its LOGISTIC otherwise than TFLM, which is what the firmware must equal.
    assert result.verdict.firmware == "equal" and result.verdict.device.on == "emulator"
    found = bench(result.project, "emulator")
    operators = load(tmp_path / "m.tflite").main.operators
    assert [(o["index"], o["op"]) for o in found.instructions_by_operator] == [(o.index, o.name) for o in operators]
    counted = sum(o["instructions"] for o in found.instructions_by_operator)
    assert counted + found.instructions_outside == found.instructions and abs(found.instructions_outside) < 100
    # Kernels, weights and the buffer lie in folders of their own.
    assert found.model_code_bytes > 500 and found.model_constant_bytes > 0 and found.model_ram_bytes >= 400


def test_a_firmware_that_answers_wrongly_has_diverged(project, tmp_path):
    path = Path(shutil.copytree(project, tmp_path / "p"))
    runner = path / "lib/model/model_runner.cc"
    text = runner.read_text()
    assert text.count("kBias[4] = {") == 1
    runner.write_text(text.replace("kBias[4] = {", "kBias[4] = {5000 + "))
    verdict = microgen.verify(path, samples=20, on="emulator")
    assert (verdict.status, verdict.firmware) == ("diverged", "differs")
    assert "is not TFLM's on" in verdict.reason and verdict.device.cpu == "Cortex-M4F"
    assert not selftest(path, "emulator").passed


def test_a_build_is_verified_on_the_emulator_at_once(tmp_path):
    needs_cpu("cortex-m0plus")
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    steps = []
    result = microgen.build(
        tmp_path / "m.tflite", "pico", out=tmp_path / "p", samples=8, runtime="plain", verify_on="emulator",
        on_step=steps.append,
    )  # fmt: skip
    assert result.verdict.status == "bit-exact" and result.verdict.device.cpu == "Cortex-M0+"
    assert "compiling the firmware for an emulated Cortex-M0+ and running it" in steps
    assert "8 samples, Cortex-M0+ (emulated)" in (tmp_path / "p/README.md").read_text()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"verify_on": "pico"}, InputError, "verify_on=pico: a build cannot be verified there"),
        ({"verify_on": "emulator", "runtime": "tflm"}, SetupError, "no TFLM for Cortex-M0+ on this machine"),
        ({"verify_on": "emulator", "board": "esp32"}, SetupError, "Xtensa LX6 cannot be emulated"),
        ({"verify_on": "emulator", "board": "esp32", "runtime": "tflm"}, SetupError, "Xtensa LX6 cannot be emulated"),
    ],
)
def test_a_build_that_cannot_be_verified_there_writes_nothing(options, error, message, tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    arguments = {"board": "pico", "runtime": "plain", "samples": 8, "out": tmp_path / "p", **options}
    with pytest.raises(error, match=re.escape(message)) as refused:
        microgen.build(tmp_path / "m.tflite", **arguments)
    assert "on=host" not in refused.value.hint.replace("verify_on=host", "")
    assert not (tmp_path / "p").exists()


def test_an_application_that_infers_beside_a_session_changes_no_answer(project, tmp_path):
    alone = microgen.verify(project, samples=100, on="emulator")
    path = with_application(shutil.copytree(project, tmp_path / "p"))
    verdict = microgen.verify(path, samples=100, on="emulator")
    assert (verdict.status, verdict.firmware, verdict.samples) == (alone.status, "equal", 100)


def test_bench_counts_instructions_exactly(project, tmp_path):
    first, second = (bench(project, "emulator") for _ in range(2))
    for name in ("instructions", "instructions_by_operator", "stack_bytes", "firmware_stack_bytes", "estimated_ms"):
        assert getattr(first, name) == getattr(second, name)
    assert first.cpu == "Cortex-M4F" and first.emulator == "qemu-system-arm -M mps2-an386"
    assert first.runs == 2 and len(set(first.times_us)) <= 2
    [operator] = first.instructions_by_operator
    assert (operator["index"], operator["op"]) == (0, "FULLY_CONNECTED")
    assert operator["instructions"] + first.instructions_outside == first.instructions > 200
    cost = load_cpu("cortex-m4f").cost
    assert first.estimated_ms == pytest.approx(first.instructions * cost.cycles_per_instruction / 64e3)
    assert first.estimate_error_percent == cost.error_percent
    assert 0 < first.stack_bytes < first.firmware_stack_bytes < 4096
    assert first.flash_bytes > 15_000 and first.ram_bytes > 500
    # 32 weights and 4 biases; input and output, the flag, and whatever aligns them.
    assert 32 + 16 <= first.model_constant_bytes < 200 and 8 + 4 + 1 <= first.model_ram_bytes < 40
    assert 100 < first.model_code_bytes < 1000
    write_bench(first, tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json") == first
    shown = run("bench", project, "--on", "emulator", "--against", tmp_path / "bench.json", cwd=tmp_path).stdout
    assert f"{first.instructions:,}" in shown and "0 FULLY_CONNECTED" in shown and "+-35 %" in shown
    plain = json.loads(run("bench", project, "--on", "emulator", "--json", cwd=tmp_path).stdout)
    assert plain["instructions"] == first.instructions and plain["cpu"] == "Cortex-M4F"


def test_inspect_estimates_the_time_before_anything_is_flashed(project, tmp_path):
    counts = microgen.inspect(project).counts
    measured = bench(project, "emulator")
    assert (counts.instructions, counts.estimated_ms) == (measured.instructions, measured.estimated_ms)
    plain = microgen.inspect(project).to_json()["counts"]
    assert (plain["cpu"], plain["instructions"]) == ("Cortex-M4F", counts.instructions)
    # The arena's line is of TFLM alone.
    shown = {**microgen.inspect(built("nano33ble", tmp_path, "tflm")).to_json(), "counts": plain}
    [line] = [text for name, text in _fit_lines(shown, "planned", "", "") if name == "time"]
    assert line.endswith(f"ms per inference, +-35 % ({counts.instructions:,} instructions on an emulated Cortex-M4F)")


def test_inspect_does_without_what_cannot_be_emulated(project, tmp_path, monkeypatch):
    assert microgen.inspect(built("nano33ble", tmp_path, "tflm")).counts is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert microgen.inspect(project).counts is None


def test_predict_and_selftest(project):
    model = load(project / "model.tflite")
    [inputs] = make_samples(model, 20, 0)
    [predicted] = microgen.predict(project, inputs[5:6], on="emulator")
    assert predicted.outputs[0].shape == model.outputs[0].shape[1:] and np.isfinite(predicted.outputs[0]).all()
    assert selftest(project, "emulator").passed


def test_simulate_serves_its_serial_port_until_its_input_ends(project):
    done = simulate(project, "name%hash%selftest%")
    assert done.returncode == 0, done.stderr
    assert "m-name-dut-[nano33ble]" in done.stdout and done.stdout.endswith("m-selftest-[pass,8]\nm-ready\n")
    assert "a firmware cannot be simulated there" in run("simulate", project, "--on", "COM3", cwd=project).stderr


def test_a_sessions_record_can_be_replayed(project, tmp_path):
    record = tmp_path / "session.txt"
    assert microgen.verify(project, samples=4, on="emulator", record=record).passed
    assert microgen.verify(project, samples=4, on=f"replay:{record}").passed


def test_tflm_is_refused_with_what_runs_there(tmp_path):
    path = built("nano33ble", tmp_path, "tflm")
    done = run("verify", path, "--on", "emulator", cwd=tmp_path)
    assert done.returncode == 3
    assert "no TFLM for Cortex-M4F on this machine; the compiled runtime runs there" in done.stderr
    assert "--runtime compiled" in done.stderr and "(--on host)" in done.stderr


def test_a_machine_without_a_cross_compiler_is_told_the_packages(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="the Debian packages gcc-arm-none-eabi, ") as caught:
        microgen.verify(project, samples=4, on="emulator")
    assert caught.value.exit_code == 3 and caught.value.hint.startswith("apt-get install")


def test_a_board_without_an_emulator_is_refused(tmp_path):
    path = built("esp32s3", tmp_path)
    with pytest.raises(SetupError, match="Xtensa LX7 cannot be emulated") as caught:
        microgen.verify(path, samples=4, on="emulator")
    assert "compiled" not in caught.value.hint, "no runtime runs there"


def test_a_model_alone_runs_on_no_port(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match=r"m\.tflite: a model alone has no firmware") as caught:
        microgen.verify(tmp_path / "m.tflite", samples=4, on="emulator")
    assert caught.value.option == "on"
