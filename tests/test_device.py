"""A firmware on the other side of a serial line: verify, bench, self-test and tune, and what can go wrong there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import tty
import zlib

import numpy as np
import pytest

import microgen
from microgen import project
from microgen.benchmark import percentile, read_bench, write_bench
from microgen.boards import board_file
from microgen.dut import Client, DutError, Replay, SerialPort, connected
from microgen.dut.transport import HostProcess
from microgen.errors import InputError, SetupError

from . import models
from .serial_board import SerialBoard
from .test_project import tree
from .tools import needs_host

serial = pytest.importorskip("serial", reason="pyserial is not installed")
pytest.importorskip("serial.rfc2217")


def build(folder, data, name, **options):
    path = folder / f"{name}.tflite"
    path.write_bytes(data)
    return microgen.build(path, "pico", out=folder / name, samples=8, **options).project


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose input takes seven commands to load, and one with two inputs and two outputs."""
    needs_host()
    folder = tmp_path_factory.mktemp("projects")
    build(folder, models.fully_connected(units=20, width=300), "wide")
    build(folder, models.two_by_two(), "multi")
    build(folder, models.fully_connected(), "small")
    return folder


@pytest.fixture(scope="module")
def wide(made):
    return made / "wide"


def test_verify_on_a_port_gives_the_verdict_of_the_host_and_names_the_device(wide):
    on_host = microgen.verify(wide, samples=40)
    with SerialBoard(wide) as board:
        verdict = microgen.verify(wide, samples=40, on=board.port)
    assert on_host.passed and on_host.firmware == "equal" and on_host.device.on == "host"
    found = {**verdict.to_json(), "device": None}
    assert found == {**on_host.to_json(), "device": None}
    assert verdict.device.name == "pico" and verdict.device.on == board.port and verdict.device.retries == 0
    opened = project.open_project(wide)
    assert verdict.device.model_sha256 == opened.manifest["model"]["sha256"]
    assert 0 < verdict.device.arena_used_bytes <= verdict.device.arena_bytes == opened.manifest["arena"]["host_bytes"]
    assert verdict.device.inference_us > 0


def test_several_inputs_and_outputs_over_the_wire(made):
    with SerialBoard(made / "multi") as board:
        verdict = microgen.verify(made / "multi", samples=60, on=board.port)
    assert verdict.status == "bit-exact" and verdict.firmware == "equal" and verdict.samples == 60


@pytest.mark.parametrize(("rate", "samples", "seed"), [(1e-4, 250, 1), (1e-4, 250, 2), (1e-3, 60, 3)])
def test_on_a_bad_line_the_verdict_is_right(wide, rate, samples, seed):
    """Each sample is a dozen transfers, so that these are thousands."""
    with SerialBoard(wide, rate, seed) as board:
        verdict = microgen.verify(wide, samples=samples, on=board.port)
    assert board.noise.damaged > 10, "the line was not bad"
    assert verdict.passed and verdict.firmware == "equal" and verdict.device.retries > 0


def test_on_a_bad_line_a_wrong_firmware_is_found_out(wide, tmp_path):
    """Some weights are others in the compiled array: never taken for noise."""
    copy = shutil.copytree(wide, tmp_path / "p")
    source = copy / "lib/model/model_data.cc"
    model = microgen.load(wide / "model.tflite")
    lines = source.read_text().splitlines()
    place = model.main.tensors[1].offset + 7
    row = next(i for i, line in enumerate(lines) if line.startswith("  0x")) + place // 16
    for i in range(row, row + 100):
        cells = lines[i].strip().strip(",").split(",")
        lines[i] = "".join(f"0x{int(cell, 16) ^ 0x80:02x}," for cell in cells)
    source.write_text("\n".join(lines))
    with SerialBoard(copy, 1e-3, 4) as board:
        verdict = microgen.verify(wide, samples=30, on=board.port)
        assert verdict.status == "diverged" and "is not TFLM's" in verdict.reason
        result = microgen.selftest(wide, board.port)
    assert not result.passed and "output 0 byte" in result.fault


