"""The commands as a user meets them, in a clean folder; in a process of their own where that could matter."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from microgen.boards import board_names
from microgen.cli.doctor import doctor as print_findings
from microgen.cli.main import main
from microgen.workflows import doctor
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import RUN, run, run_process
from tests.support.tools import needs_host


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    (tmp_path / "float.tflite").write_bytes(models.one_operator("RELU", dtype="float32"))
    (tmp_path / "hybrid.tflite").write_bytes(models.fully_connected(dtype="float32"))
    (tmp_path / "truncated.tflite").write_bytes(models.fully_connected()[:400])
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "text.tflite").write_text("once upon a time there was a file\n")
    return tmp_path


def test_help_and_version_are_cheap_and_complete(tmp_path):
    for args in ([], ["--help"], ["build", "--help"]):
        done = run(*args, cwd=tmp_path)
        assert "Usage" in done.stdout and not done.stderr
    found = dict(line.split(maxsplit=1) for line in run_process("--version", cwd=tmp_path).stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["microgen"]) and found["Python"].startswith("3.")
    assert set(found) == {
        "microgen",
        "Python",
        "tflite-micro",
        "ai-edge-litert",
        "tensorflow",
        "platformio",
        "compiler",
    }
    for option in ("--help", "--version"):
        code = f"import sys; sys.argv = ['microgen', '{option}']\n"
        code += "try:\n import microgen.__main__ as m; m.main()\nexcept SystemExit: pass\n"
        code += "print([m for m in ('numpy', 'tensorflow', 'torch', 'onnx', 'pydantic', 'jinja2') if m in sys.modules])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.endswith("[]\n")


def test_build_says_project_verdict_and_how_to_flash(folder):
    needs_host()
    done = run_process("build", "small.tflite", "--board", "pico", cwd=folder)
    assert done.returncode == 0 and done.stderr == ""
    last = done.stdout.splitlines()[-3:]
    assert last[0].split() == ["project", "small-pico"]
    assert re.match(r"verdict +(bit-exact|within-bound) on 100 samples", last[1])
    assert last[2].split(maxsplit=1) == ["upload", "microgen flash small-pico"]


def test_build_json_is_one_document(folder):
    needs_host()
    done = run("build", "small.tflite", "--board", "esp32", "--json", "--samples", "10", cwd=folder)
    found = json.loads(done.stdout)
    assert set(found) >= {"project", "model", "board", "arena_bytes", "verdict", "timings_s"}
    arena = found["arena"]
    assert arena["bytes"] == arena["min_bytes"] + arena["scratch_bytes"] + arena["margin_bytes"] == found["arena_bytes"]
    assert set(found["model"]) >= {"name", "sha256", "bytes", "inputs", "outputs", "ops"}
    assert set(found["verdict"]) >= {"status", "samples", "max_abs_diff_lsb", "ops"}
    assert found["board"] == "esp32" and found["verdict"]["samples"] == 10


def test_verify_inspect_boards_doctor(folder):
    needs_host()
    run("build", "small.tflite", "--board", "esp32", "--samples", "5", cwd=folder)
    done = run("verify", "small-esp32", "--samples", "20", "--seed", "3", "--json", cwd=folder)
    assert done.returncode == 0 and json.loads(done.stdout)["verdict"]["samples"] == 20
    found = json.loads(run("inspect", "small.tflite", "--json", cwd=folder).stdout)
    assert found["ops"] == {"FULLY_CONNECTED": 1} and found["macs"] == 32 and found["inputs"][0]["zero_point"] == -5
    assert "FULLY_CONNECTED" in run("inspect", "small.tflite", cwd=folder).stdout
    listed = json.loads(run("boards", "--json", cwd=folder).stdout)
    assert [b["name"] for b in listed] == board_names()
    assert json.loads(run("boards", "arduino", "--json", cwd=folder).stdout)["name"] == "nano33ble"
    assert "nano33ble" in run("boards", cwd=folder).stdout
    shown = run("boards", "pico", cwd=folder).stdout
    assert "must not use setup1() or loop1()" in shown, "what a snapshot's file tells a user is shown"
    assert re.search(r"C\+\+ compiler +yes", run("doctor", cwd=folder).stdout)
    assert re.search(r"reaches +accuracy 0\.97 or more", run("recipes", "digits", cwd=folder).stdout)
    doctor = run("doctor", "--json", cwd=folder)
    names = {"C++ compiler", "LiteRT", "Keras model", "folder of a SavedModel", "float .tflite"}
    assert doctor.returncode == 0 and {f["name"] for f in json.loads(doctor.stdout)} >= names


REFUSED = [
    ("build", "none.tflite"),
    ("build", "empty.tflite"),
    ("build", "text.tflite"),
    ("build", "truncated.tflite"),
    ("build", "float.tflite"),
    ("build", "hybrid.tflite"),
    ("build", "small.tflite", "--board", "esp23"),
    ("build", "small.tflite", "--board", "none.toml"),
    ("build", "small.tflite", "--out", "/proc/x/y"),
    ("build", "small.tflite", "--out", "text.tflite"),
    ("build", "small.tflite", "--name", "a b"),
    ("build", "small.tflite", "--labels", "none.txt"),
    ("build", "small.tflite", "--calibration", "text.tflite"),
    ("build", "small.tflite", "--samples", "0"),
    ("build", "small.tflite", "--samples", "many"),
    ("build", "small.tflite", "--bord", "esp32"),
    ("build", "--recipe", "sinus"),
    ("build", "small.tflite", "--recipe", "sine"),
    ("build", "x.keras"),
    ("build", "--calibration", "x.npz"),
    ("verify", "."),
    ("verify", "none"),
    ("verify", "small.tflite", "--samples", "0"),
    ("inspect", "text.tflite"),
    ("simulate", "none"),
    ("boards", "nano"),
    ("nonsense",),
]


IN_A_PROCESS = [("build", "truncated.tflite"), ("nonsense",)]


@pytest.mark.parametrize(
    ("args", "run_it"),
    [
        *(pytest.param(args, run, id=" ".join(args)) for args in REFUSED),
        *(pytest.param(args, run_process, id=f"{' '.join(args)}, as a process") for args in IN_A_PROCESS),
    ],
)
def test_bad_input_is_two_lines_and_exit_code_2_and_nothing_is_written(args, run_it, folder):
    before = tree(folder)
    done = run_it(*args, cwd=folder)
    assert done.returncode == 2, done
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("hint: ") and len(lines[1]) > 8
    assert done.stdout == "" and tree(folder) == before


def test_the_nearest_board_is_suggested(folder):
    assert "esp32" in run("build", "small.tflite", "--board", "esp23", cwd=folder).stderr.splitlines()[1]


def test_an_option_without_its_value_leads_to_the_help_of_its_command(folder):
    assert run("verify", ".", "--on", cwd=folder).stderr.splitlines()[1] == "hint: microgen verify --help"


def test_a_number_of_bytes_is_shown_as_it_was_written(folder):
    for runtime, option, written in (("tflm", "--arena", "0k"), ("compiled", "--flash-budget", "1K")):
        done = run("build", "small.tflite", "--runtime", runtime, option, written, cwd=folder)
        assert done.stderr.startswith(f"error: {option} {written}: "), done


def test_real_models_that_must_be_refused(shared_models, tmp_path):
    kws = (shared_models / "kws_ref_model.tflite").read_bytes()
    (tmp_path / "truncated.tflite").write_bytes(kws[:30000])
    for path, says in (
        (shared_models / "kws_ref_model_float32.tflite", "hybrid"),
        (shared_models / "hello_world_float.tflite", "a float model"),
        (tmp_path / "truncated.tflite", "truncated"),
    ):
        done = run("build", path, "--out", "p", cwd=tmp_path)
        assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 2
        assert not (tmp_path / "p").exists()


def test_a_users_main_is_kept_and_an_edited_generated_file_stops_the_rebuild(folder):
    needs_host()
    args = ("build", "small.tflite", "--board", "esp32", "--out", "p", "--samples", "4")
    assert run(*args, cwd=folder).returncode == 0
    main = folder / "p/src/main.cpp"
    main.write_text(main.read_text() + "\n// my own line\n")
    assert run(*args, cwd=folder).returncode == 0
    assert main.read_text().endswith("// my own line\n")
    ini = folder / "p/platformio.ini"
    ini.write_text(ini.read_text() + "upload_port = /dev/ttyUSB0\n")
    before = tree(folder)
    done = run(*args, cwd=folder)
    assert done.returncode == 2 and "platformio.ini" in done.stderr and "--force" in done.stderr
    assert tree(folder) == before


def test_a_diverging_project_is_exit_code_1(folder):
    needs_host()
    run("build", "small.tflite", "--board", "esp32", "--samples", "4", cwd=folder)
    source = folder / "small-esp32/lib/model/model_data.cc"
    text = source.read_text()
    place = text.index("0x", len(text) // 2)
    source.write_text(text[:place] + f"0x{(int(text[place + 2 : place + 4], 16) + 1) % 256:02x}" + text[place + 4 :])
    done = run_process("verify", "small-esp32", "--samples", "4", cwd=folder)
    assert done.returncode == 1 and "the compiled array is not the model" in done.stdout


def test_killed_in_the_middle_of_a_build(folder):
    """Whenever it is killed, there is no project or a whole one, and the next build is not hindered."""
    needs_host()
    args = [*RUN, "build", "small.tflite", "--board", "esp32", "--out", "p", "--samples", "50"]
    for delay in (0.1, 0.3, 0.5, 0.8, 1.2):
        process = subprocess.Popen(args, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (folder / "p").exists() or (folder / "p/microgen.json").exists()
    assert run(*args[len(RUN) :], cwd=folder).returncode == 0
    assert run("verify", "p", "--samples", "4", cwd=folder).returncode == 0


def test_simulate_on_this_terminal(folder):
    needs_host()
    run("build", "small.tflite", "--board", "esp32", "--no-verify", cwd=folder)
    done = run_process("simulate", "small-esp32", cwd=folder, input="name%profile%nonsense%")
    lines = done.stdout.splitlines()
    assert re.match(r"microgen: small on esp32, model [0-9a-f]{64}, arena \d+ bytes$", lines[0])
    assert lines[1:3] == ["m-init-done", "m-ready"]
    assert "m-name-dut-[esp32]" in lines and "m-model-[small]" in lines
    assert lines[-1] == "m-ready" and any(x.startswith("e-[") for x in lines)


def test_simulate_on_a_pseudo_terminal(folder):
    serial = pytest.importorskip("serial", reason="pyserial opens the pseudo terminal as a user's program would")
    needs_host()
    run("build", "small.tflite", "--board", "esp32", "--no-verify", cwd=folder)
    process = subprocess.Popen(
        [*RUN, "simulate", "small-esp32", "--pty"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, a shell has the interrupt that ends this ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        name = process.stdout.readline().strip()
        for _ in range(2):  # it outlives the program that opened it
            with serial.Serial(name, 115200, timeout=10) as port:
                port.write(b"name%")
                assert port.read_until(b"m-name-dut-[esp32]\r\n").endswith(b"m-name-dut-[esp32]\r\n")
                assert port.read_until(b"m-ready\r\n").endswith(b"m-ready\r\n")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def on_a_terminal(*args, cwd, of):
    """Run a command with standard output or standard error (`of`) on a terminal; return it and what that shows."""
    master, slave = pty.openpty()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, of: slave}
    process = subprocess.Popen([*RUN, *args], cwd=cwd, text=True, **streams)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the last one that has the other side is gone
        while chunk := os.read(master, 65536):
            shown += chunk
    os.close(master)
    out, err = process.communicate(timeout=300)
    return process.returncode, out or err, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode(errors="replace"))


def test_progress_on_a_terminal_only(folder):
    needs_host()
    code, out, shown = on_a_terminal("build", "small.tflite", "--samples", "4", cwd=folder, of="stderr")
    assert code == 0 and "running LiteRT and TFLM" in shown and "\x1b" not in out


def test_the_epochs_of_a_training_are_shown_and_its_result_is_one_document(tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    code, out, shown = on_a_terminal("train", "sine", "--epochs", "3", "--json", cwd=tmp_path, of="stderr")
    found = json.loads(out)
    assert code == 0 and found["recipe"] == "sine" and found["out"] == "sine" and set(found) > {"scores", "model"}
    assert re.search(r"training sine \S+ +(33|67|100)%", shown)


def test_a_table_on_a_terminal_keeps_to_its_width(folder):
    code, _, shown = on_a_terminal("boards", cwd=folder, of="stdout")
    assert code == 0 and "nano33ble" in shown and max(map(len, shown.splitlines())) <= 80
    assert max(map(len, run("boards", cwd=folder).stdout.splitlines())) > 80


def test_a_model_that_is_quantized_already_is_taken_as_it_is(folder):
    assert re.search(r"quantized +already, by the model's author", run("quantize", "small.tflite", cwd=folder).stdout)
    (folder / "again.tflite").write_bytes(b"mine")
    command = ("quantize", "small.tflite", "--out", "again.tflite", "--json")
    refused = run(*command, cwd=folder)
    assert refused.returncode == 2 and "again.tflite: already exists" in refused.stderr and "--force" in refused.stderr
    assert (folder / "again.tflite").read_bytes() == b"mine"
    found = json.loads(run(*command, "--force", cwd=folder).stdout)
    assert found["out"] == "again.tflite"
    assert (folder / "again.tflite").read_bytes() == (folder / "small.tflite").read_bytes()


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "error: interrupted\nhint: nothing was left half-written\n"),
        (ValueError("x\ny"), 2, "error: internal error: ValueError: x y\nhint: this is a fault of microgen"),
    ],
)
def test_whatever_happens_ends_in_two_lines(raised, code, says, monkeypatch, capsys):
    def broken(**options):
        raise raised

    monkeypatch.setattr("microgen.cli.app", broken)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code and capsys.readouterr().err.startswith(says)
    monkeypatch.setenv("MICROGEN_TRACEBACK", "1")
    if code == 2:
        with pytest.raises(ValueError, match="x"):
            main()


def test_a_machine_without_anything_is_told_what_to_install(monkeypatch, capsys):
    find = importlib.util.find_spec
    ours = ("ziglang", "tflite_micro", "ai_edge_litert", "tensorflow", "ai_edge_quantizer", "platformio", "serial")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in ours else find(name, *rest))
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.metadata.version", missing)
    found = {f.name: f for f in doctor.examine()}
    assert [f.name for f in found.values() if f.is_present] == ["Python"]
    assert all("install" in f.remedy for f in found.values() if not f.is_present)
    assert dict(doctor.versions())["tensorflow"] == "not installed" and dict(doctor.versions())["compiler"] == "none"
    with pytest.raises(typer.Exit) as left:
        print_findings(as_json=False)
    printed = capsys.readouterr().out
    assert left.value.exit_code == 3
    assert printed.count("apt-get") == printed.count("pip install 'microgen[flash]'") == 1, "each remedy once"


def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["--version", "boards --json", "recipes"])
def test_output_into_a_pipe_that_closes_is_no_failure(folder, command, unbuffered):
    done = subprocess.run(
        f"({sys.executable} -m microgen {command}; echo $? >&2) | true",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert done.stderr == "0\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("print_pairs([('verdict', 'diverged')]); raise typer.Exit(1)", 1),
        ("table(['operator'], [['ADD']]); raise typer.Exit(1)", 1),
        ("print_json({'verdict': 'diverged'}); raise typer.Exit(1)", 1),
        ("print_pairs([('verdict', 'bit-exact')]); raise typer.Exit(0)", 0),
        ("os.write(1, b'not yet a result')", 141),
        ("Console().print('help'); sys.stdout.flush()", 141),
    ],
)
def test_a_closed_pipe_does_not_change_a_result(body, code, unbuffered, tmp_path):
    (tmp_path / "command.py").write_text(
        "import os, sys, typer\n"
        "from rich.console import Console\n"
        "from microgen.__main__ import main\n"
        "from microgen.cli import app\n"
        "from microgen.report.text import print_json, print_pairs, table\n"
        "@app.command()\n"
        "def check():\n"
        "    sys.stdin.read()  # until the reader of the output has closed it\n"
        f"    {body}\n"
        "sys.argv = ['microgen', 'check']\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "command.py"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    process.stdout.close()
    process.stdin.close()
    assert (process.stderr.read(), process.wait()) == (b"", code)
    process.stderr.close()


def test_an_error_that_nobody_reads_keeps_its_exit_code(tmp_path):
    done = subprocess.run(
        f"({sys.executable} -m microgen inspect none.tflite; echo $? >code) 2>&1 | true", shell=True, cwd=tmp_path
    )
    assert done.returncode == 0 and (tmp_path / "code").read_text() == "2\n"


def test_a_boards_file_is_printed_to_start_from(tmp_path):
    done = run("boards", "pico-w", "--toml", cwd=tmp_path)
    (tmp_path / "mine.toml").write_text(done.stdout.replace('name = "picow"', 'name = "mine"'))
    assert json.loads(run("boards", "./mine.toml", "--json", cwd=tmp_path).stdout)["name"] == "mine"
    assert run("boards", "./mine.toml", "--toml", cwd=tmp_path).stdout == (tmp_path / "mine.toml").read_text()
    for args in (["boards", "--toml"], ["boards", "pico", "--toml", "--json"], ["boards", "nosuch", "--toml"]):
        done = run(*args, cwd=tmp_path)
        assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(("is_terminal", "pty"), [(True, False), (True, True), (False, False)])
def test_simulate_says_on_a_terminal_what_to_type(is_terminal, pty, monkeypatch, capsys):
    import importlib
    from types import SimpleNamespace

    import typer

    from microgen.cli import simulate

    monkeypatch.setattr(importlib.import_module("microgen.workflows.simulate"), "simulate", lambda project, on, pty: 0)
    monkeypatch.setattr(simulate.sys, "stdin", SimpleNamespace(isatty=lambda: is_terminal))
    with pytest.raises(typer.Exit):
        simulate.simulate(Path("p"), pty=pty)
    assert ("help%" in capsys.readouterr().err) == (is_terminal and not pty)


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_before_the_start_do_not_change_a_result(streams, folder):
    command = f"{sys.executable} -m microgen inspect small.tflite {streams}"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_the_output_is_two_lines(folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*RUN, "inspect", "small.tflite"], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3 and done.stderr.splitlines()[0] == "error: No space left on device"
    assert len(done.stderr.splitlines()) == 2


def test_a_folder_that_is_gone_is_two_lines(folder, tmp_path):
    (tmp_path / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && {sys.executable} -m microgen build {folder}/small.tflite"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the current folder is gone\nhint: change to a folder that exists\n"


def test_no_folder_for_temporary_files_is_two_lines(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["microgen", "verify", str(folder / "small.tflite")])
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: Path("/proc/nothing").mkdir())
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.splitlines()[0].startswith("error: /proc/nothing: ") and said.count("\n") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "NAME"], ["inspect", "NAME.tflite"], ["build", "small.tflite", "--out", "NAME"],
        ["build", "small.tflite", "--labels", "NAME"], ["build", "small.tflite", "--board", "NAME.toml"],
        ["build", "small.tflite", "--calibration", "NAME.npz"], ["verify", "NAME"], ["quantize", "NAME.h5"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("length", [300, 5000])
def test_names_that_are_too_long_are_two_lines(arguments, length, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["microgen", *(a.replace("NAME", "n" * length) for a in arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 2 and "internal error" not in said and said.count("\n") == 2


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize(
    "arguments", [["build", "small.tflite", "--labels", "/dev/zero"], ["bench", "p", "--against", "/dev/zero"]]
)
def test_files_without_an_end_are_refused(arguments, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["microgen", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "it has more than" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["build", "small.tflite"], ["verify", "small.tflite"]])
def test_more_samples_than_are_run_are_refused(arguments, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["microgen", *arguments, "--samples", "1000000000"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: --samples 1000000000: at most 100,000 samples are supported")
