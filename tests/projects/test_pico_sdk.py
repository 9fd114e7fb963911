"""The kind "pico-sdk": built with the SDK itself by the commands of its README, run in rp2040py, and its tool."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

import microgen
from microgen.boards import load_board
from microgen.devices import Client
from microgen.errors import InputError, SetupError
from microgen.projects import open_project
from microgen.projects.kind import Compiled
from microgen.projects.pico_sdk import tool
from microgen.support import resources
from tests.applications import test_motion
from tests.applications.test_microphone import scoring
from tests.devices.rp2040.test_rp2040 import EmulatedPico
from tests.projects.test_c_library import HOSTILE, run
from tests.support import models
from tests.support.tools import find_pico_sdk, needs, needs_host

HEARING = {"application": "microphone", "application_options": {"front_end": "mfcc", "coefficients": "5"}}
TITLE = 'My "Pico" ${x} \\ #; Ü'


_PROBE = """#include "platform.h"
#include "platform_sensor.h"
#include "writer.h"

namespace {
constexpr size_t kSamples = 25;
int16_t g_heard[kSamples];
volatile size_t g_count = 0;

void OnValues(const int16_t* values, size_t count) {
  for (size_t i = 0; i < count && g_count < kSamples; ++i) {
    g_heard[g_count] = values[i];
    g_count = g_count + 1;
  }
}
}  // namespace

void setup() {
  platform_begin();
  if (sensor_begin(16000, 1, OnValues) != nullptr) return;
  while (g_count < kSamples) {
  }
  serial::Writer out;
  for (const int16_t sample : g_heard) out.Decimal(sample, 0).Char(' ');
  out.Line();
}

void loop() {}
"""


@pytest.fixture(scope="module")
def sdk():
    needs("cmake", "cmake")
    needs("arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib")
    found = find_pico_sdk()
    if found is None:
        pytest.skip("no Pico SDK (Debian 13: pico-sdk-source; tests/support/pico_sdk.sh FOLDER)")
    return str(found)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A verified project for a board of one's own, whose title and labels no language likes."""
    needs_host()
    folder = tmp_path_factory.mktemp("pico")
    (folder / "m.tflite").write_bytes(scoring(3, 5))
    text = (resources.path("boards") / "pico.toml").read_text()
    text = text.replace('"Raspberry Pi Pico"', f"'{TITLE}'").replace('name = "pico"', 'name = "mine"')
    (folder / "mine.toml").write_text(re.sub(r"(?m)^aliases = .*\n", "", text))
    options = {"runtime": "compiled", "project_kind": "pico-sdk", "labels": HOSTILE, "samples": 4, **HEARING}
    result = microgen.build(folder / "m.tflite", folder / "mine.toml", out=folder / "p", **options)
    assert result.verdict.firmware == "equal" and result.deployment.board.title == TITLE
    return folder, options


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built[0] / "p", tmp_path / "copied to here"))


def commands(readme: str) -> list[str]:
    """The commands of a README's "Build and flash" that compile."""
    return re.findall(r"(?m)^    (cmake (?!.*PICO_BOARD).*)$", readme)


def test_its_readme_s_commands_make_a_uf2_that_passes_its_golden_vectors(project, sdk, monkeypatch):
    monkeypatch.setenv("PICO_SDK_PATH", sdk)
    wanted = commands((project / "README.md").read_text())
    assert wanted == ["cmake -B build", "cmake --build build -j"]
    for command in wanted:
        assert "warning:" not in run(project, *command.split())
    with Client(EmulatedPico(project / "build/m_firmware.uf2"), timeout_s=60) as client:
        client.connect()
        assert client.name() == "mine" and client.model() == "m"
        assert client.selftest().passed and client.selftest().vectors == 4
        client.infer([bytes([0] * 3 + [100] + [0] * 11)], 1)
        assert client.command("label")[0] == "m-label-[3,Stra??e ???]"  # of the bytes that are no ASCII
    sizes = tool.TOOL.compile(open_project(project), lambda line: None)
    assert 20_000 < sizes.flash_bytes < 100_000 and 2_000 < sizes.ram_bytes < 40_000
    assert (sizes.flash_limit, sizes.ram_limit) == (2_093_056, 262_144)

    # The driver of its microphone, by PIO: what it hands over is what the microphone said.
    (project / "src/main.cpp").write_text(_PROBE)
    tool.TOOL.compile(open_project(project), lambda line: None)
    pico = EmulatedPico(project / "build/m_firmware.uf2")
    wanted = [*range(-11, 11), 32767, -32768]
    words = [0, *(sample << 14 for sample in wanted[:-2]), 2**31 - 1, -(2**31)]
    _Microphone(pico.gpio, 26, 28, words)
    heard = b""
    end = time.monotonic() + 60
    while b"\n" not in heard and time.monotonic() < end:
        heard += pico.read(1)
    assert list(map(int, heard.split()))[1:] == wanted, "after the word that began before the microphone did"


