r"""Recorded sessions with a firmware as text files, so that tests can use a board's answers without the board.

The first line is `microgen session 1, window N`. Each line after it is one chunk: `> ` and what went to the
firmware, or `< ` and what came from it, in the order of their going and coming, with Python's escapes (`\r\n`,
`\xff`). Lines that begin with `;` are for people.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO

from ..errors import InputError, command, nearest_path, option
from ..support.files import read_file
from .transport import COMMAND_BYTES, Transport

_HEAD = "microgen session 1, window"
_LARGEST_BYTES = 2**28


class Recorder:
    """A transport that records the traffic of another."""

    def __init__(self, transport: Transport, path: Path) -> None:
        """Begin a file.

        Raises:
            InputError: it cannot be written.
        """
        self.window = transport.window
        self.command_bytes = COMMAND_BYTES  # which a replay takes, whatever was recorded
        self.advice = transport.advice
        self._transport = transport
        try:
            self._file: IO[str] = path.open("w", encoding="ascii")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})", "choose another file") from None
        print(f"{_HEAD} {self.window}", file=self._file)

    def write(self, data: bytes) -> None:
        """Send, and record."""
        self._note(">", data)
        self._transport.write(data)

    def read(self, timeout_s: float) -> bytes:
        """Receive, and record."""
        data = self._transport.read(timeout_s)
        self._note("<", data)
        return data

    def close(self) -> None:
        """Close both."""
        self._file.close()
        self._transport.close()

    def diagnosis(self) -> str:
        """Return the other transport's."""
        return self._transport.diagnosis()

    def _note(self, direction: str, data: bytes) -> None:
        # A line of the session is a line of the file.
        for chunk in re.findall(rb"[^\n]*\n|[^\n]+", data):
            print(direction, chunk.decode("latin-1").encode("unicode_escape").decode("ascii"), file=self._file)
        self._file.flush()


class Replay:
    """A transport that answers as a recorded firmware did, without waiting."""

    command_bytes = COMMAND_BYTES
    advice = f"use the arguments of the recording, or record the session again with {option('record')}"

    def __init__(self, path: Path) -> None:
        """Read a recording.

        Raises:
            InputError: it cannot be read, or is none.
        """
        self._path = path
        self._entries: list[tuple[int, str, bytes]] = []
        again = f"record one: {command('verify', 'PROJECT', option('on', 'PORT'), option('record', 'FILE'))}"
        try:
            lines = read_file(path, _LARGEST_BYTES).decode("ascii").splitlines()
            head = re.fullmatch(rf"{_HEAD} ([1-9]\d{{0,6}})", lines[0] if lines else "")
            if head is None:
                raise ValueError("its first line is not that of a recorded session")
            self.window = int(head[1])
            for number, line in enumerate(lines[1:], 2):
                if line[:2] in ("> ", "< "):
                    data = line[2:].encode("ascii").decode("unicode_escape").encode("latin-1")
                    self._entries.append((number, line[0], data))
                elif line.strip() and not line.startswith(";"):
                    raise ValueError(f"line {number} begins with neither > nor <")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file", nearest_path(path, again), path=path) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a recorded session ({error})", again, path=path) from None
        self._next = 0
        self._due = b""

    def write(self, data: bytes) -> None:
        """Compare with what was sent when it was recorded."""
        for chunk in re.findall(rb"[^\n]*\n|[^\n]+", data):
            place = next((i for i in range(self._next, len(self._entries)) if self._entries[i][1] == ">"), None)
            if place is None:
                raise InputError(f"{self._path}: ends before {_shown(chunk)}", self.advice)
            number, _, recorded = self._entries[place]
            if recorded != chunk:
                has, sends = _shown(recorded), _shown(chunk)
                raise InputError(
                    f"{self._path}, line {number}: the recording has {has}, this run sends {sends}", self.advice
                )
            # What came before it and was not read yet is still to be read.
            self._due += b"".join(entry[2] for entry in self._entries[self._next : place])
            self._next = place + 1

    def read(self, timeout_s: float) -> bytes:
        """Return what came next; b"" if the recording waits for something to be sent, EOFError at its end."""
        data, self._due = self._due, b""
        while self._next < len(self._entries) and self._entries[self._next][1] == "<":
            data += self._entries[self._next][2]
            self._next += 1
        if not data and self._next == len(self._entries):
            raise EOFError
        return data

    def close(self) -> None:
        """Do nothing: a replay holds no resource."""

    def diagnosis(self) -> str:
        """Return the position in the recording."""
        return f"the recording {self._path} ends here"


def _shown(chunk: bytes) -> str:
    """Return the beginning of what is sent, for a message."""
    return repr(chunk[:60].decode("latin-1"))
