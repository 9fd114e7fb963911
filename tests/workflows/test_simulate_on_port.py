"""Recordings that go to a board over its serial commands, in place of its sensor: on a pseudo terminal."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.devices import Client, Replay, SerialPort, streaming
from microgen.errors import DeviceError, SetupError
from microgen.report.simulation import simulation_lines
from tests.datasets.test_recording import write
from tests.support.audio import signals
from tests.support.serial_board import SerialBoard
from tests.support.traces import assert_same

pytest.importorskip("serial", reason="pyserial is not installed")


@pytest.fixture
def recording(tmp_path):
    return write(tmp_path / "a.wav", signals(8000)["speech"])


def test_a_board_hears_what_the_host_does_on_a_bad_line_too(listening, recording, tmp_path):
    expected = microgen.simulate_input(listening, recording)
    session = tmp_path / "session.txt"
    parts = []
    with SerialBoard(listening, 2e-4, 1) as board:
        result = microgen.simulate_input(
            listening, recording, on=board.port, record=session, on_part=lambda done, total: parts.append((done, total))
        )
    assert board.noise.damaged > 5, "the line was not bad"
    assert_same(result, expected)
    assert len(expected.trace.detected) > 0 and result.trace.lost == 0
    assert parts == sorted(parts) and parts[-1] == (16000, 16000)
    assert 0 < result.load < 1 and dict(simulation_lines(result))["CPU"].endswith("measured by the board")
    with SerialBoard(listening) as board:
        quiet = microgen.simulate_input(listening, recording, on=board.port)
    assert_same(quiet, expected)
    assert quiet.printed == expected.printed[1:]
    again = microgen.simulate_input(listening, recording, on=f"replay:{session}")
    assert_same(again, expected)
    microgen.write_simulation(tmp_path / "r.html", again)
    assert "data:image/png" in (tmp_path / "r.html").read_text()


def test_what_else_may_be_at_the_port_is_told(listening, made, recording):
    with pytest.raises(SetupError, match="cannot be opened"):
        microgen.simulate_input(listening, recording, on="/dev/nothing")
    with SerialBoard(made / "small") as board:
        with pytest.raises(DeviceError, match="has a different model from the project"):
            microgen.simulate_input(listening, recording, on=board.port)
        with Client(SerialPort(board.port)) as client:
            client.connect()
            with pytest.raises(DeviceError, match=r"Unknown command: sensor") as caught:
                streaming.stream(client, np.zeros((5, 1), np.int16), 16000, ("a",))
            assert "has a different application" in caught.value.hint
    with SerialBoard(listening) as board, Client(SerialPort(board.port)) as client:
        client.connect()
        labels = tuple(map(str, range(10)))
        with pytest.raises(DeviceError, match="reads 1 values at 16000 Hz, not 2 at 8000"):
            streaming.stream(client, np.zeros((5, 2), np.int16), 8000, labels)
        with pytest.raises(DeviceError, match="has 10 scores, not 1"):
            streaming.stream(client, np.zeros((4000, 1), np.int16), 16000, ("a",))
        with pytest.raises(DeviceError, match=r"takes bytes in hex\], 8 times in a row"):
            client.command("sensor start")
            client.command("sensor 0 0")


def test_a_board_that_starts_anew_or_goes_amid_a_recording_is_told(listening, recording):
    with SerialBoard(listening, restart_every=20000) as board:
        with pytest.raises(DeviceError, match="No recording expected") as caught:
            microgen.simulate_input(listening, recording, on=board.port)
        assert board.restarts and "restarted" in caught.value.hint
    with SerialBoard(listening) as board:
        unplug = [board.unplug]
        with pytest.raises((DeviceError, SetupError)):
            microgen.simulate_input(
                listening, recording, on=board.port, on_part=lambda done, total: [f() for f in unplug if done > 4000]
            )


def test_an_answer_that_makes_no_sense_is_not_believed(tmp_path):
    """Of a session that was tampered with, or of a firmware that errs."""

    class Scripted(Client):
        def __init__(self, answers):
            self.answers = answers

        def command(self, text):
            return self.answers.pop(0)

    start, moment = ["m-sensor-start-[100,1]"], np.zeros((1, 1), np.int16)
    for answers, message in (
        ([["m-ready"]], "unexpected answer"),
        ([start, ["m-sensor-[2,2,41d912ff,0]"]], "at step 2, not 1"),
        ([start, ["m-sensor-[1,5,00000000,0]"]], "at step 1, not 1"),
        ([start, ["m-sensor-[1,2,00000000,0]"]], "different values from those sent"),
        ([start, *([f"m-sensor-[{n},0,00000000,0]"] for n in (1, 2))], "does not accept the rest"),
    ):
        with pytest.raises(DeviceError, match=message):
            streaming.stream(Scripted(list(answers)), moment, 100, ("a",))
    assert Replay.command_bytes == 128
