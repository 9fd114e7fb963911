"""The kind "arduino-library": against Arduino's specification, in plain compilers, and as PlatformIO packs it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import microgen
from microgen.applications import choose_application
from microgen.boards import load_board
from microgen.deployment import deploy
from microgen.errors import InputError
from microgen.projects.arduino_library.kind import archive, depends, library_name
from microgen.support import resources
from microgen.support.render import properties_value
from microgen.tflite import parse
from tests.applications import test_motion
from tests.applications.test_microphone import scoring
from tests.deployment.test_fit import deployed
from tests.projects import arduino_spec
from tests.projects.test_c_library import HOSTILE
from tests.support import models, pio
from tests.support.projects import project_files
from tests.support.tools import needs, needs_cpu, needs_host

TITLE = 'My "Nano" ${x} \\ #= <é>; '
STAND_INS = Path(__file__).parents[1] / "firmware/fixtures/sensors"
# An Arduino core on a PC: what a core's Arduino.h declares of what the library uses.
CORE = {
    "Arduino.h": """#pragma once
#include <stddef.h>
#include <stdint.h>
#define LED_BUILTIN 13
#define OUTPUT 1
#define HIGH 1
#define LOW 0
struct Port {
  void begin(unsigned long baud);
  operator bool() const { return true; }
  int available();
  int read();
  size_t write(const uint8_t* bytes, size_t n);
};
extern Port Serial;
unsigned long millis();
unsigned long micros();
void delay(unsigned long ms);
void pinMode(int pin, int mode);
void digitalWrite(int pin, int level);
void setup();
void loop();
""",
    "core.cpp": """#include "Arduino.h"
