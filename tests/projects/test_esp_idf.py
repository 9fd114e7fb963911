"""The kind "esp-idf": built with stand-ins for ESP-IDF and its build system, packed by its component manager."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import microgen
from microgen.applications import choose_application
from microgen.boards import list_boards, load_board
from microgen.deployment import deploy
from microgen.errors import InputError, SetupError
from microgen.projects import open_project
from microgen.projects.esp_idf import tool
from microgen.projects.kind import Compiled
from microgen.support import resources
from microgen.support.render import yaml_string
from microgen.tflite import parse
from tests.applications import test_motion
from tests.applications.test_microphone import scoring
from tests.deployment.test_fit import deployed
from tests.projects.test_c_library import HOSTILE, run
from tests.support import models
from tests.support.projects import project_files
from tests.support.tools import needs, needs_host, other_program

STAND_IN = Path(__file__).parents[1] / "firmware/fixtures/esp_idf"
TITLE = 'My "ESP" ${x} \\ #; <é> $(HOME)'
COMPONENT = "components/microgen_model"
_READ = """import json, sys, kconfiglib
k = kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)
values = {name: symbol.str_value for name, symbol in k.syms.items()}
print(json.dumps([k.top_node.list.prompt[0], values, k.warnings]))
"""


def own_board(folder: Path, name: str, title: str = TITLE) -> Path:
    """A board of one's own: one of microgen's under another title."""
    text = (resources.path("boards") / f"{name}.toml").read_text()
    text = re.sub(r"(?m)^title = .*$", f"title = '{title}'", text).replace(f'name = "{name}"', 'name = "mine"')
    (folder / "mine.toml").write_text(re.sub(r"(?m)^aliases = .*\n", "", text))
    return folder / "mine.toml"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("idf")
    (folder / "m.tflite").write_bytes(models.fully_connected(units=5))
    options = {"runtime": "compiled", "project_kind": "esp-idf", "labels": HOSTILE, "samples": 4}
    result = microgen.build(folder / "m.tflite", own_board(folder, "esp32"), out=folder / "p", **options)
    assert result.verdict.firmware == "equal" and result.deployment.board.title == TITLE
    return folder, options


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built[0] / "p", tmp_path / "copied to here"))


@pytest.fixture
def idf(monkeypatch):
    """ESP-IDF's build system, on this machine."""
    needs("cmake", "cmake")
    monkeypatch.setenv("IDF_PATH", str(STAND_IN))