class _Microphone:
    """An I2S microphone on the left slot: from one falling edge of the clock to the next, a bit of its words."""

    def __init__(self, gpio, clock: int, data: int, words: list[int]) -> None:
        self._clock, self._select, self._data = gpio[clock], gpio[clock + 1], gpio[data]
        self._words, self._bits = iter(words), iter(())
        self._was_high, self._was_right = False, True
        self._clock.add_listener(self._on_clock)

    def _on_clock(self, state, before) -> None:
        is_high = bool(self._clock.output_value)
        fell, self._was_high = self._was_high and not is_high, is_high
        if not fell:
            return
        self._data.set_input_value(bool(next(self._bits, 0)))
        is_right = bool(self._select.output_value)
        # One clock after the word select has changed, its first bit.
        if self._was_right and not is_right:
            word = next(self._words, 0)
            self._bits = iter([word >> k & 1 for k in range(31, -1, -1)])
        self._was_right = is_right


def blocks(path: Path) -> list[tuple[int, int]]:
    """The family and the address of each block of a .uf2."""
    data = path.read_bytes()
    heads = [struct.unpack("<8I", data[at : at + 32]) for at in range(0, len(data), 512)]
    assert all(head[2] == 0x2000 and head[0] == 0x0A324655 for head in heads)
    return [(head[7], head[3]) for head in heads]


def test_an_image_for_a_pico_2(built, sdk, tmp_path, monkeypatch):
    """With the driver of its motion sensor. Linked, not run: no emulator of an RP2350 is to be had.

    Without USB, whose sources are a third of the SDK's.
    """
    monkeypatch.setenv("PICO_SDK_PATH", sdk)
    project = tmp_path / "p"
    (tmp_path / "m.tflite").write_bytes(test_motion.scoring())
    feeling = {"application": "motion", "application_options": test_motion.OPTIONS, "labels": None}
    microgen.build(tmp_path / "m.tflite", "pico2", out=project, verify=False, **{**built[1], **feeling})
    run(project, "cmake", "-B", "build", "-D", "SERIAL_USB=OFF")
    assert "warning:" not in run(project, "cmake", "--build", "build", "-j")
    elf = project / "build/m_firmware.elf"
    assert "v8-M.mainline" in run(project, "arm-none-eabi-readelf", "-A", elf)
    listed = blocks(elf.with_suffix(".uf2"))
    assert {family for family, _ in listed} == {0xE48BFF59}
    assert [address for _, address in listed] == [0x10000000 + 256 * k for k in range(len(listed))]
    # The boot ROM looks for the IMAGE_DEF in the first 4 KiB, and the vectors are a stack in RAM and code in flash.
    image = elf.with_suffix(".bin").read_bytes()
    assert struct.pack("<I", 0xFFFFDED3) in image[:4096]
    stack, reset = struct.unpack("<2I", image[:8])
    assert 0x20000000 < stack <= 0x20082000 and reset & 1 and 0x10000000 < reset < 0x10000000 + len(image)


def test_its_sources_compile_with_tflm(tmp_path, sdk, monkeypatch):
    """Not linked: here is no TensorFlow Lite Micro for these CPUs."""
    monkeypatch.setenv("PICO_SDK_PATH", sdk)
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    options = {"out": tmp_path / "p", "project_kind": "pico-sdk", "verify": False}
    project = microgen.build(tmp_path / "m.tflite", "pico2", **options).project
    name, url, commit = re.fullmatch(r"(.+)=(.+)#(.+)", load_board("pico2").snapshot.lib_deps[0]).groups()
    readme = (project / "README.md").read_text()
    assert f"    git clone {url} {name}\n    git -C {name} checkout {commit}\n" in readme
    with pytest.raises(AssertionError, match=f"{name} was not found: set TFLM_PATH"):
        run(project, "cmake", "-B", "build")

    # In place of the checkout: the declarations alone, and two sources of which one must be left out.
    headers = resources.path("firmware") / "runtimes/tflm/host"
    shutil.copytree(headers, project / name / "src", ignore=shutil.ignore_patterns("selftest*"))
    (project / name / "src/tensorflow/lite/micro/hexdump_test.cpp").write_text("#error not to be compiled\n")
    header = project / name / "src/tensorflow/lite/micro/micro_interpreter.h"
    header.write_text(f"#ifndef ARDUINO\n#error as the library's own headers\n#endif\n{header.read_text()}")
    (project / name / "src/some.cpp").write_text("#ifndef TF_LITE_STATIC_MEMORY\n#error\n#endif\nint g_some;\n")
    run(project, "cmake", "-B", "build", "-G", "Unix Makefiles", "-D", "SERIAL_USB=OFF")
    objects = [
        f"{p.relative_to(project)}.o" for part in ("model", "platform") for p in project.glob(f"lib/{part}/*.cc")
    ]
    assert "lib/model/model_runner.cc.o" in objects
    run(project / "build", "make", "tflm", *objects)


