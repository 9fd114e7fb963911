"""The generated sources as 32-bit objects for the boards' architectures: no warning, and no larger than recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import microgen
from microgen.boards import list_boards
from microgen.deployment.fit import memory_fit, release_fit
from microgen.support import resources
from microgen.tflite import flashed, parse
from tests.deployment.test_fit import deployed
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import needs

_ARM = ("arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib")
_RISCV = ("riscv64-unknown-elf-g++", "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf")
CPUS = {
    "cortex-m0plus": (*_ARM, ("-mcpu=cortex-m0plus", "-mthumb")),
    "cortex-m4f": (*_ARM, ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")),
    "cortex-m7": (*_ARM, ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")),
    "cortex-m33": (*_ARM, ("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard")),
    "rv32imc": (*_RISCV, ("-march=rv32imc_zicsr", "-mabi=ilp32", "--specs=picolibc.specs")),
}
_FLAGS = ("-Os", "-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
# Text and data in bytes, measured with GCC 12.2, with room for small changes. A larger figure is worth a look.
_OBJECTS = ("session.o", "session_load.o", "model_runner.o", "writer.o", "main.o", "platform.o")
TEXT_BYTES = {
    cpu: dict(zip(_OBJECTS, sizes, strict=True))
    for cpu, sizes in {
        "cortex-m0plus": (6_200, 2_300, 1_250, 900, 200, 200),
        "cortex-m4f": (6_200, 2_300, 1_150, 1_000, 200, 200),
        "cortex-m7": (6_200, 2_300, 1_150, 1_000, 200, 200),
        "cortex-m33": (6_200, 2_300, 1_150, 1_000, 200, 200),
        "rv32imc": (8_200, 3_100, 1_600, 1_500, 300, 300),
    }.items()
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    (folder / "m.tflite").write_bytes(models.fully_connected())
    return microgen.build(folder / "m.tflite", "pico", out=folder / "p", samples=4, verify=False).project


def compiled(project: Path, cpu: str, out: Path, *more: str) -> dict[str, tuple[int, int]]:
    """Compile; return for each object its bytes of text and data, and of data and bss."""
    compiler, package, flags = CPUS[cpu]
    needs(compiler, package)
    extra: list[str] = []
    if cpu == "rv32imc":
        # Debian has no libstdc++ for it. The headers of the Arm one hold nothing of Arm that is used here.
        arm = Path(needs(*_ARM))
        version = subprocess.run([arm, "-dumpversion"], capture_output=True, text=True, check=True).stdout.strip()
        headers = Path("/usr/include/newlib/c++") / version
        if not headers.is_dir():
            pytest.skip(f"{headers} is not there (Debian: libstdc++-arm-none-eabi-newlib)")
        extra = ["-isystem", str(headers), "-isystem", str(headers / "arm-none-eabi")]
    firmware = resources.path("firmware")
    layout = sources(project).layout
    libraries = [project / name for name in (*layout.libraries, layout.platform)]
    host = (firmware / "platform" / "posix", firmware / "runtimes" / "tflm" / "host")
    includes = [f"-I{p}" for p in (*libraries, *host)]
    sizes = {}
    folders = [project / "src", *libraries, project / "test" / "test_golden"]
    for source in [p for folder in folders for p in sorted(folder.glob("*.c*"))]:
        target = out / f"{source.stem}.o"
        command = [compiler, *flags, *_FLAGS, *extra, *more, *includes, "-c", source, "-o", target]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        size = subprocess.run([compiler.replace("g++", "size"), target], capture_output=True, text=True, check=True)
        text, data, bss = map(int, size.stdout.splitlines()[1].split()[:3])
        sizes[target.name] = (text + data, data + bss)
    return sizes


@pytest.mark.parametrize("cpu", CPUS)
def test_it_compiles_without_a_warning_and_is_as_small_as_recorded(cpu, project, tmp_path):
    sizes = compiled(project, cpu, tmp_path)
    own = {name: text for name, (text, _) in sizes.items() if name in TEXT_BYTES[cpu]}
    assert set(own) == set(TEXT_BYTES[cpu])
    assert not {name: text for name, text in own.items() if text > TEXT_BYTES[cpu][name]}
    commands = sizes["session.o"][0] + sizes["session_load.o"][0]
    usual = memory_fit(deployed(microgen.load_board("pico")))
    saved = usual.flash.bytes - release_fit(usual).flash_bytes
    golden = sum(p.bytes for p in usual.flash.parts if p.name == "golden vectors")
    error = release_fit(usual).flash_error_bytes - usual.flash.error_bytes
    assert abs(commands - (saved - golden)) <= error, "what a release build is said to leave out"
    assert 0 <= sizes["model_data.o"][0] - len(flashed(parse(models.fully_connected())).data) <= 32


@pytest.mark.parametrize("cpu", ["cortex-m0plus", "rv32imc"])
def test_the_statics_are_within_what_the_memory_fit_says(cpu, project, tmp_path):
    """All but the interpreter's: here it is declared opaque, large enough for any machine. With the headers of
    pico-tflmicro model_runner.o had 248 bytes of statics beside the arena for one operator, and has 8 more since.
    """
    sizes = compiled(project, cpu, tmp_path)
    statics = sum(ram for name, (_, ram) in sizes.items() if name != "model_runner.o")
    parts = {p.name: p.bytes for p in memory_fit(deployed(microgen.load_board("pico"))).ram.parts}
    assert 0 < statics + 256 <= parts["firmware statics"] + parts["copies of inputs and outputs"]


@pytest.mark.parametrize(
    ("board", "section"), [("teensy41", ".dmabuffers"), ("teensy41", ".progmem")], ids=["arena", "model"]
)
def test_a_section_flag_places_what_it_names(board, section, project, tmp_path):
    flags = {
        flag
        for b in list_boards()
        if b.name == board
        for flag in (*b.platformio.build_flags, *(f for r in b.mcu.regions for f in r.build_flags))
    }
    wanted = [f for f in flags if f.endswith(f"_SECTION={section}")]
    assert wanted
    compiled(project, "cortex-m7", tmp_path, *wanted)
    dump = shutil.which("arm-none-eabi-objdump")
    tables = [subprocess.run([dump, "-h", p], capture_output=True, text=True).stdout for p in tmp_path.glob("*.o")]
    assert sum(f" {section} " in table for table in tables) == 1


def test_psram_is_asked_for_once_and_its_lack_is_reported(project, tmp_path):
    (tmp_path / "esp_heap_caps.h").write_text(
        "#pragma once\n#include <stddef.h>\n#include <stdint.h>\n"
        "#define MALLOC_CAP_SPIRAM 1\n#define MALLOC_CAP_8BIT 2\n"
        'extern "C" void* heap_caps_aligned_calloc(size_t alignment, size_t n, size_t size, uint32_t caps);\n'
    )
    arena = json.loads((project / "microgen.json").read_text())["arena"]["bytes"]
    flags = ("-DMODEL_ARENA_PSRAM=1", "-DMODEL_COPIES_PSRAM=1", f"-I{tmp_path}")
    static, psram = compiled(project, "rv32imc", tmp_path), compiled(project, "rv32imc", tmp_path, *flags)
    model = parse(models.fully_connected())
    copies = sum(t.bytes for t in (*model.inputs, *model.outputs))
    for name, size in (("model_runner.o", arena), ("session.o", copies)):
        rest = static[name][1] - size
        assert rest <= psram[name][1] <= rest + 16, "a pointer and its guard stay among the static data"