def test_a_line_that_is_hopeless_is_reported(wide):
    with (
        SerialBoard(wide, 0.05, 5) as board,
        Client(SerialPort(board.port), timeout_s=2, quiet_s=0.02) as client,
        pytest.raises(DutError, match=r"damaged|no answer|sends without"),
    ):
        client.connect()
        for _ in range(20):
            client.infer([bytes(300)], 1)


def test_a_board_that_starts_anew_is_asked_again(wide):
    with SerialBoard(wide, restart_every=30_000) as board:
        verdict = microgen.verify(wide, samples=60, on=board.port)
    assert board.restarts >= 1 and verdict.passed and verdict.firmware == "equal"


def test_a_board_that_starts_anew_for_ever_is_reported(wide):
    with SerialBoard(wide, restart_every=500) as board, pytest.raises(DutError, match="started anew 3 times"):
        microgen.verify(wide, samples=4, on=board.port)


def test_inferences_that_follow_on_one_another(wide):
    inputs = [bytes([k]) * 300 for k in range(6)]
    with SerialBoard(wide, 1e-3, 6) as board, Client(SerialPort(board.port), quiet_s=0.05) as client:
        client.connect()
        alone = [client.infer([data], 1).outputs for data in inputs]
        for _ in range(10):
            assert [client.infer([x], 1, fresh=k == 0).outputs for k, x in enumerate(inputs)] == alone
        assert client.damaged > 0
    with SerialBoard(wide, restart_every=4000) as board, Client(SerialPort(board.port), quiet_s=0.05) as client:
        client.connect()
        with pytest.raises(DutError, match="lost the state"):
            for k in range(20):
                client.infer([inputs[0]], 1, fresh=k == 0)


def test_a_cable_pulled_out_is_reported(wide):
    with SerialBoard(wide) as board, Client(SerialPort(board.port)) as client:
        client.connect()
        board.unplug()
        with pytest.raises(SetupError, match="port is gone"):
            client.hash()


def test_a_port_at_which_nobody_answers():
    near, far = os.openpty()
    tty.setraw(far)
    try:
        with Client(SerialPort(os.ttyname(far)), timeout_s=0.6) as client, pytest.raises(DutError, match="no answer"):
            client.connect()
    finally:
        os.close(near)
        os.close(far)


class Chatter:
    """A board with another program on it, which answers anything with `answer`."""

    def __init__(self, answer):
        self.window, self.advice, self.answer = 1, "flash it", answer

    def write(self, data):
        pass

    def read(self, timeout_s):
        return self.answer

    def close(self):
        pass

    def diagnosis(self):
        return ""


class Liar:
    """The firmware, but for the answers that begin like a key of `lies`: these lines come instead, rightly sealed."""

    def __init__(self, project, lies, times=10**6):
        self.inner, self.lies, self.left = SerialPort(project), lies, times
        self.window, self.advice, self.tags, self.texts = 1, "flash it", 0, []

    def write(self, data):
        self.inner.write(data)

    def read(self, timeout_s):
        line = self.inner.read(timeout_s)
        while not line.endswith(b"\r\n"):
            line += self.inner.read(timeout_s)
        lines = line.split(b"\r\n")[:-1]
        return b"".join(self.told(line) for line in lines)

    def told(self, line):
        seal = re.fullmatch(rb"m-check-\[([0-9a-f]+),[0-9a-f]{8}\]", line)
        if not seal:
            self.texts.append(line)
            return b""
        texts, self.texts = self.texts, []
        for k, text in enumerate(texts):
            lie = next((new for old, new in self.lies.items() if re.match(old, text)), None)
            if lie is not None and self.left:
                self.left -= 1
                texts[k] = lie
        body = b"".join(text + b"\r\n" for text in texts)
        return body + b"m-check-[%s,%08x]\r\n" % (seal[1], zlib.crc32(seal[1] + body))

    def close(self):
        self.inner.close()

    def diagnosis(self):
        return ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (rb"m-output-", b"m-output-[0,1,00,00000000,00000000,1]", "output 0 contradicts itself"),
        (rb"m-output-", b"m-output-[0,1,00,d202ef8d,00000000,1]", "inferred on something else than it was told"),
        (rb"m-output-", b"m-nonsense-[1]", "unexpected answer"),
        (rb"m-times-us-", b"m-nonsense-[1]", "unexpected answer"),
        (rb"m-crc-", b"m-crc-[0,300,300,00000000]", "an input was damaged on its way"),
        (rb"m-times-us-", b"e-[no such command]", "was answered with e-"),
    ],
)
def test_answers_that_are_whole_and_wrong_are_not_believed(wide, old, new, says):
    with SerialBoard(wide) as board, Client(Liar(board.port, {old: new})) as client:
        client.connect()
        with pytest.raises(DutError, match=says):
            client.infer([bytes(300)], 1)


