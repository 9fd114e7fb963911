"""clang-tidy and cppcheck accept each C and C++ file that microgen writes into a project, each distinct file once."""

from __future__ import annotations

import importlib.util
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from microgen.applications import choose_application
from microgen.boards import load_board, load_cpu
from microgen.deployment import Deployment, deploy
from microgen.devices.emulator import build, missing_packages
from microgen.projects import PROJECTS
from microgen.projects.firmware import compile_flags
from microgen.support import resources
from microgen.tflite import parse
from tests.applications import test_camera, test_microphone, test_motion
from tests.support import models
from tests.support.projects import all_zero, with_application
from tests.support.tools import find_pico_sdk, needs

_FIRMWARE = resources.path("firmware")
_FIXTURES = Path(__file__).parent / "fixtures"
_SOURCES = (".c", ".cc", ".cpp")
_WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wdouble-promotion",
    "-Wno-unknown-attributes",
    "-Wno-unused-command-line-argument",
    "-Wno-unused-variable",
)

_SERIAL = (models.fully_connected(), None, None)
_MOTION = (test_motion.scoring(), "motion", test_motion.OPTIONS)
_CAMERA = (test_camera.scoring(), "camera", test_camera.OPTIONS)
_LOGMEL = (test_microphone.scoring(3, 40), "microphone", {"front_end": "microwakeword"})
_DECIBELS = (test_microphone.scoring(5, 128), "microphone", {"front_end": "decibels"})
_MFCC = (test_microphone.scoring(), "microphone", {"front_end": "mfcc"})
_PIXELS = (models.fully_connected(), "mlperf", {"task": "ic01"})
_RECONSTRUCTION = (models.fully_connected(units=8), "mlperf", {"task": "ad01"})
# Kind of project, board, runtime, model with its application: together, these have every file but the kernels.
_PROJECTS = (
    ("platformio", "nano33ble", "tflm", _SERIAL),
    ("platformio", "nano33ble", "compiled", _MOTION),
    ("platformio", "xiao-nrf52840-sense", "compiled", _MOTION),
    ("platformio", "esp32c3", "compiled", _MOTION),
    ("platformio", "esp32", "compiled", _MFCC),
    ("platformio", "nano33ble", "compiled", _DECIBELS),
    ("platformio", "xiao-esp32s3", "compiled", _LOGMEL),
    ("platformio", "pico", "compiled", _LOGMEL),
    ("platformio", "nano-rp2040", "tflm", _LOGMEL),
    ("platformio", "esp32cam", "compiled", _CAMERA),
    ("platformio", "esp32", "tflm", _PIXELS),
    ("platformio", "esp32", "tflm", _RECONSTRUCTION),
    ("arduino-library", "nano33ble", "compiled", (models.residual(64), None, None)),
    ("c-library", "nano33ble", "compiled", _SERIAL),
    ("esp-idf", "esp32", "compiled", _MOTION),
    ("esp-idf", "esp32", "tflm", _LOGMEL),
    ("esp-idf", "xiao-esp32s3", "compiled", _LOGMEL),
    ("pico-sdk", "pico", "compiled", _MOTION),
    ("pico-sdk", "pico", "compiled", _LOGMEL),
    ("zephyr", "nano33ble", "compiled", _SERIAL),
)
_KERNELS = _FIRMWARE / "runtimes/compiled"
# Not in any project: what microgen itself compiles to verify one.
_OWN = (
    "platform/posix/host",
    "platform/emulator/observe.cc",
    "platform/emulator/uart_nrf51.c",
    "runtimes/tflm/host",
    "runtimes/compiled/host",
)
# Headers that a project finds in its toolchain: stand-ins for those of the board, TFLM, and Arduino.h on a PC.
_STAND_INS = {
    "platformio": "sensors",
    "arduino-library": "sensors",
    "esp-idf": "esp_idf/include",
    "zephyr": "zephyr/include",
}
_ON_A_PC = (_FIRMWARE / "platform/posix", _FIRMWARE / "runtimes/tflm/host")


