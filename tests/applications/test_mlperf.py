"""MLPerf Tiny's protocol: the commands that the benchmark's own runner sends, in its order, each line checked."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.verification.samples import quantize
from tests.support import models
from tests.support.serial_board import SerialBoard
from tests.support.tools import needs_host

serial = pytest.importorskip("serial", reason="pyserial opens the port as the benchmark's runner does")

BYTES_PER_COMMAND = 31
PROFILE = "m-profile-[ULPMark for tinyML Firmware V0.0.1]"


class Runner:
    """Sends a command and reads lines up to m-ready, as the benchmark's runner does."""

    def __init__(self, port):
        self.port = serial.Serial(port, 115200, timeout=10)

    def __enter__(self):
        # What a board says when it starts may come before the port is open, or after.
        self.port.write(b"timestamp%")
        self.port.read_until(b"m-lap-us-")
        self.port.read_until(b"m-ready\r\n")
        return self

    def __exit__(self, *_):
        self.port.close()

    def send(self, command):
        self.port.write(f"{command}%".encode())
        lines = []
        while not lines or lines[-1] != "m-ready":
            line = self.port.readline()
            assert line.endswith(b"\r\n"), (command, lines, line)
            lines.append(line[:-2].decode("ascii"))
        return lines[:-1]

    def load(self, data):
        assert self.send(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
        for i in range(0, len(data), BYTES_PER_COMMAND):
            last = i + BYTES_PER_COMMAND >= len(data)
            chunk = data[i : i + BYTES_PER_COMMAND]
            assert self.send("db " + chunk.hex()) == (["m-load-done"] if last else [])

    def infer(self, runs, warmups):
        lines = self.send(f"infer {runs} {warmups}")
        assert lines[:3] == [f"m-warmup-start-{warmups}", "m-warmup-done", f"m-infer-start-{runs}"]
        start, end = (int(re.fullmatch(r"m-lap-us-(\d+)", line)[1]) for line in lines[3:5])
        assert start <= end and lines[5] == "m-infer-done" and len(lines) == 7
        return [float(x) for x in re.fullmatch(r"m-results-\[([^]]+)\]", lines[6])[1].split(",")]


def expected(path, quantized):
    """What TFLM's own Python package gives, as numbers."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    interpreter.set_input(quantized.reshape(interpreter.get_input_details(0)["shape"]), 0)
    interpreter.invoke()
    details = interpreter.get_output_details(0)["quantization_parameters"]
    raw = interpreter.get_output(0).ravel()
    return (raw.astype(np.float64) - details["zero_points"][0]) * details["scales"][0]


TASKS = [
    ("kws01", "kws_ref_model", 490),
    ("ic01", "pretrainedResnet_quant", 3072),
    ("ad01", "ad01_int8", 640 * 4),
]


@pytest.mark.parametrize(("task", "name", "size"), TASKS)
def test_the_official_sequence(task, name, size, shared_models, tmp_path):
    needs_host()
    path = shared_models / f"{name}.tflite"
    out = microgen.build(path, "pico", out=tmp_path / "p", mlperf=task, samples=4).project
    tensor = microgen.load(path).inputs[0]
    rng = np.random.default_rng(1)
    with SerialBoard(out) as board, Runner(board.port) as runner:
        assert runner.send("name") == ["m-name-dut-[pico]"]
        assert runner.send("profile") == [PROFILE, f"m-model-[{task}]"]
        first, second = (int(runner.send("timestamp")[0].removeprefix("m-lap-us-")) for _ in range(2))
        assert 0 <= first < second
        for runs, warmups in ((1, 0), (3, 2)):
            if task == "ad01":
                features = rng.normal(-20, 8, 640).astype("<f4")
                data = features.tobytes()
                quantized = quantize(tensor, features)
            else:
                data = rng.integers(0, 256, size, np.uint8).tobytes()
                quantized = np.frombuffer(data, np.int8)
                if task == "ic01":
                    quantized = (np.frombuffer(data, np.uint8).astype(np.int16) - 128).astype(np.int8)
            assert len(data) == size
            runner.load(data)
            shown = "".join(x.removeprefix("m-buffer-").replace("-", "") for x in runner.send("db print"))
            assert bytes.fromhex(shown) == quantized.tobytes()
            results = runner.infer(runs, warmups)
            wanted = expected(path, quantized)
            if task == "ad01":
                wanted = np.array([np.mean((wanted - features) ** 2)])
            assert results == pytest.approx(wanted, rel=1e-5, abs=6e-4)
            assert [float(x) for x in runner.send("results")[0][11:-1].split(",")] == results
        assert runner.send("db")[0].startswith("e-[") and runner.send("nonsense")[0].startswith("e-[")
        assert runner.send("help")[0].startswith("microgen ")
        # microgen's own client still sends the tensor's own bytes.
    with SerialBoard(out) as board:
        assert microgen.verify(out, samples=3, on=board.port).firmware == "equal"


@pytest.mark.parametrize(
    ("task", "data", "says"),
    [
        ("ic02", models.fully_connected(), "no such task"),
        ("ad01", models.fully_connected(), "needs an autoencoder"),
        ("ic01", models.two_by_two(), "one int8 input"),
        ("vww01", models.fully_connected(dtype="int16"), "one int8 input"),
    ],
)
def test_a_task_that_the_model_is_not_for_is_refused(task, data, says, tmp_path):
    (tmp_path / "m.tflite").write_bytes(data)
    with pytest.raises(InputError, match=says):
        microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", mlperf=task)
    assert not (tmp_path / "p").exists()