def test_a_wrong_answer_that_comes_once_is_asked_for_again(wide):
    with SerialBoard(wide) as board, Client(SerialPort(board.port)) as client:
        client.connect()
        expected = client.infer([bytes(300)], 1).outputs
    lie = {rb"m-output-": b"m-output-[0,1,00,d202ef8d,00000000,1]"}
    with SerialBoard(wide) as board, Client(Liar(board.port, lie, times=1)) as client:
        client.connect()
        assert client.infer([bytes(300)], 1).outputs == expected and client.damaged == 1


@pytest.mark.parametrize(
    "answer", [b"temperature 21.5\r\n", b"\xff\x00\xfe", b"m-ready\r\n", b"x" * 5000, b"e-[no]\r\n"]
)
def test_a_board_with_another_program_on_it_is_refused_in_time(answer):
    with pytest.raises(DutError, match=r"no answer within 0 s; the last|without ever ending a line"):
        Client(Chatter(answer), timeout_s=0.3).connect()


def test_a_board_with_another_model_on_it_is_refused(made):
    with SerialBoard(made / "small") as board:
        with pytest.raises(DutError, match=r"another model than the project: 'small'") as refused:
            microgen.verify(made / "wide", on=board.port)
        with pytest.raises(DutError, match="another model"):
            microgen.bench(made / "wide", board.port)
    assert "pio run" in refused.value.hint


def test_a_port_that_is_not_there():
    with pytest.raises(SetupError, match="--on /dev/ttyNONE: cannot be opened: No such file"):
        SerialPort("/dev/ttyNONE")
    with pytest.raises(SetupError, match="cannot be opened"):
        SerialPort("tcp://127.0.0.1:1")
    with pytest.raises(InputError, match="--on nonsense://x"):
        SerialPort("nonsense://x")


def test_a_port_that_another_program_holds(wide):
    with SerialBoard(wide) as board:
        first = SerialPort(board.port)
        with pytest.raises(SetupError, match="another program has it open"):
            SerialPort(board.port)
        first.close()


def test_without_pyserial_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(SetupError, match="pyserial is not installed") as missing:
        SerialPort("/dev/ttyUSB0")
    assert "microgen[flash]" in missing.value.hint


class NetworkPort(serial.Serial):
    """A pseudo terminal has no modem lines, and a server by RFC 2217 asks for them."""

    cts = dsr = ri = cd = property(lambda self: True)

    def _update_dtr_state(self):
        pass

    def _update_rts_state(self):
        pass


def serve(server, name, scheme):
    """A serial server: raw bytes for tcp://, with the telnet options of RFC 2217 for rfc2217://."""
    near, _ = server.accept()
    with near, NetworkPort(name, timeout=0.02) as port:
        manager = serial.rfc2217.PortManager(port, Sender(near)) if scheme == "rfc2217" else None

        def up():
            while data := near.recv(4096):
                port.write(b"".join(manager.filter(data)) if manager else data)

        threading.Thread(target=up, daemon=True).start()
        with contextlib.suppress(OSError):
            while True:
                data = port.read(port.in_waiting or 1)
                near.sendall(b"".join(manager.escape(data)) if manager else data)


class Sender:
    def __init__(self, connection):
        self.write = connection.sendall


@pytest.mark.parametrize("scheme", ["tcp", "rfc2217"])
def test_a_serial_server_on_the_network(wide, scheme):
    with SerialBoard(wide) as board, socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server, board.port, scheme), daemon=True).start()
        verdict = microgen.verify(wide, samples=5, on=f"{scheme}://127.0.0.1:{server.getsockname()[1]}")
    assert verdict.passed and verdict.device.on.startswith(f"{scheme}://")