@dataclass(frozen=True)
class Unit:
    """A file and the flags that it is compiled with."""

    file: Path
    flags: tuple[str, ...]

    @property
    def standard(self) -> str:
        return "-std=c11" if self.file.suffix == ".c" else "-std=c++17"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Unit]:
    made: dict[tuple[str, bytes], Unit] = {}
    for kind, board, runtime, (data, name, options) in _PROJECTS:
        application = choose_application(name, options)
        model = parse(data, "m")
        deployment = deploy("m", model, load_board(board), 2048, application=application, runtime=runtime)
        folder = write(tmp_path_factory.mktemp(f"{kind}-{board}"), kind, deployment)
        for unit in units_of(folder, kind, deployment):
            made.setdefault((unit.file.name, unit.file.read_bytes()), unit)
    for unit in kernels():
        made.setdefault((unit.file.name, unit.file.read_bytes()), unit)
    return list(made.values())


def write(folder: Path, kind: str, deployment: Deployment) -> Path:
    """Write a project, whose program runs its example if it has one."""
    parts, member = all_zero(deployment), PROJECTS.get(kind)
    for path, content in (member.files(parts) | member.user_files(parts)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    has_example = kind == "platformio" and deployment.application.name == "serial"
    return with_application(folder) if has_example else folder


def units_of(project: Path, kind: str, deployment: Deployment) -> Iterator[Unit]:
    """Yield the C and C++ files of a project, those for another machine only if its compiler is installed."""
    cpu = deployment.board.processor
    headers = sorted({p.parent for p in project.rglob("*") if p.suffix in (".h", ".inc")})
    headers = [f for f in headers if f.name not in ("pico", "hardware")]  # included by these names
    machines = {"emulator", "native", "platform", "armv7em"}
    for file in sorted(p for p in project.rglob("*") if p.suffix in _SOURCES):
        (machine,) = machines.intersection(file.relative_to(project).parts) or ("",)
        others = machines - {machine or "platform"}
        includes = [f for f in headers if others.isdisjoint(f.relative_to(project).parts)]
        is_cross = machine in ("emulator", "armv7em") or (machine == "platform" and kind == "pico-sdk")
        if is_cross and (missing_packages([cpu]) or (machine == "platform" and find_pico_sdk() is None)):
            continue
        flags = cross(cpu.name) if is_cross else ()
        if machine == "platform":
            flags += compile_flags(deployment)
            includes += stand_ins(kind, file.name)
        yield Unit(file, (*flags, *(f"-I{f}" for f in (*includes, *_ON_A_PC))))


def kernels() -> Iterator[Unit]:
    """Yield the sources of the compiled runtime, of which a project has those that its model needs."""
    includes = f"-I{_KERNELS}", f"-I{_KERNELS / 'armv7em'}"
    for file in sorted(_KERNELS.glob("*.c")):
        yield Unit(file, includes)
    if not missing_packages([load_cpu("cortex-m4f")]):
        for file in sorted(_KERNELS.glob("armv7em/*.c")):
            yield Unit(file, (*cross("cortex-m4f"), *includes))


def stand_ins(kind: str, name: str) -> list[Path]:
    if kind == "pico-sdk":
        sdk = find_pico_sdk()
        assert sdk is not None
        folders = (f for part in ("common", "rp2_common", "rp2040") for f in (sdk / "src" / part).glob("*/include"))
        return [_FIXTURES / "pico_sdk", sdk / "src/boards/include", *folders]
    if kind == "platformio" and name == "platform.cc":
        return [_FIXTURES / "arduino"]
    return [_FIXTURES / _STAND_INS[kind]]


@cache
def cross(name: str) -> tuple[str, ...]:
    """Return the flags with which Clang compiles for a CPU, with the headers of its cross compiler."""
    cpu = load_cpu(name)
    compiler = cpu.compiler
    assert compiler is not None
    command = [f"{compiler.prefix}g++", *compiler.flags, *compiler.link_flags, *build.header_flags(compiler)]
    done = subprocess.run([*command, "-E", "-v", "-xc++", "/dev/null"], capture_output=True, text=True, check=True)
    listed = done.stderr.partition("#include <...> search starts here:\n")[2].partition("End of search list.")[0]
    folders = [str(Path(line.strip()).resolve()) for line in listed.splitlines()]
    folders = [f for f in folders if "/gcc/" not in f]  # Clang has these headers itself
    defines = {"MICROGEN_EMULATOR": 1, "PICOSECONDS_PER_INSTRUCTION": 1, "PICO_RP2040": 1, **cpu.machines[-1].defines}
    target = "arm-none-eabi" if compiler.prefix.startswith("arm") else "riscv32-unknown-elf"
    macros = (f"-D{name}={value:#x}u" for name, value in defines.items())
    return (f"--target={target}", *compiler.flags, *macros, *(f"-isystem{f}" for f in folders))


def clang_tidy() -> list[str]:
    found = importlib.util.find_spec("clang_tidy")
    if found is None or found.origin is None:
        pytest.skip("clang-tidy is not installed (pip install clang-tidy)")
    tidy = Path(found.origin).parent / "data/bin/clang-tidy"
    return [str(tidy), "--quiet", f"--config-file={_FIRMWARE / '.clang-tidy'}"]


def run_all(commands: Sequence[Sequence[str]]) -> list[str]:
    """Run commands, two at a time; return the output of those that fail."""

    def run(command: Sequence[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        return [text for text in pool.map(run, commands) if text]


def test_every_source_is_among_them(units):
    linted = {(unit.file.name, unit.file.read_bytes()) for unit in units}
    sources = [p for p in _FIRMWARE.rglob("*") if p.suffix in _SOURCES]
    sources = [p for p in sources if not p.relative_to(_FIRMWARE).as_posix().startswith(_OWN)]
    left = [p for p in sources if (p.name, p.read_bytes()) not in linted]
    assert len(sources) > 100 and left == []


def test_clang_tidy_finds_nothing(units):
    """In headers, too, and no number is promoted to double: an FPU of single precision calls a library for that."""
    tidy = clang_tidy()
    assert "\n".join(run_all([[*tidy, str(u.file), "--", u.standard, *_WARNINGS, *u.flags] for u in units])) == ""


def test_cppcheck_finds_nothing(units):
    program = needs("cppcheck", "cppcheck")
    options = ["--enable=warning,performance,portability", "--error-exitcode=1", "--quiet", "--max-configs=1"]
    options.append("-DPICO_DEFAULT_I2C=0")  # of the SDK's headers, which are left out here
    # A shift of a negative number is arithmetic in each compiler that a board has; docs/platformio.md says so. The
    # pointers are symbols of the linker that bound one region. In dsp_conv.c, a row has a pixel: from[0] is set first.
    options += [f"--suppress={name}" for name in ("shiftTooManyBitsSigned", "comparePointers")]
    options += [f"--suppress={name}:*/dsp_conv.c" for name in ("negativeIndex", "uninitvar")]
    together = defaultdict(list)
    for unit in units:
        flags = (f for f in unit.flags if f.startswith("-D") or (f.startswith("-I") and "pico-sdk" not in f))
        together[(unit.standard.replace("-std", "--std"), *flags)].append(str(unit.file))
    assert "\n".join(run_all([[program, *options, *flags, *files] for flags, files in together.items()])) == ""


def test_they_would_find_something(tmp_path):
    (tmp_path / "bad.h").write_text(
        "inline float Sum(float a) { float s = 0; for (float x = 0; x < 1; x += 0.1f) s += x * 2.0; return s + a; }\n"
    )
    (tmp_path / "bad.cc").write_text('#include "bad.h"\nfloat Twice(float a) { return Sum(Sum(a)); }\n')
    (text,) = run_all([[*clang_tidy(), str(tmp_path / "bad.cc"), "--", "-std=c++17", *_WARNINGS]])
    assert "bugprone-float-loop-counter" in text and "double-promotion" in text
