"""verify, bench, predict, selftest and simulate on an emulated CPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen.boards import load_cpu
from microgen.devices.emulator import missing_packages
from microgen.errors import SetupError
from microgen.runtimes import RUNTIMES
from microgen.tflite import load
from microgen.verification import make_samples
from microgen.workflows.bench import bench, read_bench, selftest, write_bench
from tests.support import models
from tests.support.stand_in import Table, runner_of, table_project


def needs_cpu(name: str) -> None:
    if missing := missing_packages([load_cpu(name)]):
        pytest.skip(f"not installed (Debian): {', '.join(missing)}")


_MAIN = """import sys
from microgen.__main__ import main
from microgen.runtimes import RUNTIMES
from tests.support.stand_in import Table
RUNTIMES.register(Table())
sys.argv[0] = "microgen"
main()
"""


def microgen_command(*arguments, **options):
    command = [sys.executable, "-c", _MAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module", autouse=True)
def table():
    RUNTIMES.register(Table())
    yield
    RUNTIMES.unregister("table")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    needs_cpu("cortex-m4f")
    return table_project(models.fully_connected(), "nano33ble", tmp_path_factory.mktemp("emulated"))


@pytest.mark.parametrize(
    ("board", "cpu"),
    [("pico", "Cortex-M0+"), ("pico2", "Cortex-M33"), ("teensy41", "Cortex-M7"), ("esp32c3", "RV32IMC")],
)
def test_verify_names_the_cpu_of_the_board(board, cpu, tmp_path):
    needs_cpu(microgen.load_board(board).cpu)
    path = table_project(models.two_by_two(), board, tmp_path)
    verdict = microgen.verify(path, samples=20, on="emulator")
    assert verdict.summary().startswith(f"bit-exact on 20 samples, {cpu} (emulated) (firmware = TFLM")
    assert verdict.device.cpu == verdict.to_json()["device"]["cpu"] == cpu
    assert (verdict.device.on, verdict.device.name) == ("emulator", board)


def test_a_firmware_that_answers_wrongly_has_diverged(project, tmp_path):
    path = table_project(models.fully_connected(), "nano33ble", tmp_path)
    runner = runner_of(path)
    text = runner.read_text()
    last = re.findall(r"\}, \{(.*)\}\},$", text, re.M)[-1]
    first, rest = last.split(", ", 1)
    runner.write_text(text.replace(last, f"{int(first) ^ 1}, {rest}", 1) if text.count(last) == 1 else "")
    verdict = microgen.verify(path, samples=20, on="emulator")
    assert (verdict.status, verdict.firmware) == ("diverged", "differs")
    assert "is not TFLM's on 1 of 20 samples (first: sample 19)" in verdict.reason


def test_bench_counts_instructions_exactly(project, tmp_path):
    first, second = (bench(project, "emulator") for _ in range(2))
    for name in ("instructions", "instructions_by_operator", "stack_bytes", "firmware_stack_bytes", "estimated_ms"):
        assert getattr(first, name) == getattr(second, name)
    assert first.cpu == "Cortex-M4F" and first.emulator == "qemu-system-arm -M mps2-an386"
    assert first.runs == 2 and len(set(first.times_us)) <= 2
    [operator] = first.instructions_by_operator
    assert (operator["index"], operator["op"]) == (0, "FULLY_CONNECTED")
    assert operator["instructions"] + first.instructions_outside == first.instructions > 20
    cost = load_cpu("cortex-m4f").cost
    assert first.estimated_ms == pytest.approx(first.instructions * cost.cycles_per_instruction / 64e3)
    assert first.estimate_error_percent == cost.error_percent
    assert 0 < first.stack_bytes < first.firmware_stack_bytes < 4096
    assert first.flash_bytes > 15_000 and first.ram_bytes > 500
    write_bench(first, tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json") == first
    shown = microgen_command("bench", project, "--on", "emulator", "--against", tmp_path / "bench.json").stdout
    assert f"{first.instructions:,}" in shown and "0 FULLY_CONNECTED" in shown and "+-35 %" in shown
    plain = json.loads(microgen_command("bench", project, "--on", "emulator", "--json").stdout)
    assert plain["instructions"] == first.instructions and plain["cpu"] == "Cortex-M4F"


def test_predict_and_selftest(project):
    model = load(project / "model.tflite")
    [inputs] = make_samples(model, 20, 0)
    [predicted] = microgen.predict(project, inputs[5:6], on="emulator")
    assert predicted.outputs[0].shape == model.outputs[0].shape[1:] and np.isfinite(predicted.outputs[0]).all()
    assert selftest(project, "emulator").passed


def test_simulate_serves_its_serial_port_until_its_input_ends(project):
    done = microgen_command("simulate", project, "--on", "emulator", input="name%hash%selftest%")
    assert done.returncode == 0, done.stderr
    assert "m-name-dut-[nano33ble]" in done.stdout and done.stdout.endswith("m-selftest-[pass,8]\nm-ready\n")
    assert "nothing is simulated there" in microgen_command("simulate", project, "--on", "COM3").stderr


def test_a_sessions_record_can_be_replayed(project, tmp_path):
    record = tmp_path / "session.txt"
    assert microgen.verify(project, samples=4, on="emulator", record=record).passed
    assert microgen.verify(project, samples=4, on=f"replay:{record}").passed


def test_tflm_is_refused_with_what_runs_there(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    path = microgen.build(tmp_path / "m.tflite", "nano33ble", out=tmp_path / "p", samples=4, verify=False).project
    done = microgen_command("verify", path, "--on", "emulator")
    assert done.returncode == 3
    assert "no TFLM for Cortex-M4F on this machine; the compiled runtime runs there" in done.stderr


def test_a_machine_without_a_cross_compiler_is_told_the_packages(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="the Debian packages gcc-arm-none-eabi, ") as caught:
        microgen.verify(project, samples=4, on="emulator")
    assert caught.value.exit_code == 3 and caught.value.hint.startswith("apt-get install")


def test_a_board_without_an_emulator_is_refused(tmp_path):
    path = table_project(models.fully_connected(), "esp32s3", tmp_path)
    with pytest.raises(SetupError, match="Xtensa LX7 cannot be emulated"):
        microgen.verify(path, samples=4, on="emulator")
