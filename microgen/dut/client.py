"""Speaks to a firmware: loads inputs, runs inferences, reads raw output bytes.

Protocol: commands end with "%", answers are lines that end with CR LF, "m-ready" closes each answer (MLPerf
Tiny's serial protocol, EEMBC's ULPMark-ML monitor); `input`, `output`, `crc`, `arena`, `hash` and `reset` are ours.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from types import TracebackType

from ..errors import EngineError
from .transport import Transport

# The benchmark's runner sends at most 31 bytes a command, and boards size their buffers for that.
_BYTES_PER_COMMAND = 31
_READY = "m-ready"


class DutError(EngineError):
    """The firmware refused, answered nonsense, or is gone."""

    def __init__(self, reason: str, hint: str = "run it by hand: microgen simulate PROJECT, then help%") -> None:
        super().__init__("firmware", reason, hint)


class Client:
    """One conversation with a firmware.

    Args:
        transport: how to reach it.
        timeout_s: seconds to wait for an answer.
    """

    def __init__(self, transport: Transport, timeout_s: float = 20.0) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._pending = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def wait_ready(self) -> None:
        """Wait for the greeting of a firmware that starts.

        Raises:
            DutError: it does not come, or it says that the model could not be set up.
        """
        _refuse_errors(self._answer(), "start")

    def command(self, text: str) -> list[str]:
        """Send one command and return its answer's lines, `m-ready` left out.

        Raises:
            DutError: no answer, or an error line `e-[...]`.
        """
        return self.commands([text])[0]

    def commands(self, texts: Sequence[str]) -> list[list[str]]:
        """Send several commands, as many at once as the transport bears, and return their answers."""
        answers: list[list[str]] = []
        sent = 0
        while len(answers) < len(texts):
            upto = min(len(texts), len(answers) + self._transport.window)
            if sent < upto:
                self._write("".join(f"{t}%" for t in texts[sent:upto]).encode("ascii"))
                sent = upto
            answers.append(self._answer())
            _refuse_errors(answers[-1], texts[len(answers) - 1])
        return answers

    def infer(self, inputs: Sequence[bytes], outputs: int) -> list[bytes]:
        """Load all inputs, run one inference from a fresh state and return the outputs' raw bytes.

        Args:
            inputs: the raw bytes of each input.
            outputs: how many outputs the model has.

        Raises:
            DutError: a transfer was damaged, or the firmware refused.
        """
        texts = ["reset"]
        checks: dict[int, int] = {}
        for k, data in enumerate(inputs):
            texts += [f"input {k}", f"db load {len(data)}"]
            texts += ["db " + data[i : i + _BYTES_PER_COMMAND].hex() for i in range(0, len(data), _BYTES_PER_COMMAND)]
            checks[len(texts)] = zlib.crc32(data)
            texts.append("crc")
        texts.append("infer 1 0")
        first = len(texts)
        texts += [f"output {k}" for k in range(outputs)]
        answers = self.commands(texts)
        for position, expected in checks.items():
            if int(_match(r"m-crc-\[\d+,([0-9a-f]{8})\]", answers[position])[0], 16) != expected:
                raise DutError("an input was damaged on its way", "check the cable, or lower the port's speed")
        return [self._output(k, answers[first + k]) for k in range(outputs)]

    def hash(self) -> str:
        """Return the SHA-256 of the model that the firmware says it has."""
        return _match(r"m-hash-\[([0-9a-f]{64})\]", self.command("hash"))[0]

    def arena(self) -> tuple[int, int]:
        """Return the bytes of the tensor arena in use, and its size."""
        used, size = _match(r"m-arena-\[(\d+),(\d+)\]", self.command("arena"))
        return int(used), int(size)

    def _output(self, index: int, answer: list[str]) -> bytes:
        number, length, digits, crc = _match(r"m-output-\[(\d+),(\d+),([0-9a-f]*),([0-9a-f]{8})\]", answer)
        data = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
        if int(number) != index or len(data) != int(length) or zlib.crc32(data) != int(crc, 16):
            raise DutError(f"output {index} was damaged on its way", "check the cable, or lower the port's speed")
        return data

    def _write(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except OSError:
            raise DutError(f"it is gone ({self._transport.diagnosis() or 'its port closed'})") from None

    def _answer(self) -> list[str]:
        """Read lines up to `m-ready`."""
        deadline = time.monotonic() + self._timeout_s
        lines: list[str] = []
        while True:
            while b"\n" in self._pending:
                line, _, self._pending = self._pending.partition(b"\n")
                text = line.decode("ascii", "replace").strip("\r")
                if text == _READY:
                    return lines
                lines.append(text)
            try:
                data = self._transport.read(max(0.0, deadline - time.monotonic()))
            except EOFError:
                raise DutError(f"it is gone ({self._transport.diagnosis() or 'its port closed'})") from None
            if not data:
                raise DutError(f"no answer within {self._timeout_s:.0f} s")
            self._pending += data


def _refuse_errors(answer: list[str], command: str) -> None:
    for line in answer:
        if line.startswith("e-["):
            raise DutError(f"'{command[:40]}' was answered with {line}")


def _match(pattern: str, answer: list[str]) -> tuple[str, ...]:
    for line in answer:
        found = re.fullmatch(pattern, line)
        if found:
            return found.groups()
    raise DutError(f"unexpected answer {answer[:3]}")