def test_its_component_and_project_become_a_program_that_passes_its_golden_vectors(project, idf):
    """With the user's program on one side and app_main() on the other, each library looked at once."""
    (project / "main/more.cpp").write_text("int MoreOfTheUsers() { return 1; }\n")
    run(project, "cmake", "-B", "build")
    run(project, "cmake", "--build", "build", "--parallel")
    asked = "name%label%selftest%"
    done = subprocess.run([project / "build/m_firmware"], input=asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "m-name-dut-[mine]" in done.stdout and "m-selftest-[pass,4]" in done.stdout


@pytest.mark.parametrize(("runtime", "board"), [("compiled", "xiao-esp32s3"), ("tflm", "esp32")])
def test_a_microphone_application_compiles_with_its_driver(runtime, board, tmp_path, idf):
    (tmp_path / "m.tflite").write_bytes(scoring(3, 40))
    options = {"application": "microphone", "application_options": {"front_end": "microwakeword"}, "verify": False}
    out = tmp_path / "p"
    microgen.build(tmp_path / "m.tflite", board, runtime=runtime, project_kind="esp-idf", out=out, **options)
    driver = load_board(board).sensors[0].driver
    assert (out / COMPONENT / "platform" / driver).is_file()
    headers = resources.path("firmware") / "runtimes/tflm/host" if runtime == "tflm" else ""
    run(out, "cmake", "-B", "build", "-G", "Unix Makefiles", f"-DTFLM_HEADERS={headers}")
    wanted = [p for part in ("application", "platform") for p in (out / COMPONENT / part).glob("*.c*")]
    objects = [f"{p.relative_to(out / COMPONENT)}.o" for p in wanted]
    assert f"platform/{driver}.o" in objects
    run(out / "build" / COMPONENT, "make", "-j2", "model/model_runner.cc.o", *objects)


def test_a_motion_application_has_its_driver_and_pins():
    feeling = choose_application("motion", test_motion.OPTIONS)
    board = load_board("esp32s3")
    deployment = deploy("g", parse(test_motion.scoring(), "g"), board, application=feeling, runtime="compiled")
    files = project_files(deployment, "esp-idf")
    assert {f"{COMPONENT}/platform/mpu6050.{ending}" for ending in ("cc", "inc")} <= set(files)
    assert b'"-DMOTION_SDA=8"\n  "-DMOTION_SCL=9"\n' in files[f"{COMPONENT}/CMakeLists.txt"]


def test_the_component_manager_packs_it(project):
    compote = other_program("compote")
    folder = project / COMPONENT
    run(folder, compote, "-W", "component", "pack", "--name", "m_model")
    (packed,) = (folder / "dist").glob("m_model_*.tgz")
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
        manifest = archive.extractfile(next(n for n in archive.getnames() if n.endswith("idf_component.yml"))).read()
    assert {"Kconfig", "CMakeLists.txt", "model/model.c", "platform/platform.cc"} <= names
    # Read back: what the user called the board is what the manifest says.
    python = Path(compote).with_name("python")
    read = "import sys, json; from ruamel.yaml import YAML; print(json.dumps(YAML(typ='safe').load(sys.stdin)))"
    done = subprocess.run([python, "-c", read], input=manifest, capture_output=True, check=True)
    assert json.loads(done.stdout)["description"] == f"The neural network m for {TITLE}"


def test_the_manifest_of_tflm_pins_the_library_that_the_arena_was_planned_for(tmp_path):
    compote = other_program("compote")
    files = project_files(deployed(load_board("esp32s3")), "esp-idf")
    text = files[f"{COMPONENT}/idf_component.yml"].decode()
    assert '  espressif/esp-tflite-micro: "==1.3.7"\n  espressif/esp-nn: "==1.2.3"\n' in text
    (tmp_path / "idf_component.yml").write_text(text)
    run(tmp_path, compote, "-W", "component", "pack", "--name", "m_model")
    wrong = text.replace('"==1.3.7"', '"the latest"')
    (tmp_path / "idf_component.yml").write_text(wrong)
    assert subprocess.run([compote, "component", "pack", "--name", "x"], cwd=tmp_path, capture_output=True).returncode


def test_yaml_reads_back_what_was_escaped():
    python = Path(other_program("compote")).with_name("python")
    texts = [*HOSTILE, TITLE, "a: b", "- x", "\x7f\x9f\u2028", "😀", "yes", "1.0", ""]
    read = "import sys, json, yaml; print(json.dumps([yaml.safe_load(sys.stdin.buffer)]))"
    document = "".join(f"- {yaml_string(text)}\n" for text in texts).encode()
    done = subprocess.run([python, "-c", read], input=document, capture_output=True, check=True)
    assert json.loads(done.stdout) == [[" ".join(text.split()) for text in texts]]


def test_kconfig_takes_its_menu(project):
    """Nothing in it is the user's but the name, whose characters need no escaping."""
    python = Path(other_program("compote")).with_name("python")
    folder = project / COMPONENT
    title, values, warnings = json.loads(run(folder, python, "-c", _READ))
    assert title == "microgen: m" and not [w for w in warnings if "undefined symbol" not in w]
    assert values["MICROGEN_SERIAL_UART"] == values["MICROGEN_APP_MAIN"] == "y"
    assert (values["MICROGEN_UART"], values["MICROGEN_BAUD"]) == ("0", "115200")
    assert values["MICROGEN_SERIAL_USB"] == "n", "only where the chip has such a port"
    used = set(re.findall(r"CONFIG_(MICROGEN_\w+)", (folder / "platform/platform.cc").read_text()))
    assert used == set(values) & used


@pytest.mark.parametrize("board", [b.name for b in list_boards() if b.esp_idf is not None])
def test_the_program_s_partition_is_what_the_board_s_figures_are_of(board):
    found = load_board(board)
    files = project_files(deployed(found), "esp-idf")
    rows = [
        [field.strip() for field in line.split(",")]
        for line in files["partitions.csv"].decode().splitlines()
        if not line.startswith("#")
    ]
    ends = [int(row[3], 0) + int(row[4], 0) for row in rows]
    assert all(int(later[3], 0) >= end for later, end in zip(rows[1:], ends, strict=False))
    assert ends[-1] <= found.esp_idf.flash_mb * 2**20
    assert int(rows[-1][3], 0) % 0x10000 == 0 and int(rows[-1][4], 0) == found.mcu.flash_bytes
    defaults = files["sdkconfig.defaults"].decode()
    assert f'CONFIG_IDF_TARGET="{found.esp_idf.target}"\n' in defaults
    assert f"CONFIG_ESPTOOLPY_FLASHSIZE_{found.esp_idf.flash_mb}MB=y\n" in defaults
    assert ("CONFIG_SPIRAM=y\n" in defaults) == any(region.name == "PSRAM" for region in found.mcu.regions)


@pytest.mark.parametrize(
    ("board", "options", "message", "hint"),
    [
        ("pico", {}, "ESP-IDF does not support Raspberry Pi Pico", "esp32s3"),
        ("esp32cam", {"application": "camera"}, r"no driver for the board's camera \(esp_camera.cc\)", "platformio"),
    ],
)
def test_what_it_cannot_build_is_refused(board, options, message, hint, tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match=message) as caught:
        microgen.build(tmp_path / "m.tflite", board, out=tmp_path / "p", project_kind="esp-idf", **options)
    assert hint in caught.value.hint and not (tmp_path / "p").exists()


def test_a_board_without_the_component_takes_the_other_runtime(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    text = own_board(tmp_path, "esp32").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("esp-tflite-micro-1.3.7", "chirale-2.0.0"))
    with pytest.raises(InputError, match="not a component of ESP-IDF") as caught:
        microgen.build(tmp_path / "m.tflite", tmp_path / "mine.toml", out=tmp_path / "p", project_kind="esp-idf")
    assert "runtime=compiled" in caught.value.hint


def test_a_rebuild_keeps_the_user_s_program_and_finds_drift(built, project):
    folder, options = built
    program = project / "main/main.cpp"
    program.write_text(program.read_text() + "// mine\n")
    check = {**options, "out": project, "check": True}
    assert not microgen.build(folder / "m.tflite", folder / "mine.toml", **check).drift
    assert (project / ".gitignore").read_text().splitlines()[0] == "build/"


# ---- its tool, where a program of the test's own stands for idf.py


@pytest.fixture
def idf_py(tmp_path, monkeypatch):
    """A PATH with this idf.py: write(SHELL SCRIPT)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(script: str) -> None:
        (folder / "idf.py").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "idf.py").chmod(0o755)

    return write


def test_idf_py_compiles_flashes_and_monitors(project, idf_py, tmp_path):
    idf_py(f'echo "$@" >> {tmp_path}/asked; mkdir -p "$4"; head -c 1000 /dev/zero > "$4/m_firmware.bin"')
    assert microgen.compile_project(project) == Compiled(1000, 0x300000, None, 124_580)
    microgen.flash(project, port="/dev/ttyUSB7")
    assert microgen.monitor(project, port="/dev/ttyUSB7") == 0
    place = f"-C {project} -B {project}/build"
    wanted = [f"{place} build", *(f"{place} -p /dev/ttyUSB7 {what}" for what in ("flash", "monitor"))]
    assert (tmp_path / "asked").read_text().splitlines() == wanted


@pytest.mark.parametrize(
    ("printed", "error", "message"),
    [
        ("ERROR: Version solving failed:\n", SetupError, "Version solving failed"),
        ("ld: region `dram0_0_seg' overflowed by 99 bytes", InputError, "too large: region"),
        ("Error: app partition is too small for binary m.bin size 0x5", InputError, "too large: app partition"),
        ("/p/main/main.cpp:7:3: error: expected ';'", InputError, "main.cpp:7:3: error: expected ';'"),
        ("ld: undefined reference to `sensor'", InputError, "undefined reference to `sensor'"),
        (
            "A fatal error occurred: Failed to connect to ESP32: Wrong boot mode",
            SetupError,
            "the board does not answer",
        ),
        ("CMake Error at CMakeLists.txt:3:\n  No such compiler", SetupError, "CMake failed: .*No such compiler"),
    ],
)
def test_what_fails_is_one_line_with_a_hint(printed, error, message, project, idf_py):
    idf_py(f"cat << 'END'\n{printed}\nEND\nexit 2")
    with pytest.raises(error, match=message) as caught:
        microgen.compile_project(project)
    assert caught.value.hint


def test_it_says_that_esp_idf_is_missing(project, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for use in (microgen.compile_project, microgen.flash, microgen.monitor):
        with pytest.raises(SetupError, match=r"idf\.py is not on the PATH") as caught:
            use(project)
        assert "export.sh" in caught.value.hint
    assert tool.TOOL.title == "ESP-IDF" and open_project(project).manifest["project"] == "esp-idf"
