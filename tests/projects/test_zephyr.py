"""The kind "zephyr": read by Zephyr's rules, built with stand-ins for its headers and its CMake functions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import microgen
from microgen.boards import list_boards, load_board
from microgen.errors import InputError
from tests.deployment.test_fit import deployed
from tests.projects.test_bill import compiled
from tests.projects.test_c_library import HOSTILE, run
from tests.projects.test_esp_idf import TITLE, own_board
from tests.support import models
from tests.support.projects import project_files
from tests.support.tools import needs, needs_cpu, needs_host, other_program

STAND_IN = Path(__file__).parents[1] / "firmware/fixtures/zephyr"
# What zephyr/module.yml may say, from the text of Zephyr's guide on modules: each key with what it holds.
MODULE = {
    "name": str,
    "build": {
        "cmake": str, "kconfig": str, "cmake-ext": bool, "kconfig-ext": bool, "depends": [str],
        "settings": {"board_root": str, "dts_root": str, "soc_root": str, "module_ext_root": str},
    },
    "samples": [str],
    "tests": [str],
}  # fmt: skip
_READ_YAML = "import sys, json, yaml; print(json.dumps([yaml.safe_load(open(f, 'rb')) for f in sys.argv[1:]]))"
_READ_KCONFIG = """import json, kconfiglib
# Around a module's Kconfig there is Zephyr's, which knows these.
around = "".join(f"config {name}\\n\\tbool\\n\\tdefault y\\n" for name in ("CPP", "SERIAL"))
around += "config RING_BUFFER\\n\\tbool\\n"
open("around", "w").write(around + 'osource "Kconfig"\\n')
k = kconfiglib.Kconfig("around", warn_to_stderr=False)
k.load_config("sample/prj.conf")
known = ("MICROGEN_MODEL", "MICROGEN_MAIN", "RING_BUFFER")
print(json.dumps([{n: k.syms[n].str_value for n in known}, k.syms["MICROGEN_MODEL"].nodes[0].prompt[0]]))
"""


def problems(found: object, wanted: object, where: str = "module.yml") -> list[str]:
    """Say what of a document is not as it may be."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [where]
        strange = [f"{where}: {key}" for key in found if key not in wanted]
        return strange + [p for k, v in found.items() if k in wanted for p in problems(v, wanted[k], f"{where}.{k}")]
    if isinstance(wanted, list):
        return [] if isinstance(found, list) and all(isinstance(one, wanted[0]) for one in found) else [where]
    return [] if isinstance(found, wanted) else [where]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("zephyr")
    (folder / "m.tflite").write_bytes(models.fully_connected(units=5))
    board = own_board(folder, "pico")
    options = {"runtime": "compiled", "project_kind": "zephyr", "labels": HOSTILE, "samples": 4}
    result = microgen.build(folder / "m.tflite", board, out=folder / "p", **options)
    assert result.verdict.firmware == "equal" and result.deployment.board.title == TITLE
    return folder, options


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built[0] / "p", tmp_path / "copied to here"))


def test_its_sample_becomes_a_program_that_passes_its_golden_vectors(project, monkeypatch):
    needs("cmake", "cmake")
    monkeypatch.setenv("ZEPHYR_BASE", str(STAND_IN))
    (project / "sample/src/more.cpp").write_text("int MoreOfTheUsers() { return 1; }\n")
    run(project, "cmake", "-B", "build", "sample")
    run(project, "cmake", "--build", "build", "--parallel")
    asked = "name%label%selftest%"
    done = subprocess.run([project / "build/zephyr_final"], input=asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "m-name-dut-[mine]" in done.stdout and "m-selftest-[pass,4]" in done.stdout


def test_its_module_and_sample_are_what_zephyr_reads(project):
    python = Path(other_program("compote")).with_name("python")
    module, sample = json.loads(run(project, python, "-c", _READ_YAML, "zephyr/module.yml", "sample/sample.yaml"))
    assert problems(module, MODULE) == [] and (project / module["build"]["kconfig"]).is_file()
    assert (project / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert all((project / path / "sample.yaml").is_file() for path in module["samples"])
    assert problems({**module, "buidl": {}}, MODULE) and problems({"build": {"cmake": True}}, MODULE)
    assert sample["sample"]["description"] == f"The neural network m for {TITLE}"
    (test,) = sample["tests"].values()
    assert test == {"build_only": True, "platform_allow": ["rpi_pico"]}
    values, prompt = json.loads(run(project, python, "-c", _READ_KCONFIG))
    assert values == {"MICROGEN_MODEL": "y", "MICROGEN_MAIN": "y", "RING_BUFFER": "y"}
    assert prompt == "The neural network m, with serial commands and golden vectors"
    lines = (project / "sample/prj.conf").read_text().splitlines()
    assert all(re.fullmatch(r"#.*|CONFIG_[A-Z0-9_]+=(y|n|\d+)", line) for line in lines)


def test_its_sources_compile_for_the_board_s_cpu(built, tmp_path):
    """With the variant that only that CPU has."""
    needs_cpu("cortex-m4f")
    out = tmp_path / "p"
    microgen.build(built[0] / "m.tflite", "nano33ble", out=out, verify=False, **built[1])
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-fsyntax-only", "-Wall", "-Werror"]
    folders = [f"-I{p}" for p in (*sorted((out / "src").iterdir()), STAND_IN / "include")]
    listed = re.findall(r'"(src/.+?)"', (out / "CMakeLists.txt").read_text())
    assert {p.relative_to(out).as_posix() for p in out.glob("src/**/*") if p.suffix in (".c", ".cc", ".S")} == {*listed}
    for compiler, standard, ending in (("gcc", "gnu11", ".c"), ("g++", "gnu++17", ".cc")):
        sources = [out / name for name in listed if name.endswith(ending)]
        run(out, f"arm-none-eabi-{compiler}", f"-std={standard}", *cpu, *folders, *sources)


@pytest.mark.parametrize("board", [b.name for b in list_boards() if b.zephyr is not None])
def test_every_board_has_its_name_and_fpu(board):
    found = load_board(board)
    files = project_files(compiled(board), "zephyr")
    assert f'"{found.zephyr.board}"' in files["sample/sample.yaml"].decode()
    assert ("CONFIG_FPU=y" in files["sample/prj.conf"].decode()) == (found.mcu.fpu and "arm" in found.mcu.architecture)


@pytest.mark.parametrize(
    ("board", "options", "message"),
    [
        ("nano-rp2040", {"runtime": "compiled"}, "Zephyr does not support"),
        ("pico", {}, "compiled runtime only"),
        ("pico", {"runtime": "compiled", "application": "motion"}, "no driver for the board's motion"),
    ],
)
def test_what_it_cannot_build_is_refused(board, options, message, tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match=message) as caught:
        microgen.build(tmp_path / "m.tflite", board, out=tmp_path / "p", project_kind="zephyr", **options)
    assert caught.value.hint and not (tmp_path / "p").exists()


def test_memory_that_only_other_build_systems_reach_is_refused():
    with pytest.raises(InputError, match="needs the PSRAM of Seeed") as caught:
        project_files(deployed(load_board("xiao-esp32s3"), 450_000), "zephyr")
    assert caught.value.hint


def test_a_rebuild_keeps_the_user_s_program(built, project):
    folder, options = built
    program = project / "sample/src/main.cpp"
    program.write_text(program.read_text() + "// mine\n")
    check = {**options, "out": project, "check": True}
    assert not microgen.build(folder / "m.tflite", folder / "mine.toml", **check).drift