def test_a_recorded_session_is_replayed_without_the_board(wide, tmp_path):
    session = tmp_path / "session.txt"
    with SerialBoard(wide, 1e-3, 7) as board:
        verdict = microgen.verify(wide, samples=12, on=board.port, record=session)
    again = microgen.verify(wide, samples=12, on=f"replay:{session}")
    assert verdict.passed and verdict.device.retries > 0
    assert {**again.to_json(), "device": None} == {**verdict.to_json(), "device": None}
    assert again.device.inference_us == verdict.device.inference_us and again.device.retries == verdict.device.retries
    text = session.read_text("ascii")
    assert text.startswith("microgen session 1, window 1\n> %\n") and "< m-ready\\r\\n\n" in text

    with pytest.raises(InputError, match=r"line \d+: recorded was"):
        microgen.verify(wide, samples=12, seed=1, on=f"replay:{session}")
    # Comments are for people; an answer changed by hand does not pass for one.
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("< m-hash-["))
    session.write_text("\n".join([lines[0], "; a board of mine", *lines[1:place], lines[place][:20]]))
    with pytest.raises(DutError, match="recording"):
        microgen.verify(wide, samples=12, on=f"replay:{session}")


@pytest.mark.parametrize(
    "text", ["", "name%\n", "microgen session 2, window 1\n", "microgen session 1, window 1\nx\n", "\xff"]
)
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "s").write_text(text, "latin-1")
    with pytest.raises(InputError, match="not a recorded session"):
        Replay(tmp_path / "s")


def test_a_host_session_is_recorded_too(made, tmp_path):
    session = tmp_path / "s.txt"
    verdict = microgen.verify(made / "multi", samples=5, record=session)
    again = microgen.verify(made / "multi", samples=5, on=f"replay:{session}")
    assert verdict.passed and {**again.to_json(), "device": 0} == {**verdict.to_json(), "device": 0}


def test_bench_and_its_file(wide, tmp_path):
    with SerialBoard(wide) as board:
        result = microgen.bench(wide, board.port, runs=130, warmups=3)
    assert result.device == "pico" and result.runs == len(result.times_us) == 130
    assert result.min_us <= result.median_us <= result.p95_us <= result.max_us
    assert result.inferences_per_s == pytest.approx(1e6 / max(result.median_us, 1), rel=1e-3)
    write_bench(result, tmp_path / "a.json")
    assert read_bench(tmp_path / "a.json") == result
    stored = json.loads((tmp_path / "a.json").read_text())
    assert {"median_us", "p95_us", "min_us", "max_us", "inferences_per_s", "arena_used_bytes"} <= set(stored)
    assert microgen.bench(wide, runs=5, warmups=0).kernels == "reference"
    with pytest.raises(InputError, match="cannot be written"):
        write_bench(result, tmp_path / "a.json" / "b.json")


def test_percentiles():
    assert percentile([5], 95) == 5
    assert percentile(list(range(1, 101)), 95) == 95
    assert percentile([3, 1, 2], 50) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 9}', '{"schema": 1}'])
def test_what_is_no_bench_file_is_refused(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InputError, match="not a result of microgen bench"):
        read_bench(tmp_path / "b.json")


