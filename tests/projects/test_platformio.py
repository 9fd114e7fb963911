"""PlatformIO itself, offline: it reads what was generated, builds it for this machine, and runs the golden vectors.

tests/support/pio.py puts in place what the internet would deliver. The boards' own compilers are not run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import microgen
from microgen.boards import board_names, load_board, native_snapshot
from microgen.errors import InputError
from microgen.workflows import flash
from tests.deployment.test_fit import deployed
from tests.support import models, pio
from tests.support.projects import project_files
from tests.support.tools import needs_cpu, needs_host

SNAPSHOTS = Path(__file__).parents[1] / "boards/ini"


@pytest.fixture(scope="module")
def built(tmp_path_factory, core):
    """A project whose native program PlatformIO has built once; tests copy it."""
    needs_host()
    folder = tmp_path_factory.mktemp("project")
    (folder / "m.tflite").write_bytes(models.fully_connected())
    out = microgen.build(folder / "m.tflite", "pico", out=folder / "p", samples=4).project
    run = pio.Pio(core, pio.put_tflm(out))
    done = run(out, "run", "-e", "native")
    assert done.returncode == 0, done.stdout + done.stderr
    return out, run


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built[0], tmp_path / "copied to here")), built[1]


# ---- platformio.ini


@pytest.mark.parametrize("board", board_names())
def test_the_ini_is_as_it_was(board):
    """To accept a change: MICROGEN_UPDATE=1 pytest tests/projects/test_platformio.py, and read the difference."""
    ini = project_files(deployed(load_board(board)))["platformio.ini"].decode()
    kept = SNAPSHOTS / f"{board}.ini"
    if os.environ.get("MICROGEN_UPDATE"):
        kept.write_text(ini)
    assert ini == kept.read_text()


# PlatformIO, which takes longer to load than to read a project: all projects in one process.
_CONFIGURATIONS = """import json, sys
from platformio.__main__ import main
for folder in sys.argv[1:]:
    code = main(["platformio", "project", "config", "--json-output", "-d", folder])
    assert code == 0, (folder, code)
