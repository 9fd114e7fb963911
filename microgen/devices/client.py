"""Speaks to a firmware: loads inputs, runs inferences, reads raw output bytes, over a line that may damage bytes.

Protocol: commands end with "%", answers are lines that end with CR LF, "m-ready" closes each answer (MLPerf
Tiny's serial protocol, EEMBC's ULPMark-ML monitor). Ours on top are `input`, `output`, `crc`, `time`, `arena`, `hash`,
`reset`, `selftest`, `@NAME` before a command for one of several models, and an envelope: `#CRC TAG COMMAND%` is carried
out only if the CRC-32 of `TAG COMMAND` is right, and its answer ends with `m-check-[TAG,CRC]`, the CRC-32 of tag and
answer.

Why no board can hold a command up: each has one deadline and one limit of bytes (`Budget`), whatever is asked again.

Why no verdict can be wrong by a damaged byte: a damaged command is not carried out, a damaged or lost answer is not
taken for one, and a late answer has another tag. What remains is a `%` that noise puts where it cuts a bare command
out of an envelope; so each output also tells the CRC-32 of the inputs that gave it, and how many inferences there
were since the reset.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from ..errors import DeviceError
from .address import ONLY, Address
from .budget import Budget
from .transport import COMMAND_BYTES, Transport

# What a command takes besides hex digits: its envelope with a tag of 15 digits, and its name.
_ENVELOPE_BYTES = 32
_ATTEMPTS = 8
_RESTARTS = 3
# Silence after which a command or its answer may have been lost; doubled each time.
_QUIET_S = 0.25
# No answer has more lines; what the firmware's owner prints comes before them.
MOST_LINES = 1024
# What a byte of an input takes on the line, as a command and its answer, and a byte of an output.
_INPUT_FACTOR, _OUTPUT_FACTOR = 4, 2
# A number that a firmware sends has no more digits.
_N = r"\d{1,18}"
# What asking again does not change.
_FINAL = {
    "e-[Unknown command: ": "flash this project; the board's firmware is older or has a different application",
    "e-[No recording expected": "run this again; the board restarted, or a different program uses its port",
}
# What the firmware says to a command that noise has damaged; never part of a sealed answer.
_TOO_LONG = b"e-[Command too long]"
_DAMAGED = (b"e-[Damaged command]", _TOO_LONG)

_T = TypeVar("_T")


class _Damaged(Exception):
    """A command or its answer did not arrive whole; asking again may help."""


class _TooLong(_Damaged):
    """The firmware does not take commands as long as the transport allows: it is one of an earlier version."""


class _Restarted(_Damaged):
    """The board said that it has just started."""


@dataclass(frozen=True)
class Inference:
    """The result of one inference.

    Attributes:
        outputs: the raw bytes of each output.
        time_us: microseconds that it took on the device; None if only that was lost on a bad line.
    """

    outputs: tuple[bytes, ...]
    time_us: int | None


@dataclass(frozen=True)
class _Origin:
    """What an output comes from: the CRC-32 of all inputs, and the number of inferences since the reset."""

    inputs_crc: int
    runs: int


@dataclass(frozen=True)
class SelfTest:
    """The result of a firmware's golden vectors.

    Attributes:
        passed: whether every byte is right.
        vectors: how many vectors passed before the first that did not.
        fault: where the first byte differs; "" if none does.
    """

    passed: bool
    vectors: int
    fault: str


class Client:
    """One conversation with a firmware.

    Attributes:
        damaged: how many times something was damaged on its way and asked for again.
        own_lines: the last lines that the firmware's owner printed between the answers.

    Args:
        transport: how to reach it.
        timeout_s: seconds to wait for an answer.
        quiet_s: seconds of silence after which a command may have been lost.
    """

    def __init__(self, transport: Transport, timeout_s: float = 20.0, quiet_s: float = _QUIET_S) -> None:
        self.damaged = 0
        self.own_lines: deque[str] = deque(maxlen=MOST_LINES)
        self._transport = transport
        self._command_bytes = transport.command_bytes
        self._timeout_s = timeout_s
        self._quiet_s = quiet_s
        self._pending = bytearray()
        self._searched = 0  # so many bytes of it hold no end of a line
        self._budget: Budget | None = None  # of the command that is under way
        self._tag = 0
        self._address = ONLY
        self._last: dict[Address, _Origin] = {}
        self._sha256: dict[Address, str] = {}
        self._connected = False
        self._heard = b""  # the last line, for a message

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def connect(self) -> None:
        """Synchronise with a firmware that is starting, has been running, or is processing a command.

        Raises:
            DeviceError: nothing there answers to microgen's commands.
        """
        with self._bounded():
            self._write(b"%")
            self.command("")
        self._connected, self.damaged = True, 0
        self.own_lines.clear()

    def address(self, model: Address) -> None:
        """Select a model of the firmware for the following commands."""
        self._address = model

    def command(self, text: str) -> list[str]:
        """Send an idempotent command, and return its answer's lines without the seal.

        Raises:
            DeviceError: no answer, a line that is too noisy, or an error line `e-[...]`.
        """
        with self._bounded():
            return self._repeat(lambda: self._exchange([text])[0])

    def load(self, inputs: Sequence[bytes]) -> None:
        """Load the raw bytes of all inputs.

        Raises:
            DeviceError: the line is too noisy, or the firmware rejected a command.
        """
        with self._bounded(_INPUT_FACTOR * sum(map(len, inputs))):
            for k, data in enumerate(inputs):
                self._repeat(lambda k=k, data=data: self._load(k, data))  # type: ignore[misc]

    def infer(self, inputs: Sequence[bytes], outputs: int, fresh: bool = True, *, output_bytes: int = 0) -> Inference:
        """Load all inputs, run one inference and return the outputs' raw bytes.

        Args:
            inputs: the raw bytes of each input.
            outputs: number of the model's outputs.
            fresh: whether to put the model's state back to its start first; otherwise this inference follows on the
                one before.
            output_bytes: of all outputs together, where they are large: longer lines are endless ones.

        Raises:
            DeviceError: the line is too noisy, the firmware rejected a command, or it lost the state to continue from.
        """
        last = self._last.get(self._address, _Origin(0, 0))
        wanted = _Origin(zlib.crc32(b"".join(inputs)), 1 if fresh else last.runs + 1)
        asked = [f"output {k}" for k in range(outputs)]

        def attempt() -> Inference:
            self.load(inputs)
            try:
                *_, times, first = self._exchange([*(["reset"] if fresh else []), "time 1 0", asked[0]])
                time_us: int | None = _times(times)[0]
            except _Restarted:
                raise
            except _Damaged:
                if fresh or _output(0, first := self.command(asked[0]))[1] == last:
                    raise
                time_us = None  # it was carried out, and only the answer lost
            origin = _output(0, first)[1]
            if origin != wanted:
                if fresh:
                    raise _Damaged("the firmware ran on a different input from the one sent")
                raise self._lost_state()
            rest = [self.command(text) for text in asked[1:]]
            answers = [_output(k, answer) for k, answer in enumerate([first, *rest])]
            if any(start != origin for _, start in answers):
                raise _Damaged("the outputs belong to different inferences")
            self._last[self._address] = origin
            return Inference(tuple(data for data, _ in answers), time_us)

        expected = _INPUT_FACTOR * sum(map(len, inputs)) + _OUTPUT_FACTOR * output_bytes
        with self._bounded(expected):
            return self._repeat(attempt, starts_anew=fresh)

    def reset(self) -> None:
        """Put the model's state back to its start, which an application may have changed."""
        self.command("reset")

    def time(self, runs: int, warmups: int) -> list[int]:
        """Return the microseconds of each of `runs` inferences after `warmups`, on the inputs that are loaded."""
        times = _times(self.command(f"time {runs} {warmups}"))
        if len(times) != runs:
            raise DeviceError(
                f"it reported {len(times)} times for {runs} inferences", "build and flash the project again"
            )
        return times

    def name(self) -> str:
        """Return the name of the board, as the firmware knows it."""
        return _match(r"m-name-dut-\[(.{0,255})\]", self.command("name"))[0]

    def model(self) -> str:
        """Return the name of the model, as the firmware knows it."""
        return _match(r"m-model-\[(.{0,255})\]", self.command("profile"))[0]

    def hash(self) -> str:
        """Return the SHA-256 of the model that the firmware says it has."""
        if self._address not in self._sha256:
            self._sha256[self._address] = _match(r"m-hash-\[([0-9a-f]{64})\]", self.command("hash"))[0]
        return self._sha256[self._address]

    def arena(self) -> tuple[int, int]:
        """Return the bytes of the tensor arena in use (0: the model did not come up), and its size."""
        used, size = _match(rf"m-arena-\[({_N}),({_N})\]", self.command("arena"))
        return int(used), int(size)

    def selftest(self) -> SelfTest:
        """Run the golden vectors that lie in the firmware's flash."""
        numbers = ",".join([f"({_N})"] * 4)
        pattern = rf"m-selftest-\[(?:pass,({_N})|input,{numbers}|fail,({_N}),{numbers})\]"
        passed, *own, vector, output, byte, actual, expected = _match(pattern, self.command("selftest"))
        if passed:
            return SelfTest(True, int(passed), "")
        if own[0]:
            step, byte, actual, expected = own
            fault = (
                f"the sensor's values lead to a different input: step {step} byte {byte} is {actual}, not {expected}"
            )
            return SelfTest(False, 0, fault)
        fault = f"golden vector {vector}: output {output} byte {byte} is {actual}, not {expected}"
        return SelfTest(False, int(vector), fault)

    def _load(self, index: int, data: bytes) -> None:
        """Load one input, and after damage go on where the firmware says that it is."""
        begin = [f"input {index}", f"db load {len(data)} raw"]
        texts = [*begin, *self._transfer(data)]
        best = idle = 0
        while idle < _ATTEMPTS:
            try:
                state = self._exchange(texts)[-1]
            except _Restarted:
                raise
            except _Damaged as damage:
                self.damaged += not isinstance(damage, _TooLong)
                state = self.command("crc")
            input_, expected, received, crc = _match(rf"m-crc-\[({_N}),({_N}),({_N}),([0-9a-f]{{8}})\]", state)
            done = int(received)
            if (int(input_), int(expected), int(crc, 16)) != (index, len(data), zlib.crc32(data[:done])):
                done, texts = 0, [*begin, *self._transfer(data)]
            elif done == len(data):
                return
            else:
                texts = self._transfer(data[done:])
            idle = 0 if done > best else idle + 1
            best = max(best, done)
        raise _Damaged("an input was damaged in transfer")

    def _transfer(self, data: bytes) -> list[str]:
        """Return the commands that send bytes and ask how they came."""
        size = (self._command_bytes - _ENVELOPE_BYTES - len(self._addressed(""))) // 2
        return [*(f"db {data[i : i + size].hex()}" for i in range(0, len(data), size)), "crc"]

    def _addressed(self, text: str) -> str:
        """Return a command for the model that is meant."""
        return f"@{self._address.name} {text}" if self._address.name else text

    def _repeat(self, action: Callable[[], _T], starts_anew: bool = True) -> _T:
        """Repeat an action until nothing was damaged; if the board restarted, nothing must be lost."""
        restarts = attempt = 0
        while True:
            attempt += 1
            try:
                return action()
            except _Damaged as damage:
                self.damaged += 1
                if isinstance(damage, _Restarted):
                    restarts += 1
                    if not starts_anew:
                        raise self._lost_state() from None
                    if restarts == _RESTARTS:
                        raise DeviceError(
                            f"the board restarted {restarts} times instead of answering",
                            "look for a crash, a watchdog or a weak power supply in its output (microgen monitor)",
                        ) from None
                if attempt == _ATTEMPTS:
                    raise DeviceError(
                        f"{damage}, {attempt} times in a row", "check the cable, or use a lower baud rate"
                    ) from None

    def _exchange(self, texts: Sequence[str]) -> list[list[str]]:
        """Send commands, as many at once as the transport bears, and return their answers; raises _Damaged."""
        first, self._tag = self._tag, self._tag + len(texts)
        answers: list[list[str]] = []
        sent = 0
        while len(answers) < len(texts):
            upto = min(len(texts), len(answers) + self._transport.window)
            # Half a window at a time: to send each command alone would wake the firmware for each.
            if sent < upto and sent - len(answers) <= self._transport.window // 2:
                self._write(b"".join(_checked(first + i, self._addressed(texts[i])) for i in range(sent, upto)))
                sent = upto
            answer = self._answer(first + len(answers))
            _refuse_errors(answer, texts[len(answers)], self._transport.advice)
            answers.append(answer)
        return answers

    def _answer(self, tag: int) -> list[str]:
        """Read up to the seal with this tag; what comes before that is not of this answer is passed over."""
        quiet, silent = self._quiet_s, 0.0
        lines: deque[bytes] = deque(maxlen=MOST_LINES)
        while True:
            line = self._line(quiet)
            if line is None:
                silent += quiet
                if silent >= self._timeout_s:
                    raise self._no_answer(self._timeout_s)
                # If the command's `%` was lost, this one ends it. If its answer was, the next answer tells.
                self._write(b"%" + _checked(self._tag, ""))
                self._tag += 1
                quiet = min(2 * quiet, self._timeout_s - silent + self._quiet_s)
                continue
            self._heard = line
            if line.startswith(_TOO_LONG) and self._transport.command_bytes > COMMAND_BYTES:
                if self._command_bytes == COMMAND_BYTES:
                    continue  # one that was under way
                self._command_bytes = COMMAND_BYTES
                raise _TooLong("a command was too long")
            if line.startswith(_DAMAGED):
                raise _Damaged("a command was damaged in transfer")
            if line == b"m-init-done\r\n" and self._connected:
                raise _Restarted("the board restarted")
            seal = re.fullmatch(rb"m-check-\[([0-9a-f]{1,15}),([0-9a-f]{8})\]\r\n", line)
            if seal is None or int(seal[1], 16) < tag:
                lines.append(line)
                continue
            # The firmware's owner may print lines of his own between the answers.
            for count in range(len(lines) + 1 if int(seal[1], 16) == tag else 0):
                text = b"".join(list(lines)[len(lines) - count :])
                if zlib.crc32(seal[1] + text) == int(seal[2], 16):
                    self._keep(list(lines)[: len(lines) - count])
                    return text.decode("ascii", "replace").split("\r\n")[:-1]
            raise _Damaged("an answer was damaged in transfer")

    def _keep(self, lines: Sequence[bytes]) -> None:
        """Keep the lines before an answer, but for those of commands and of the start."""
        other = (b"m-", b"e-", b"microgen: ")
        own = (line.decode("utf-8", "replace").strip() for line in lines if not line.startswith(other))
        self.own_lines.extend(line for line in own if line)

    def _line(self, timeout_s: float) -> bytes | None:
        """Return the next line with its end, or None after so many seconds of silence."""
        budget = self._budget
        assert budget is not None, "every command has a budget"
        while (end := self._pending.find(b"\n", self._searched)) < 0:
            self._searched = len(self._pending)
            if len(self._pending) > budget.longest_line:
                raise self._endless()
            if budget.has_passed:
                raise self._no_answer(budget.seconds)
            try:
                data = self._transport.read(min(timeout_s, budget.seconds))
            except EOFError:
                raise self._gone() from None
            if not data:
                return None
            self._pending += data
            budget.bytes -= len(data)
            if budget.bytes < 0:
                raise DeviceError("its answer is too long", self._transport.advice)
        line = bytes(self._pending[: end + 1])
        del self._pending[: end + 1]
        self._searched = 0
        return line

    @contextlib.contextmanager
    def _bounded(self, expected_bytes: int = 0) -> Iterator[None]:
        """Give what is done inside one deadline and one limit of bytes; what it calls shares them."""
        if self._budget is not None:
            yield
            return
        self._budget = Budget(2 * self._timeout_s, expected_bytes)
        try:
            yield
        finally:
            self._budget = None

    def _write(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except OSError:
            raise self._gone() from None

    @staticmethod
    def _lost_state() -> DeviceError:
        return DeviceError("it lost the model's state in the middle of a sequence", "run this again")

    def _gone(self) -> DeviceError:
        return DeviceError(
            f"the connection ended ({self._transport.diagnosis() or 'its port closed'})", self._transport.advice
        )

    def _endless(self) -> DeviceError:
        return DeviceError("it sends a line without an end", self._transport.advice)

    def _no_answer(self, seconds: float) -> DeviceError:
        heard = f"; last received: {self._heard[:60]!r}" if self._heard else ""
        return DeviceError(f"no answer within {seconds:.0f} s{heard}", self._transport.advice)


def _checked(tag: int, text: str) -> bytes:
    body = f"{tag:x} {text}".rstrip().encode("ascii")
    return b"#%08x %s%%" % (zlib.crc32(body), body)


def _output(index: int, answer: list[str]) -> tuple[bytes, _Origin]:
    pattern = rf"m-output-\[({_N}),({_N}),([0-9a-f]*),([0-9a-f]{{8}}),([0-9a-f]{{8}}),({_N})\]"
    number, length, digits, crc, inferred, runs = _match(pattern, answer)
    data = bytes.fromhex(digits)
    if (int(number), int(length), int(crc, 16)) != (index, len(data), zlib.crc32(data)):
        raise DeviceError(f"output {index} is inconsistent", "build and flash the project again")
    return data, _Origin(int(inferred, 16), int(runs))


def _times(answer: list[str]) -> list[int]:
    return [int(x) for x in _match(rf"m-times-us-\[({_N}(?:,{_N})*)\]", answer)[0].split(",")]


def _refuse_errors(answer: list[str], command: str, advice: str) -> None:
    for line in answer:
        if line.startswith("e-[model: "):
            raise DeviceError(f"'{command[:40]}' returned {line[:200]}", advice)
        for start, remedy in _FINAL.items():
            if line.startswith(start):
                raise DeviceError(f"'{command[:40]}' returned {line[:200]}", remedy)
        if line.startswith("e-["):
            raise _Damaged(f"'{command[:40]}' returned {line[:200]}")


def _match(pattern: str, answer: list[str]) -> tuple[str, ...]:
    for line in answer:
        match = re.fullmatch(pattern, line)
        if match:
            return match.groups()
    shown = [line[:60] for line in answer[:3]]
    raise DeviceError(f"unexpected answer {shown}", "build and flash the project again")
