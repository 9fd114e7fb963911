"""Runs an image in QEMU, its serial line on pipes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from ...boards.cpus import Machine
from ...errors import last_words
from ..transport import COMMAND_BYTES, end_process, read_ready
from .build import Image
from .log import Log

# Each instruction takes 2**7 ns of the emulator's time; firmware/platform/emulator/clock.c has the reason.
_SHIFT = 7
_LOG = "firmware.log"
_DOORBELL = b"\n"


def qemu_command(image: Image, log: str = _LOG) -> list[str]:
    """Return the command that runs an image; its standard input and output are the firmware's serial line."""
    return [*_leash(), *qemu_arguments(image.machine, f"file,path={log}"), "-kernel", str(image.elf)]


def qemu_arguments(machine: Machine, log: str) -> list[str]:
    """Return the command that starts a machine, but for its image.

    Args:
        machine: the machine.
        log: where its log goes, as QEMU's `-chardev` writes it: "file,path=firmware.log".
    """
    return [
        machine.program, "-M", machine.name, *machine.options,
        "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
        "-icount", f"shift={_SHIFT}",
        "-chardev", f"{log},id=log",
        "-semihosting-config", "enable=on,target=native,chardev=log",
    ]  # fmt: skip


def _leash() -> list[str]:
    """Return a prefix that ends the emulator with the process that started it: it does not notice a closed pipe."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


class EmulatedBoard:
    """A firmware on an emulated CPU; see `Transport`.

    Attributes:
        image: what runs.
        log: what it reports besides its serial line.
    """

    command_bytes = COMMAND_BYTES
    window = 32
    advice = "run it yourself on the emulated CPU (microgen simulate), and type help%"

    def __init__(self, image: Image, work: Path) -> None:
        """Start the emulator.

        Args:
            image: a linked firmware.
            work: an existing folder, of this board alone.
        """
        self.image = image
        self.log = Log(work / _LOG)
        self._errors = work / "emulator.log"
        # Beside the UART, because that takes one byte at a time: firmware/platform/emulator/serial.c.
        self._file = (work / "serial.in").open("wb", buffering=0)
        self._end = work / "serial.end"
        with self._errors.open("wb") as stderr:
            self._process = subprocess.Popen(
                qemu_command(image),
                cwd=work,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._file.write(data)
        self._in.write(_DOORBELL)

    def read(self, timeout_s: float) -> bytes:
        """Return what has come; see `Transport`."""
        return read_ready(self.fileno(), timeout_s)

    def end(self) -> None:
        """Let the firmware end once it has taken all that was sent; `read` raises EOFError then."""
        self._end.touch()
        self._in.write(_DOORBELL)

    def fileno(self) -> int:
        """Return the descriptor that has something to read when the firmware has sent something."""
        return self._out.fileno()

    def close(self) -> None:
        """Stop the emulator."""
        self._process.terminate()
        end_process(self._process, self._in, self._out, self._file)

    def diagnosis(self) -> str:
        """Return the fault that the firmware reported, or what the emulator printed last."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        fault = self.log.fault()
        if fault is not None:
            self.advice = "the firmware failed on the emulated CPU; look at the named function"
            place = self.image.functions([fault.registers["pc"]])[0] if "pc" in fault.registers else ""
            return fault.describe(place)
        return last_words(self._errors.read_text("utf-8", "replace"))
