"""A board on a pseudo terminal: a project's firmware runs on this machine behind a line that may be bad."""

from __future__ import annotations

import os
import random
import select
import subprocess
import tempfile
import threading
import tty
from pathlib import Path
from typing import Any

import microgen
from microgen.devices import host_command

from .projects import sources


def build(folder: Path, data: bytes, name: str, **options: Any) -> Path:
    """Build a project of this name for the pico."""
    path = folder / f"{name}.tflite"
    path.write_bytes(data)
    return microgen.build(path, "pico", out=folder / name, samples=8, **options).project


class Noise:
    """Drops, doubles or changes bytes, each way; `rate` is the share of them."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        self.random = random.Random(seed)
        self.bytes = 0
        self.damaged = 0

    def __call__(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            self.bytes += 1
            if self.random.random() >= self.rate:
                out.append(byte)
                continue
            self.damaged += 1
            kind = self.random.randrange(3)
            if kind == 1:
                out += bytes([byte, byte])
            elif kind == 2:
                out.append(byte ^ (1 << self.random.randrange(8)))
        return bytes(out)


class SerialBoard:
    """The name of its port is `port`. `reset()` and `unplug()` are what users do to boards."""

    def __init__(self, project: Path, noise: float = 0.0, seed: int = 0, restart_every: int = 0) -> None:
        self.noise = Noise(noise, seed)
        self.restarts = 0
        self._restart_every = restart_every  # bytes towards the board
        self._received = 0
        self._folder = tempfile.TemporaryDirectory()
        self._command = host_command(sources(project), Path(self._folder.name))
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        self.port = os.ttyname(self._far)
        self._stop, self._stopped = os.pipe()
        self._process = self._start()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> SerialBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self._folder.cleanup()

    def unplug(self) -> None:
        if self._near >= 0:
            os.close(self._stopped)
            self._thread.join()
            for descriptor in (self._near, self._far, self._stop):
                os.close(descriptor)
            self._near = -1
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _serve(self) -> None:
        while True:
            out = self._process.stdout.fileno()
            ready, _, _ = select.select([self._near, out, self._stop], [], [])
            if self._stop in ready:
                return
            if out in ready:
                os.write(self._near, self.noise(os.read(out, 4096)))
            if self._near in ready:
                data = self.noise(os.read(self._near, 4096))
                self._received += len(data)
                if self._restart_every and self._received >= self._restart_every:
                    self._received = 0
                    self.restarts += 1
                    self._end()
                    self._process = self._start()
                elif data:
                    os.write(self._process.stdin.fileno(), data)
