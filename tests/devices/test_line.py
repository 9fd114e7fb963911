"""The line to a firmware: noise, restarts, ports that fail, other programs, and recorded sessions."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import socket
import sys
import threading
import time
import tty
import zlib

import pytest

import microgen
from microgen.devices import Client, DeviceError, Replay, SerialPort
from microgen.devices.recording import Recorder
from microgen.devices.transport import HostProcess
from microgen.errors import InputError, SetupError
from microgen.tflite import flashed
from tests.support.serial_board import SerialBoard

serial = pytest.importorskip("serial", reason="pyserial is not installed")
pytest.importorskip("serial.rfc2217", reason="pyserial is not whole")


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
    model = flashed(microgen.load(wide / "model.tflite"))
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
        pytest.raises(DeviceError, match=r"damaged|no answer|sends a line"),
    ):
        client.connect()
        for _ in range(20):
            client.infer([bytes(300)], 1)


def test_a_board_that_starts_anew_is_asked_again(wide):
    with SerialBoard(wide, restart_every=30_000) as board:
        verdict = microgen.verify(wide, samples=60, on=board.port)
    assert board.restarts >= 1 and verdict.passed and verdict.firmware == "equal"


def test_a_board_that_starts_anew_for_ever_is_reported(wide):
    with SerialBoard(wide, restart_every=500) as board, pytest.raises(DeviceError, match="restarted 3 times"):
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
        with pytest.raises(DeviceError, match="lost the model's state"):
            for k in range(20):
                client.infer([inputs[0]], 1, fresh=k == 0)


def test_a_board_that_starts_anew_amid_an_inference_has_lost_the_state_that_it_follows_on(wide):
    expected = on_a_good_line(wide, lambda client: client.infer([bytes(300)], 1).outputs)
    lie = {rb"m-times-us-": b"m-init-done"}
    with SerialBoard(wide) as board, Client(Liar(board.port, lie, times=1)) as client:
        client.connect()
        assert client.infer([bytes(300)], 1).outputs == expected, "a fresh one is asked for again"
    with SerialBoard(wide) as board, Client(liar := Liar(board.port, lie, times=0)) as client:
        client.connect()
        client.infer([bytes(300)], 1)
        liar.left = 1
        with pytest.raises(DeviceError, match="lost the model's state in the middle of a sequence"):
            client.infer([bytes(300)], 1, fresh=False)


def test_outputs_of_two_inferences_are_not_taken_for_one(made):
    inputs, multi = [bytes(6), bytes(6)], made / "multi"
    second = on_a_good_line(multi, lambda client: (client.infer(inputs, 2), client.command("output 1")[0])[1])
    other = re.sub(r"\d+\]$", "9]", second).encode()
    with SerialBoard(multi) as board, Client(Liar(board.port, {rb"m-output-\[1": other})) as client:
        client.connect()
        with pytest.raises(DeviceError, match="the outputs belong to different inferences"):
            client.infer(inputs, 2)


def test_a_cable_pulled_out_is_reported(wide):
    with SerialBoard(wide) as board, Client(SerialPort(board.port)) as client:
        client.connect()
        board.unplug()
        with pytest.raises(SetupError, match="port disappeared"):
            client.hash()
    with SerialBoard(wide) as board, contextlib.closing(SerialPort(board.port)) as port:
        board.unplug()
        with pytest.raises(SetupError, match="port disappeared"):
            port.read(1)
        assert port.diagnosis() == "", "of a port nothing more is known"


def test_what_a_program_printed_before_it_ended_is_told(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('out of milk')"]
    says = pytest.raises(DeviceError, match="it ended with code 1: out of milk")
    with Client(HostProcess(command, tmp_path / "log")) as client, says:
        client.connect()
    # It may have ended before anything is sent, and be recorded.
    ended = Recorder(HostProcess(command, tmp_path / "log"), tmp_path / "session")
    assert "out of milk" in ended.diagnosis()
    with Client(ended) as client, says:
        client.connect()
    mute = HostProcess([sys.executable, "-c", "import os, time; os.close(1); time.sleep(60)"], tmp_path / "log")
    with pytest.raises(EOFError):
        mute.read(60)
    mute.close()
    deaf = HostProcess([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    assert deaf.read(0.05) == b"" and deaf.diagnosis() == ""
    started = time.monotonic()
    deaf.close()
    assert time.monotonic() - started < 30


def test_a_port_at_which_nobody_answers():
    near, far = os.openpty()
    tty.setraw(far)
    try:
        with (
            Client(SerialPort(os.ttyname(far)), timeout_s=0.6) as client,
            pytest.raises(DeviceError, match="no answer"),
        ):
            client.connect()
    finally:
        os.close(near)
        os.close(far)


class Chatter:
    """A board with another program on it, which answers anything with `answer`."""

    def __init__(self, answer):
        self.window, self.command_bytes, self.advice, self.answer = 1, 128, "flash it", answer

    def write(self, data):
        pass

    def read(self, timeout_s):
        return self.answer

    def close(self):
        pass

    def diagnosis(self):
        return ""


class Deaf(Chatter):
    """Takes everything, as commands of up to so many bytes, and ends when it is to answer."""

    def __init__(self, command_bytes):
        super().__init__(b"")
        self.window, self.command_bytes, self.taken = 1000, command_bytes, b""

    def write(self, data):
        self.taken += data

    def read(self, timeout_s):
        raise EOFError


@pytest.mark.parametrize(("command_bytes", "count"), [(128, 209), (16384, 2)])
def test_an_input_goes_in_commands_as_long_as_the_firmware_takes_them(command_bytes, count):
    board = Deaf(command_bytes)
    with pytest.raises(DeviceError, match="the connection ended"):
        Client(board).load([bytes(10_000)])
    sent = [len(command) for command in board.taken.split(b"%") if b" db 00" in command]
    assert len(sent) == count and command_bytes - 32 < max(sent) <= command_bytes


class Earlier(Deaf):
    """The serial commands of an earlier version: none is longer than 128 bytes, whatever the line bears."""

    def __init__(self):
        super().__init__(16384)
        self.answers, self.received, self.longest, self.refused = b"", b"", 0, 0

    def write(self, data):
        *commands, self.taken = (self.taken + data).split(b"%")
        for command in commands:
            self.answers += self.answer_to(command) + b"m-ready\r\n"

    def answer_to(self, command):
        if len(command) > 128:
            self.refused += 1
            return b"e-[Command too long]\r\n"
        if not command:
            return b""
        self.longest = max(self.longest, len(command))
        _, tag, *words = command.split()
        if words[:2] == [b"db", b"load"]:
            self.received, self.expected = b"", int(words[2])
        elif words[:1] == [b"db"]:
            self.received += bytes.fromhex(words[1].decode())
        crc = zlib.crc32(self.received)
        body = b"m-crc-[0,%d,%d,%08x]\r\n" % (self.expected, len(self.received), crc) if words == [b"crc"] else b""
        return body + b"m-check-[%s,%08x]\r\n" % (tag, zlib.crc32(tag + body))

    def read(self, timeout_s):
        answers, self.answers = self.answers, b""
        return answers


@pytest.mark.parametrize("size", [100, 400_000])
def test_a_firmware_of_an_earlier_version_gets_short_commands(size):
    data, board = random.Random(0).randbytes(size), Earlier()
    client = Client(board, quiet_s=0.02)
    client.connect()
    client.load([data])
    assert board.received == data and board.longest <= 128 and client.damaged == 0
    refused = board.refused
    assert (refused > 8) == (size > 100), "more at once than are asked for again"
    client.load([data[::-1]])
    assert board.received == data[::-1] and board.refused == refused


class Liar:
    """The firmware, but for the answers that begin like a key of `lies`: these lines come instead, rightly sealed."""

    def __init__(self, project, lies, times=10**6):
        self.inner, self.lies, self.left = SerialPort(project), lies, times
        self.window, self.command_bytes, self.advice = 1, 128, "flash it"
        self.tags, self.texts = 0, []

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


def on_a_good_line(project, ask):
    with SerialBoard(project) as board, Client(SerialPort(board.port)) as client:
        client.connect()
        return ask(client)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (rb"m-output-", b"m-output-[0,1,00,00000000,00000000,1]", "output 0 is inconsistent"),
        (rb"m-output-", b"m-output-[0,1,00,d202ef8d,00000000,1]", "ran on a different input from the one sent"),
        (rb"m-output-", b"m-nonsense-[1]", "unexpected answer"),
        (rb"m-times-us-", b"m-nonsense-[1]", "unexpected answer"),
        (rb"m-crc-", b"m-crc-[0,300,300,00000000]", "an input was damaged in transfer"),
        (rb"m-times-us-", b"e-[no such command]", "returned e-"),
    ],
)
def test_answers_that_are_whole_and_wrong_are_not_believed(wide, old, new, says):
    with SerialBoard(wide) as board, Client(Liar(board.port, {old: new})) as client:
        client.connect()
        with pytest.raises(DeviceError, match=says):
            client.infer([bytes(300)], 1)


def test_a_wrong_answer_that_comes_once_is_asked_for_again(wide):
    expected = on_a_good_line(wide, lambda client: client.infer([bytes(300)], 1).outputs)
    lie = {rb"m-output-": b"m-output-[0,1,00,d202ef8d,00000000,1]"}
    with SerialBoard(wide) as board, Client(Liar(board.port, lie, times=1)) as client:
        client.connect()
        assert client.infer([bytes(300)], 1).outputs == expected and client.damaged == 1


@pytest.mark.parametrize(
    "answer", [b"temperature 21.5\r\n", b"\xff\x00\xfe", b"m-ready\r\n", b"x" * 5000, b"e-[no]\r\n"]
)
def test_a_board_with_another_program_on_it_is_refused_in_time(answer):
    with pytest.raises(DeviceError, match=r"no answer within 1 s; last|a line without an end|answer is too long"):
        Client(Chatter(answer), timeout_s=0.3).connect()


def test_a_board_with_another_model_on_it_is_refused(made):
    with SerialBoard(made / "small") as board:
        with pytest.raises(DeviceError, match=r"a different model from the project: 'small'") as refused:
            microgen.verify(made / "wide", on=board.port)
        with pytest.raises(DeviceError, match="different model"):
            microgen.bench(made / "wide", board.port)
    assert "microgen flash" in refused.value.hint


def test_a_port_that_is_not_there():
    with pytest.raises(SetupError, match="on=/dev/ttyNONE: cannot be opened: No such file"):
        SerialPort("/dev/ttyNONE")
    with pytest.raises(SetupError, match="cannot be opened") as refused:
        SerialPort("tcp://127.0.0.1:1")
    assert refused.value.hint.startswith("check host and port")
    for url in ("tcp://localhost", "rfc2217://localhost", "socket://localhost:99999", "tcp://localhost:x"):
        with pytest.raises(InputError, match="names no port of a network") as nameless:
            SerialPort(url)
        assert nameless.value.option == "on" and url.partition("://")[0] in nameless.value.hint
    with pytest.raises(InputError, match="baud=0: not a baud rate"):
        SerialPort("/dev/ttyNONE", 0)
    with pytest.raises(SetupError, match="cannot be opened") as misspelled:
        SerialPort("emulater")
    assert misspelled.value.hint == "did you mean 'emulator'?"
    with pytest.raises(InputError, match="on=nonsense://x"):
        SerialPort("nonsense://x")


def test_a_port_that_another_program_holds(wide):
    with SerialBoard(wide) as board:
        first = SerialPort(board.port)
        with pytest.raises(SetupError, match="a different program has it open"):
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

    with pytest.raises(InputError, match=r"line \d+: the recording has '#.*, this run sends '#") as caught:
        microgen.verify(wide, samples=12, seed=1, on=f"replay:{session}")
    assert caught.value.hint.startswith("use the arguments of the recording")
    # Cut off where the next command would come.
    sent = text.index("> ", len(text) // 2)
    session.write_text(text[:sent])
    with pytest.raises(InputError, match="ends before '#"):
        microgen.verify(wide, samples=12, on=f"replay:{session}")
    # Comments are for people; an answer changed by hand does not pass for one.
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("< m-hash-["))
    session.write_text("\n".join([lines[0], "; a board of mine", *lines[1:place], lines[place][:20]]))
    with pytest.raises(DeviceError, match="recording"):
        microgen.verify(wide, samples=12, on=f"replay:{session}")


@pytest.mark.parametrize(
    "text", ["", "name%\n", "microgen session 2, window 1\n", "microgen session 1, window 1\nx\n", "\xff"]
)
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "s").write_text(text, "latin-1")
    with pytest.raises(InputError, match="not a recorded session") as caught:
        Replay(tmp_path / "s")
    # Of any command that takes a recording: only some record one.
    assert "verify(" in caught.value.hint and "record=FILE" in caught.value.hint


def test_a_host_session_is_recorded_too(made, tmp_path):
    session = tmp_path / "s.txt"
    verdict = microgen.verify(made / "multi", samples=5, record=session)
    again = microgen.verify(made / "multi", samples=5, on=f"replay:{session}")
    assert verdict.passed and {**again.to_json(), "device": 0} == {**verdict.to_json(), "device": 0}