"""


@pytest.fixture(scope="module")
def configurations(core, tmp_path_factory):
    """What PlatformIO reads in the platformio.ini of each board."""
    folders = {board: tmp_path_factory.mktemp(board) for board in board_names()}
    for board, folder in folders.items():
        (folder / "platformio.ini").write_bytes(project_files(deployed(load_board(board)))["platformio.ini"])
    done = subprocess.run(
        [sys.executable, "-c", _CONFIGURATIONS, *folders.values()],
        capture_output=True, text=True, env={**os.environ, **pio.environment(core)},
    )  # fmt: skip
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    return dict(zip(folders, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("board", board_names())
def test_platformio_accepts_the_ini(board, configurations):
    expected = load_board(board)
    sections = {name: dict(options) for name, options in configurations[board]}
    found = sections[f"env:{board}"]
    assert sections["platformio"]["default_envs"] == [board]
    assert found["platform"] == expected.platformio.platform and found["board"] == expected.platformio.board
    assert found["monitor_speed"] == found["test_speed"] == expected.platformio.monitor_speed
    assert found.get("lib_deps", []) == [*expected.snapshot.lib_deps, *expected.platformio.lib_deps]
    for key, value in expected.platformio.options.items():
        assert str(found[key]) == str(value)
    root = json.dumps(sections)
    assert "${" not in root, "every interpolation must resolve"
    for flag in expected.platformio.build_flags:
        assert flag in json.dumps(found["build_flags"])
    assert sections["env:native"]["lib_deps"] == list(native_snapshot().lib_deps)


def test_an_arena_in_further_ram_sets_its_flag():
    files = project_files(deployed(load_board("esp32s3-n16r8"), 450_000))
    assert b"-DMODEL_ARENA_PSRAM=1" in files["platformio.ini"]


# ---- pio run and pio test


def test_the_program_answers_on_this_machine(project):
    path, _ = project
    done = subprocess.run(
        [path / ".pio/build/native/program"], input="name%\n", capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert re.match(r"microgen: m on pico, model [0-9a-f]{64}, arena \d+ bytes$", lines[0])
    assert lines[1:5] == ["m-init-done", "m-ready", "m-name-dut-[pico]", "m-ready"]


def test_an_editor_finds_its_way(project):
    """What the PlatformIO extension of VS Code runs when a folder is opened."""
    out, run = project
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and ".pio" not in p.parts}
    done = run(out, "project", "init", "--ide", "vscode", "-e", "native")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (out / ".vscode/c_cpp_properties.json").read_text()
    found = json.loads("\n".join(line for line in text.splitlines() if not line.startswith("//")))
    include = found["configurations"][0]["includePath"]
    for name in ("lib/model", "lib/serial", "lib/golden", ".pio/libdeps/native/pico-tflmicro/src"):
        assert str(out / name) in include
    assert {p: p.read_bytes() for p in before} == before
    assert run(out, "run", "-e", "native").returncode == 0


def test_golden_vectors_pass_without_microgen(project):
    """In a copy of the project, of which no script imports microgen."""
    path, run = project
    done = run(path, "test", "-e", "native")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 test cases: 4 succeeded" in done.stdout
    scripts = [p.read_text() for p in path.rglob("*.py") if ".pio" not in p.parts]
    assert scripts and not any("import microgen" in text or "from microgen" in text for text in scripts)


def change_a_golden_byte(path: Path) -> None:
    data = next(path.rglob("golden_data.cc"))
    text = data.read_text()
    start = text.index("g_golden_outputs")
    first = re.compile(r"0x([0-9a-f]{2})").search(text, start)
    assert first is not None
    data.write_text(f"{text[: first.start()]}0x{int(first[1], 16) ^ 1:02x}{text[first.end() :]}")


def test_a_changed_golden_byte_fails(project):
    path, run = project
    change_a_golden_byte(path)
    done = run(path, "test", "-e", "native")
    assert done.returncode == 1
    assert "golden 0 fail output 0 byte 0" in done.stdout
    assert "4 test cases: 1 failed, 3 succeeded" in done.stdout + done.stderr


# ---- pio run and pio test on the board's CPU


def test_the_firmware_answers_on_the_emulated_cpu_without_microgen(core, tmp_path):
    """Golden vectors, of which one is wrong, and the serial commands: PlatformIO, the cross compiler and QEMU alone."""
    needs_host()
    needs_cpu(load_board("pico").processor)
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    out = microgen.build(tmp_path / "m.tflite", "pico", runtime="compiled", out=tmp_path / "p q", samples=4).project
    run = pio.Pio(core, {})
    change_a_golden_byte(out)
    done = run(out, "test", "-e", "emulator")
    assert "4 test cases: 1 failed, 3 succeeded" in done.stdout + done.stderr
    emulate = [sys.executable, "-m", "platformio", "run", "-e", "emulator", "-t", "emulate"]
    with subprocess.Popen(
        emulate,
        cwd=out,
        env={**os.environ, **pio.environment(core)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        stop = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
        stop.start()
        process.stdin.write(b"name%\n")
        printed = b""
        while b"m-name-dut-[pico]" not in printed and (data := process.stdout.read(4096)):
            printed += data
        stop.cancel()
        os.killpg(process.pid, signal.SIGKILL)
    assert b"m-name-dut-[pico]" in printed


def test_without_a_cross_compiler_the_environment_names_the_packages(core, tmp_path):
    (tmp_path / "emulator.py").write_bytes(project_files(deployed(load_board("nano33ble")))["emulator.py"])
    (tmp_path / "platformio.ini").write_text("[env:emulator]\nplatform = native\nextra_scripts = pre:emulator.py\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.cpp").write_text("void setup() {}\nvoid loop() {}\n")
    done = pio.Pio(core, {"PATH": str(tmp_path)})(tmp_path, "run", "-e", "emulator")
    assert done.returncode == 1
    assert "needs arm-none-eabi-g++ and qemu-system-arm; on Debian: apt-get install" in done.stdout + done.stderr


@pytest.mark.parametrize("board", ["esp32", "esp32c3"])  # a CPU without emulator, a core with its own TFLM
def test_a_board_that_cannot_be_emulated_has_no_such_environment(board):
    files = project_files(deployed(load_board(board)))
    assert b"[env:emulator]" not in files["platformio.ini"]
    assert not any("emulator" in name for name in files)


def test_a_main_that_does_not_compile_is_our_error(project, monkeypatch):
    path, run = project
    (path / "src/main.cpp").write_text("#include <Arduino.h>\nvoid setup() { no_such_thing(); }\nvoid loop() {}\n")
    native_as_board(path, run, monkeypatch)
    lines: list[str] = []
    with pytest.raises(InputError, match=r"does not compile: src/main.cpp:2:16: error: 'no_such_thing'"):
        flash.compile_project(path, on_line=lines.append)
    assert any("Compiling" in line for line in lines)


def test_compile_returns_what_platformio_reports(project, monkeypatch):
    path, run = project
    native_as_board(path, run, monkeypatch)
    assert flash.compile_project(path).flash_bytes is None, "the platform of this machine says no sizes"


def native_as_board(path, run, monkeypatch):
    """Let our functions use the only environment that can be built here."""
    manifest = path / "microgen.json"
    manifest.write_text(manifest.read_text().replace('"board": "pico"', '"board": "native"'))
    for key, value in {**pio.environment(run.core), **run.environment, "LC_ALL": "C"}.items():
        monkeypatch.setenv(key, value)


def test_the_files_of_a_project_are_not_executable(project):
    assert not any(p.stat().st_mode & stat.S_IXUSR for p in project[0].rglob("*.py"))