def test_what_a_program_printed_before_it_ended_is_told(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('out of milk')"]
    says = pytest.raises(DutError, match="it ended with code 1: out of milk")
    with Client(HostProcess(command, tmp_path / "log")) as client, says:
        client.connect()
    deaf = HostProcess([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    assert deaf.diagnosis() == ""
    started = time.monotonic()
    deaf.close()
    assert time.monotonic() - started < 30


def test_tune_takes_what_the_board_uses_and_builds_again(made, tmp_path):
    path = shutil.copytree(made / "wide", tmp_path / "p")
    (path / "src/main.cpp").write_text((path / "src/main.cpp").read_text() + "\n// mine\n")
    before = project.open_project(path).manifest
    with SerialBoard(path) as board:
        result = microgen.tune(path, board.port)
    after = project.open_project(path).manifest
    margin = result.build.deployment.board.snapshot.margin_bytes(result.used_bytes)
    told = {"used_bytes": result.used_bytes, "before_bytes": result.before_bytes, "bytes": result.arena_bytes}
    assert result.to_json()["arena"] == told and result.to_json()["device"] == result.build.deployment.board.name
    assert result.before_bytes == before["arena"]["host_bytes"], "what stands in for the board here is the host program"
    assert result.used_bytes + margin <= result.arena_bytes == after["arena"]["bytes"] < result.used_bytes + margin + 16
    assert f"kArenaBytes = {result.arena_bytes};" in (path / "lib/model/model_config.h").read_text()
    assert (path / "src/main.cpp").read_text().endswith("// mine\n")
    assert result.build.verdict.passed and result.build.verdict.firmware == "equal"
    same = ("model", "labels", "board", "golden", "mlperf", "selftest_at_boot")
    assert {k: before[k] for k in same} == {k: after[k] for k in same}
    assert microgen.verify(path, samples=5).device.arena_bytes == result.build.deployment.arena.host_bytes


def test_a_board_that_needs_less_than_the_host_is_still_verified_on_the_host(tmp_path):
    needs_host()
    out = build(tmp_path, models.fully_connected(), "tiny", arena_bytes=640)
    text = (out / "lib/model/model_config.h").read_text()
    assert "kArenaBytes = 640;" in text and "#if UINTPTR_MAX > 0xffffffff" in text
    assert microgen.verify(out, samples=4).firmware == "equal"
    assert project.open_project(out).manifest["arena"]["bytes"] == 640
    with pytest.raises(InputError, match="--arena -5"):
        build(tmp_path, models.fully_connected(), "other", arena_bytes=-5)


def test_tune_needs_a_board(wide):
    with pytest.raises(InputError, match="only a board knows"):
        microgen.tune(wide, "host")


def test_tune_refuses_a_board_of_another_kind_and_changes_nothing(made, tmp_path):
    other = microgen.build(made / "wide.tflite", "esp32", out=tmp_path / "p", samples=8, verify=False).project
    before = tree(other)
    with SerialBoard(made / "wide") as board, pytest.raises(InputError, match="is a pico, the project is") as caught:
        microgen.tune(other, board.port)
    assert caught.value.message == f"{board.port} is a pico, the project is for esp32"
    assert caught.value.hint == "connect the project's board" and tree(other) == before


def test_the_self_test_at_boot_and_by_command(tmp_path, made):
    needs_host()
    out = build(tmp_path, models.fully_connected(), "boots", selftest_at_boot=True)
    count = project.open_project(out).manifest["golden"]["count"]
    done = subprocess.run(
        [sys.executable, "-m", "microgen", "simulate", out], input="selftest%", capture_output=True, text=True
    )
    said = f"m-selftest-[pass,{count}]"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("m-", "e-"))]  # main.cpp says more
    assert lines == [said, "m-init-done", "m-ready", said, "m-ready"]
    # A golden vector that is not what the model gives is found, by output, byte and both values.
    data = out / "lib/golden/golden_data.cc"
    head, tail = data.read_text().split("g_golden_outputs", 1)
    first = tail.index("0x")
    wrong = int(tail[first : first + 4], 16) ^ 1
    data.write_text(head + "g_golden_outputs" + tail[:first] + f"0x{wrong:02x}" + tail[first + 4 :])
    result = microgen.selftest(out)
    assert result.fault == f"golden vector 0: output 0 byte 0 is {wrong ^ 1}, not {wrong}"
    assert microgen.selftest(made / "multi").passed


def test_the_commands(made, tmp_path):
    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", "microgen", *map(str, args)], cwd=tmp_path, capture_output=True, text=True
        )

    with SerialBoard(made / "wide") as board:
        done = run("verify", made / "wide", "--on", board.port, "--samples", 5, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["verdict"]["device"]["on"] == board.port
        done = run("bench", made / "wide", "--on", board.port, "--runs", 20, "--out", "a.json")
        assert done.returncode == 0 and "median" in done.stdout and (tmp_path / "a.json").is_file()
        done = run("bench", made / "wide", "--on", board.port, "--runs", 20, "--against", "a.json")
        assert done.returncode == 0 and "of the other's" in done.stdout
        done = run("selftest", made / "wide", "--on", board.port)
        assert done.returncode == 0 and done.stdout.startswith("pass: ")
    for args, code in (
        (("verify", made / "wide", "--on", "/dev/ttyNONE"), 3),
        (("verify", made / "wide", "--on", "replay:none"), 2),
        (("verify", made / "wide", "--record", "no/such/folder/x"), 2),
        (("bench", made / "wide", "--runs", 0), 2),
        (("bench", made / "wide", "--against", "none.json"), 2),
        (("tune", made / "wide", "--on", "host"), 2),
        (("build", made / "wide.tflite", "--mlperf", "ic99"), 2),
        (("build", made / "wide.tflite", "--mlperf", "ad01"), 2),
        (("build", made / "multi.tflite", "--mlperf", "vww01"), 2),
    ):
        done = run(*args)
        lines = done.stderr.splitlines()
        assert done.returncode == code, done
        assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("hint: ")


def test_the_crc_of_the_firmware_is_zlibs(made):
    data = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    with connected(made / "wide", project.open_project(made / "wide").manifest["model"]["sha256"]) as client:
        client.load([data])
        assert client.command("crc") == [f"m-crc-[0,300,300,{zlib.crc32(data):08x}]"]


def test_lines_that_the_user_prints_do_not_disturb(made, tmp_path):
    path = shutil.copytree(made / "small", tmp_path / "p")
    main = path / "src/main.cpp"
    text = main.read_text()
    main.write_text(
        text.replace("  g_dut.Feed(received, n);", '  Serial.println("sensor 7");\n  g_dut.Feed(received, n);')
    )
    assert main.read_text() != text
    verdict = microgen.verify(path, samples=10)
    assert verdict.passed and verdict.firmware == "equal"


def test_between_the_operators_of_an_inference_something_feeds_the_watchdog(tmp_path):
    needs_host()
    out = build(tmp_path, models.two_by_two(), "long", verify=False)
    main = out / "src/main.cpp"
    text = main.read_text()
    assert "now_ms - last_ms < 1000" in text and "  delay(1);" in text
    main.write_text(
        text.replace("now_ms - last_ms < 1000", "now_ms < last_ms").replace("delay(1)", 'Serial.println("alive")')
    )
    load = "".join(f"input {i}%db load 6%db {'00' * 6}%" for i in range(2))
    done = subprocess.run(
        [sys.executable, "-m", "microgen", "simulate", out], input=f"{load}infer 3 0%", capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("e-")]
    assert lines.count("alive") == 3 * 3  # inferences, operators


def test_a_board_with_a_known_fault_in_its_kernels_tests_itself_at_every_start(tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(models.fully_connected(width=30, rows=2))

    def boots(board, **options):
        result = microgen.build(model, board, out=tmp_path / board, samples=4, verify=False, force=True, **options)
        config = (result.project / "lib/model/model_config.h").read_text()
        return (
            result.to_json()["warnings"],
            "kSelfTestAtBoot = true" in config,
            (result.project / "README.md").read_text(),
        )

    warnings, on, readme = boots("esp32s3")
    assert "issues/34" in warnings[0] and on and "whenever it starts" in readme
    warnings, on, readme = boots("esp32s3", selftest_at_boot=False)
    assert "issues/34" in warnings[0] and not on and "whenever it starts" not in readme
    assert boots("pico")[:2] == ([], False)


def test_a_project_knows_its_board_without_the_file_that_it_came_from(tmp_path):
    needs_host()
    text = board_file("nucleo-f446re").read_text("utf-8").replace('name = "nucleo-f446re"', 'name = "mine"', 1)
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    folder = tmp_path / "p"
    microgen.build(tmp_path / "small.tflite", tmp_path / "mine.toml", out=folder)
    (tmp_path / "mine.toml").unlink()
    assert (folder / "board.toml").read_text("utf-8") == text
    microgen.verify(folder, samples=4, report=tmp_path / "report.html")
    assert "mine" in (tmp_path / "report.html").read_text("utf-8")
    with SerialBoard(folder) as board:
        tuned = microgen.tune(folder, board.port)
    assert tuned.device == "mine" and tuned.build.verdict.passed and (folder / "board.toml").read_text() == text
    microgen.build(tmp_path / "small.tflite", "nucleo-f446re", out=folder)
    assert not (folder / "board.toml").exists()
