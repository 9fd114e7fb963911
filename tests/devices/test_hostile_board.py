"""Boards that send too much, for too long, or what no firmware sends: each is refused within a command's bounds."""

from __future__ import annotations

import itertools
import re
import tracemalloc
import zlib

import pytest

import microgen
from microgen.devices import Client, DeviceError, client
from microgen.devices.budget import Budget
from tests.devices.test_line import Chatter, Liar
from tests.support.serial_board import SerialBoard


class Sender(Chatter):
    """A board that sends one chunk after the other."""

    def __init__(self, chunks):
        super().__init__(b"")
        self.chunks, self.sent = iter(chunks), 0

    def read(self, timeout_s):
        data = next(self.chunks, b"")
        self.sent += len(data)
        return data


def sealed(tag, *lines):
    body = b"".join(line + b"\r\n" for line in lines)
    return body + b"m-check-[%x,%08x]\r\n" % (tag, zlib.crc32(b"%x" % tag + body))


def test_lines_before_an_answer_cost_as_much_as_they_are_long(monkeypatch):
    """What is looked at per line does not grow with the number of lines."""
    hashed = []
    crc32 = zlib.crc32
    monkeypatch.setattr(client.zlib, "crc32", lambda data, *start: (hashed.append(len(data)), crc32(data, *start))[1])
    chatter = b"tick\r\n" * 20_000
    board = Sender([chatter, sealed(0, b"m-arena-[1,2]", b"m-ready")])
    assert Client(board).arena() == (1, 2)
    assert sum(hashed) < 20_000
    board = Sender([chatter, b"m-check-[0,00000000]\r\n", chatter, sealed(1, b"m-arena-[1,2]", b"m-ready")])
    hashed.clear()
    assert Client(board).arena() == (1, 2), "a damaged answer is asked for again"
    assert sum(hashed) < client.MOST_LINES**2 * 20


def test_every_answer_of_the_firmware_has_fewer_lines_than_are_kept(wide):
    with SerialBoard(wide) as board, Client(microgen.devices.SerialPort(board.port)) as line:
        line.connect()
        assert 10 < len(line.command("help")) < client.MOST_LINES // 2
        assert len(line.command("profile")) < client.MOST_LINES // 2


@pytest.mark.parametrize(
    ("chunk", "says"),
    [(b"tick\r\n" * 10_000, "its answer is too long"), (b"x" * 65536, "a line without an end")],
)
def test_a_board_that_never_stops_is_left_after_what_an_answer_may_have(monkeypatch, chunk, says):
    monkeypatch.setattr("microgen.devices.budget._OWN_BYTES", 2**18)
    board = Sender(itertools.repeat(chunk))
    tracemalloc.start()
    try:
        with pytest.raises(DeviceError, match=says):
            Client(board, timeout_s=1000).connect()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert board.sent < 2**19 and peak < 2**20


def test_all_retries_of_a_command_share_one_deadline(monkeypatch):
    """Each answer is damaged, and comes 10 s late by a clock of the test's own."""
    now = [0.0]
    monkeypatch.setattr("microgen.devices.budget.time.monotonic", lambda: now[0])

    def late():
        for tag in itertools.count():
            now[0] += 10
            yield b"m-check-[%x,00000000]\r\n" % tag

    with pytest.raises(DeviceError, match="no answer within 40 s"):
        Client(Sender(late()), timeout_s=20).arena()
    assert now[0] <= 60


class Claiming(Chatter):
    """A board that claims to have received one byte more whenever it is asked."""

    def __init__(self, data):
        super().__init__(b"")
        self.data, self.claimed, self.due = data, 0, []

    def write(self, data):
        for tag, text in re.findall(rb"#[0-9a-f]{8} ([0-9a-f]+) ?([^%]*)%", data):
            lines = [b"m-ready"]
            if text == b"crc":
                self.claimed += 1
                crc = zlib.crc32(self.data[: self.claimed])
                lines.insert(0, b"m-crc-[0,%d,%d,%08x]" % (len(self.data), self.claimed, crc))
            self.due.append(sealed(int(tag, 16), *lines))

    def read(self, timeout_s):
        return self.due.pop(0) if self.due else b""


def test_a_board_that_takes_an_input_byte_by_byte_is_left(monkeypatch):
    monkeypatch.setattr("microgen.devices.budget._OWN_BYTES", 0)
    board = Claiming(bytes(2000))
    with pytest.raises(DeviceError, match="its answer is too long"):
        Client(board).load([board.data])
    assert board.claimed < 40


def test_what_is_large_may_take_longer():
    small, large = Budget(1, 0), Budget(1, 10**7)
    assert large.seconds > 10_000 > small.seconds and large.bytes > small.bytes
    assert large.longest_line - small.longest_line == 10**7


@pytest.mark.parametrize("length", [19, 5000])
def test_numbers_that_no_board_has_are_refused(length):
    digits = b"9" * length
    for ask, answer in (
        (Client.arena, b"m-arena-[%s,1]" % digits),
        (Client.selftest, b"m-selftest-[pass,%s]" % digits),
        (Client.selftest, b"m-selftest-[fail,1,2]"),
        (Client.name, b"m-name-dut-[%s]" % (digits * 20)),
        (lambda c: c.time(1, 0), b"m-times-us-[%s]" % digits),
    ):
        with pytest.raises(DeviceError, match="unexpected answer") as refused:
            ask(Client(Sender([sealed(0, answer, b"m-ready")])))
        assert len(refused.value.message) < 300


@pytest.mark.parametrize("times", [b"7", b"7,7", b"7,7,7,7"])
def test_as_many_times_come_as_were_asked_for(wide, times):
    lie = {rb"m-times-us-": b"m-times-us-[%s]" % times}
    with SerialBoard(wide) as board, Client(Liar(board.port, lie)) as line:
        line.connect()
        line.load([bytes(300)])
        with pytest.raises(DeviceError, match=rf"it reported {times.count(b',') + 1} times for 3 inferences"):
            line.time(3, 0)