#include <stdio.h>
#include <unistd.h>
Port Serial;
static unsigned long g_us = 0, g_baud = 0;
static int g_next = -1;
static bool g_ended = false;
void Port::begin(unsigned long baud) { g_baud = baud; }
int Port::available() {
  unsigned char byte;
  if (g_next < 0 && !g_ended) {
    if (::read(0, &byte, 1) == 1) {
      g_next = byte;
    } else {
      g_ended = true;
    }
  }
  return g_next >= 0;
}
int Port::read() {
  const int byte = available() ? g_next : -1;
  g_next = -1;
  return byte;
}
size_t Port::write(const uint8_t* bytes, size_t n) { return fwrite(bytes, 1, n, stdout); }
unsigned long millis() { return g_us / 1000; }
unsigned long micros() { return g_us += 10; }
void delay(unsigned long ms) { g_us += 1000 * ms; }
void pinMode(int, int) {}
void digitalWrite(int, int) {}
int main() {
  setup();
  while (!g_ended) loop();
  return g_baud == 9600 ? 0 : 1;
}
""",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("arduino")
    (folder / "m.tflite").write_bytes(models.fully_connected(units=5))
    text = (resources.path("boards") / "nano33ble.toml").read_text()
    text = re.sub(r"(?m)^title = .*$", f"title = '{TITLE}'", text).replace('name = "nano33ble"', 'name = "mine"')
    text = text.replace("monitor_speed = 115200", "monitor_speed = 9600")
    (folder / "mine.toml").write_text(re.sub(r"(?m)^aliases = .*\n", "", text))
    options = {"runtime": "compiled", "project_kind": "arduino-library", "labels": HOSTILE, "samples": 4}
    result = microgen.build(folder / "m.tflite", folder / "mine.toml", out=folder / "p", **options)
    assert result.verdict.firmware == "equal"
    return folder, options


@pytest.fixture
def library(built, tmp_path):
    """The library as the IDE unpacks its .zip, away from all else."""
    with zipfile.ZipFile(built[0] / "p/m_model.zip") as packed:
        packed.extractall(tmp_path / "libraries")
    return tmp_path / "libraries/m_model"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_is_what_the_specification_asks_for(built, library):
    files = contents(library)
    assert arduino_spec.problems(library.name, files) == []
    fields = arduino_spec.properties(files["library.properties"])
    assert fields["sentence"] == f"The neural network m for {TITLE.strip()}" and "depends" not in fields
    # What is packed is what lies beside it, with the example as it was written first.
    project = contents(built[0] / "p")
    assert {name: project[name] for name in files} == files
    for name in ("library.properties", "examples/Serial/Serial.ino", "src/m_model.h"):
        rest = {n: data for n, data in files.items() if n != name}
        assert arduino_spec.problems(library.name, rest), name


def test_tflm_is_a_library_that_the_library_manager_finds_or_comes_with_the_core():
    chirale, core = (project_files(deployed(load_board(b)), "arduino-library") for b in ("nano33ble", "esp32"))
    assert arduino_spec.properties(chirale["library.properties"])["depends"] == "Chirale_TensorFLowLite"
    assert "depends" not in arduino_spec.properties(core["library.properties"])
    for files in (chirale, core):
        name = next(n for n in files if n.endswith(".zip")).removesuffix(".zip")
        kept = {n: d for n, d in files.items() if "/" in n or n.endswith((".properties", ".txt"))}
        assert arduino_spec.problems(name, kept) == []
    # Where other kinds have flags: the model stays in flash, the arena goes to PSRAM.
    teensy = project_files(deployed(load_board("teensy41")), "arduino-library")
    assert b"#define MODEL_DATA_SECTION .progmem\n" in teensy["src/model_data.h"]
    large = project_files(deployed(load_board("esp32s3-n16r8"), 450_000), "arduino-library")
    assert b"#define MODEL_ARENA_PSRAM 1\n" in large["src/model_config.h"]


def test_a_tflm_that_is_no_arduino_library_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match="pico-tflmicro, is not an Arduino library") as caught:
        microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", project_kind="arduino-library")
    assert "runtime=compiled" in caught.value.hint and not (tmp_path / "p").exists()


def sketches(library: Path, folder: Path, *stand_ins: str) -> dict[str, str]:
    """What each example answers, compiled as the IDE does: all of src/ and the sketch, with a core of the test's own.

    Args:
        library: as the IDE unpacks it.
        folder: an existing one, for core and objects.
        stand_ins: headers of the libraries that drivers call.
    """
    compiler = needs("g++", "g++")
    core = folder / "core"
    core.mkdir()
    for name, text in CORE.items():
        (core / name).write_text(text)
    for name in stand_ins:
        shutil.copy(STAND_INS / name, core)
    flags = ["-Os", "-DARDUINO=10819", "-Wall", "-Wextra", "-Werror", "-I", core, "-I", library / "src"]
    objects: list[Path] = []
    sources = [p for p in library.glob("src/**/*") if p.suffix in (".c", ".S", ".cc", ".cpp")]
    for source in (*sources, core / "core.cpp"):
        objects.append(folder / f"{len(objects)}.o")
        language = ["gcc", "-std=gnu11"] if source.suffix in (".c", ".S") else [compiler, "-std=gnu++17"]
        subprocess.run([*language, *flags, "-c", source, "-o", objects[-1]], check=True)
    answers = {}
    for sketch in library.glob("examples/*"):
        ino = sketch / f"{sketch.name}.ino"
        ino.with_suffix(".ino.cpp").write_text(f"#include <Arduino.h>\n{ino.read_text()}")
        program = folder / sketch.name
        link = [compiler, "-std=gnu++17", *flags, "-Wl,--fatal-warnings", *sketch.glob("*.cpp"), *objects]
        subprocess.run([*link, "-o", program], check=True)
        done = subprocess.run([program], input="name%selftest%", capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), "ended with its input; 1: at another speed of the port than 9600"
        answers[sketch.name] = done.stdout
    return answers


def test_its_example_passes_the_golden_vectors_on_a_core_of_its_own(library, tmp_path):
    answers = sketches(library, tmp_path)
    assert set(answers) == {"Serial"} and "m-name-dut-[mine]" in answers["Serial"]
    assert "m-selftest-[pass,4]" in answers["Serial"]


SENSING = {
    "microphone": (scoring(3, 5), {"front_end": "mfcc", "coefficients": "5"}, "PDM.h"),
    "motion": (test_motion.scoring(), test_motion.OPTIONS, "Arduino_LSM9DS1.h"),
}


@pytest.fixture(scope="module", params=SENSING)
def sensing(request, tmp_path_factory):
    """The library of an application with a sensor, as the IDE unpacks its .zip."""
    needs_host()
    folder = tmp_path_factory.mktemp(request.param)
    model, options, _ = SENSING[request.param]
    (folder / "m.tflite").write_bytes(model)
    given = {"application": request.param, "application_options": options, "runtime": "compiled", "samples": 4}
    microgen.build(folder / "m.tflite", "nano33ble", out=folder / "p", project_kind="arduino-library", **given)
    with zipfile.ZipFile(folder / "p/m_model.zip") as packed:
        packed.extractall(folder)
    return request.param, folder / "m_model"


def test_an_application_is_a_second_example(sensing, tmp_path):
    application, library = sensing
    assert arduino_spec.problems(library.name, contents(library)) == []
    answers = sketches(Path(shutil.copytree(library, tmp_path / library.name)), tmp_path, SENSING[application][2])
    assert set(answers) == {"Serial", application.capitalize()}
    assert all("m-selftest-[pass,4]" in answer for answer in answers.values())
    assert ["listening" in answers[name] for name in sorted(answers)] == [True, False]


@pytest.mark.parametrize("sensing", ["microphone"], indirect=True)
def test_platformio_compiles_it_as_a_library_of_an_example(sensing, tmp_path):
    """A project of the user's with the .zip in lib/, whose program is an example's.

    This machine has no framework, so that nothing may be asked of the library's.
    """
    application, library = sensing
    project = tmp_path / "mine"
    shutil.copytree(library, project / "lib" / library.name)
    shutil.copytree(library / "examples" / application.capitalize(), project / "src")
    (project / "lib/core").mkdir()
    for name, text in CORE.items():
        (project / "lib/core" / name).write_text(text)
    shutil.copy(STAND_INS / SENSING[application][2], project / "lib/core")
    settings = ("platform = native", "lib_compat_mode = off", "build_flags = -DARDUINO=10819 -std=gnu++17 -O0")
    (project / "platformio.ini").write_text("\n".join(("[env:native]", *settings)))
    done = pio.Pio(pio.core(tmp_path / "pio"), {})(project, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    program = project / ".pio/build/native/program"
    answer = subprocess.run([program], input="selftest%", capture_output=True, text=True, timeout=60).stdout
    assert "listening" in answer and "m-selftest-[pass,4]" in answer


def test_it_compiles_for_its_board_as_the_core_does(library, tmp_path):
    """The mbed core compiles as gnu++14, where an inline variable is a warning."""
    compiler = needs("arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib")
    (tmp_path / "Arduino.h").write_text(CORE["Arduino.h"])
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=softfp", "-Os", "-fsyntax-only"]
    folders = ["-I", tmp_path, "-I", library / "src"]
    c, cxx = ([p for p in library.rglob("*") if p.suffix in suffixes] for suffixes in ((".c",), (".cc", ".cpp")))
    assert any(p.parent.name == "armv7em" for p in c)
    subprocess.run(["arm-none-eabi-gcc", *cpu, "-std=gnu11", "-Wall", "-Wextra", "-Werror", *folders, *c], check=True)
    flags = ["-std=gnu++14", "-Wall", "-Wextra", "-Werror", "-Wno-c++17-extensions", "-DARDUINO=10819"]
    subprocess.run([compiler, *cpu, *flags, "-fno-exceptions", "-fno-rtti", *folders, *cxx], check=True)


def test_an_application_s_driver_pins_and_library_come_with_it(tmp_path):
    """Where other kinds have flags and lib_deps."""
    (tmp_path / "m.tflite").write_bytes(scoring(3, 40))
    options = {"application": "microphone", "application_options": {"front_end": "microwakeword"}, "verify": False}
    options |= {"project_kind": "arduino-library", "runtime": "compiled"}
    out = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", **options).project
    with zipfile.ZipFile(out / "m_model.zip") as packed:
        packed.extractall(tmp_path)
    library = tmp_path / "m_model"
    assert arduino_spec.problems(library.name, contents(library)) == []
    assert "OnDetection" in (library / "examples/Microphone/main.cpp").read_text()
    readme = (out / "README.md").read_text()
    assert "m_model > Microphone. It answers the serial commands and\n   reads the microphone." in readme
    # The driver is compiled with no flag; the first line of its header's macros is the board's wiring.
    compiler = needs("g++", "g++")
    flags = ["-std=gnu++17", "-DARDUINO=10819", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    folders = ["-I", STAND_INS, "-I", library / "src"]
    driver = library / "src/platform/i2s_esp32.cc"
    subprocess.run([compiler, *flags, *folders, driver, *library.glob("src/sensing.cc")], check=True)
    header = (library / "src/platform_sensor.h").read_text()
    assert "#ifndef MICROPHONE_BCLK\n#define MICROPHONE_BCLK 26\n#endif\n" in header

    rev2 = load_board("nano33ble-sense-rev2")
    feeling = choose_application("motion", test_motion.OPTIONS)
    motion = deploy("g", parse(test_motion.scoring(), "g"), rev2, application=feeling, runtime="compiled")
    files = project_files(motion, "arduino-library")
    assert arduino_spec.properties(files["library.properties"])["depends"] == "Arduino_BMI270_BMM150"
    assert "src/platform/imu.cc" in files


def test_platformio_packs_it(library, tmp_path):
    core = pio.core(tmp_path / "core")
    done = pio.Pio(core, {})(library, "pkg", "pack")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (library / "m_model-0.2.0.tar.gz").is_file()


def test_the_serial_commands_run_on_an_emulated_cpu(built):
    needs_cpu("cortex-m4f")
    assert microgen.selftest(built[0] / "p", "emulator").passed


def test_a_rebuild_gives_the_same_zip_and_keeps_the_sketch(built, tmp_path):
    folder, options = built
    project = Path(shutil.copytree(folder / "p", tmp_path / "copied"))
    sketch = project / "examples/Serial/main.cpp"
    sketch.write_text(sketch.read_text() + "// mine\n")
    check = {**options, "out": project, "check": True}
    assert not microgen.build(folder / "m.tflite", folder / "mine.toml", **check).drift


def test_a_zip_has_the_same_bytes_everywhere():
    files = {"b": b"1", "a/c.h": b"2" * 1000}
    packed = archive("x", files)
    assert packed == archive("x", dict(reversed(files.items())))
    assert b"2" * 1000 in packed, "not compressed"
    entries = zipfile.ZipFile(io.BytesIO(packed)).infolist()
    assert [(e.filename, e.date_time[0], e.create_system) for e in entries] == [("x/a/c.h", 1980, 3), ("x/b", 1980, 3)]


@pytest.mark.parametrize(
    ("name", "library"),
    [("kws", "kws_model"), ("A.b-C", "A_b_C_model"), ("7seg", "m7seg_model"), ("x" * 63, "x" * 57 + "_model")],
)
def test_a_library_has_a_name_that_the_ide_takes(name, library):
    assert library_name(name) == library
    assert arduino_spec.problems(library, {}) == ["no library.properties"]


def test_values_are_read_back():
    for text in HOSTILE:
        assert arduino_spec.properties(f"sentence={properties_value(text)}\n".encode()) == {"sentence": text}
    assert properties_value("a\n b\r\nname=x") == "a b name=x"
    assert depends(("owner/Some Name@1.0", "git=https://x#1")) == ("Some Name",)