def test_an_application_without_a_driver_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(scoring(3, 5))
    options = {"project_kind": "pico-sdk", **HEARING}
    with pytest.raises(InputError, match=r"no driver for the board's microphone \(pdm\.cc\)") as caught:
        microgen.build(tmp_path / "m.tflite", "nano-rp2040", out=tmp_path / "p", **options)
    assert "project_kind=platformio" in caught.value.hint and not (tmp_path / "p").exists()


def test_a_board_that_the_sdk_does_not_know_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match="Pico SDK does not support") as caught:
        microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", project_kind="pico-sdk")
    assert "pico2" in caught.value.hint and not (tmp_path / "p").exists()


@pytest.mark.parametrize("size", [0, 1, 256, 1000])
def test_a_uf2_has_all_pages_at_their_addresses(size, tmp_path):
    image = bytes(i * 7 % 251 for i in range(size))
    (tmp_path / "i.bin").write_bytes(image)
    script = resources.path("templates") / "pico-sdk/uf2.py"
    arguments = ["i.bin", "o.uf2", "0xe48bff56", "0x10000000"]
    subprocess.run([sys.executable, script, *arguments], cwd=tmp_path, check=True)
    data = (tmp_path / "o.uf2").read_bytes()
    count = -(-size // 256)
    assert len(data) == 512 * count
    for k in range(count):
        *head, page, end = struct.unpack("<8I476sI", data[512 * k : 512 * (k + 1)])
        assert head == [0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * k, 256, k, count, 0xE48BFF56]
        assert page == image[256 * k : 256 * (k + 1)].ljust(476, b"\0") and end == 0x0AB16F30


# ---- its tool, where programs of the test's own stand for CMake, picotool and a drive


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH of its own: add(NAME, SHELL SCRIPT)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "which", lambda name: next((str(p) for p in [folder / name] if p.exists()), None))

    def add(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    add("cmake", 'case "$1" in --build) touch "$2/m_firmware.uf2";; *) mkdir -p "$4";; esac')
    add("arm-none-eabi-size", "echo '   text data bss dec hex filename'; echo '  1000   20   300 1320 528 x.elf'")
    return add


def test_flash_takes_picotool_or_the_drive_of_the_board(project, programs, tmp_path, monkeypatch):
    assert microgen.compile_project(project) == Compiled(1020, 2_093_056, 320, 262_144)
    drives = (str(tmp_path / "media/*"),)
    monkeypatch.setattr(tool, "bootsel_drive", lambda find=tool.bootsel_drive: find(drives))
    with pytest.raises(SetupError, match="no board in BOOTSEL mode") as caught:
        microgen.flash(project)
    assert "BOOTSEL" in caught.value.hint
    drive = tmp_path / "media/RPI-RP2"
    drive.mkdir(parents=True)
    (tmp_path / "media/another").mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    microgen.flash(project)
    assert (drive / "m_firmware.uf2").exists()
    programs("picotool", f'echo "$@" > {tmp_path}/asked')
    microgen.flash(project)
    assert (tmp_path / "asked").read_text() == f"load -f -x {project}/build/m_firmware.uf2\n"
    with pytest.raises(InputError, match="not a serial port"):
        microgen.flash(project, port="/dev/ttyACM0")


@pytest.mark.parametrize(
    ("printed", "error", "message"),
    [
        ("CMake Error at x:17 (message):\n  The Pico SDK was not found: set PICO_SDK_PATH to its folder.", SetupError,
         "The Pico SDK was not found: set PICO_SDK_PATH"),
        ("  pico-tflmicro was not found: set TFLM_PATH to its checkout.", SetupError, "pico-tflmicro was not found"),
        ("Compiler 'arm-none-eabi-gcc' not found, you can", SetupError, "arm-none-eabi-gcc is not installed"),
        ("ld: region `FLASH' overflowed by 1234 bytes", InputError, "FLASH' overflowed by 1234 bytes"),
        ("/p/src/main.cpp:7:3: error: expected ';'", InputError, "main.cpp:7:3: error: expected ';'"),
        ("main.o: undefined reference to `sensor'", InputError, "undefined reference to `sensor'"),
        ("CMake Error at CMakeLists.txt:3:\n  No such compiler", SetupError, "CMake failed: .*No such compiler"),
        ("strange", SetupError, "it failed: strange"),
        ("", SetupError, "it printed nothing"),
    ],
)  # fmt: skip
def test_what_fails_is_one_line_with_a_hint(printed, error, message, project, programs):
    programs("cmake", f"cat << 'END'\n{printed}\nEND\nexit 1")
    with pytest.raises(error, match=message) as caught:
        microgen.compile_project(project)
    assert caught.value.hint


def test_it_says_what_is_not_installed(project, programs, tmp_path):
    (tmp_path / "bin/cmake").unlink()
    with pytest.raises(SetupError, match="cmake is not installed"):
        microgen.flash(project)
