"""Errors carry data, and their text names parameters in the language of whoever reads it."""

import ast
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

import microgen
from microgen.cli import app
from microgen.cli.main import main
from microgen.cli.spelling import SHELL, command_line
from microgen.errors import DeviceError, EngineError, InputError, MicrogenError, SetupError, command, option, spell
from microgen.support.sizes import number_of_bytes
from microgen.workers.engine import Engine
from microgen.workers.failures import Failure, raised
from tests.support import models

PACKAGE = Path(microgen.__file__).parent
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if PACKAGE / "cli" not in path.parents]
# Options of other programs in the text of a hint.
OTHERS = ("apt-get install --no-install-recommends", "cmake --build build")
FLAG = re.compile(r"(^|[\s(\"'`])(--([a-z]|$)|-o\b)")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of the string literals but those in lists: a list is what a program is started with."""
    passed = {item for node in ast.walk(tree) if isinstance(node, ast.List) for item in node.elts}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_spells_options(path: Path) -> None:
    for line, text in texts(ast.parse(path.read_text("utf-8"))):
        for other in OTHERS:
            text = text.replace(other, "")
        assert not FLAG.search(text), f"{path}:{line}: {text}"


def test_every_parameter_that_an_error_names_is_an_option_of_a_command() -> None:
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
    parameters = [p for c in commands for p in c.params]
    flags = {flag for p in parameters for flag in p.opts}
    named = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "option" and isinstance(node.args[0], ast.Constant):
                value = node.args[1] if len(node.args) > 1 else None
                named.add((node.args[0].value, not (isinstance(value, ast.Constant) and value.value is False)))
            named |= {
                (k.value.value, True) for k in node.keywords if k.arg == "option" and isinstance(k.value, ast.Constant)
            }
    assert len(named) > 20
    for name, value in named:
        if name == "example":  # of a module, which only Python gives
            continue
        assert SHELL.option(name, value) in flags or name in {p.name for p in parameters}, name


def test_a_python_caller_reads_parameters() -> None:
    with pytest.raises(InputError) as caught:
        microgen.build(samples=0)
    error = caught.value
    assert error.option == "samples" and str(error) == error.message == "samples=0: at least one sample is needed"
    assert "--" not in error.message + error.hint
    assert error.spelled(SHELL)[0] == "--samples 0: at least one sample is needed"


def test_the_command_line_prints_flags(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["microgen", "build", "--samples", "0"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: --samples 0: at least one sample is needed\nhint: omit it for 100\n"


@pytest.mark.parametrize(
    ("text", "python", "shell"),
    [
        (option("out"), "out=", "--out"),
        (option("seed", 3), "seed=3", "--seed 3"),
        (option("allow_float", True), "allow_float=True", "--allow-float"),
        (option("verify", False), "verify=False", "--no-verify"),
        (option("on", "True"), "on=True", "--on True"),
        (option("arena_bytes", 5), "arena_bytes=5", "--arena 5"),
        (option("arena_bytes", number_of_bytes("24k")), "arena_bytes=24k", "--arena 24k"),
        (option("other", "B.keras"), "other=B.keras", "--with B.keras"),
        (option("picture", None), "picture=None", "--picture none"),
        (
            command("build", "A.keras", option("calibration", "B.npz")),
            "microgen.build(A.keras, calibration=B.npz)",
            "microgen build A.keras --calibration B.npz",
        ),
        (command("build_all", "A"), "microgen.build_all(A)", "microgen build A --all-boards"),
        ("no parameter: {option} \1 \0", "no parameter: {option} \1 \0", "no parameter: {option} \1 \0"),
    ],
)
def test_spelling(text: str, python: str, shell: str) -> None:
    assert (spell(text), spell(text, SHELL)) == (python, shell)


@given(st.text(), st.text())
def test_text_of_users_stays_as_it_is(value: str, around: str) -> None:
    # What separates the names in a text cannot be brought in by a value.
    error = InputError("cannot be used", f"give {option('out', value)}", option="name", value=value)
    plain = MicrogenError(value, around.replace("\0", ""))
    for text in (error.message, error.hint, plain.message):
        assert text.isprintable() or text == ""
    assert error.message.startswith("name=") and error.spelled(SHELL)[0].startswith("--name")


DATA = {"option": "seed", "path": "a/b", "tensor": "t", "operator": "CONV_2D", "layer": "dense"}


@pytest.mark.parametrize("kind", [InputError, SetupError, MicrogenError])
def test_errors_cross_from_a_worker_with_their_data(kind: type[MicrogenError]) -> None:
    error = kind("cannot be", f"omit {option('scheme')}", value=7, **DATA)
    back = raised(Engine("x"), Failure.of(error), "")
    assert type(back) is kind and vars(back) == vars(error) and back.args == error.args
    assert back.spelled(SHELL) == ("--seed 7: cannot be", "omit --scheme")
    assert back.data == DATA


@pytest.mark.parametrize("error", [EngineError("x", "why", "do", **DATA), DeviceError("why", "do", **DATA)])
def test_engine_errors_cross_with_their_data(error: EngineError) -> None:
    back = raised(Engine("x"), Failure.of(error), "a log")
    assert isinstance(back, EngineError) and back.data == DATA and back.log == "a log"
    assert back.hint == "do" and "why" in back.reason


def test_command_line_quotes() -> None:
    assert command_line("build", "a b", board="pico", out="c;d") == "microgen build 'a b' --board pico --out 'c;d'"


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: microgen.load("digits/digits.tfl"), "did you mean 'digits/digits.tflite'? If not, give "),
        (lambda: microgen.verify("digts"), "did you mean 'digits'? If not, give the folder"),
        (
            lambda: microgen.build("digits/digits.tflite", labels="digits/label.txt"),
            "did you mean 'digits/labels.txt'?",
        ),
        (lambda: microgen.load("digits/other.tflite"), "give a .tflite"),
        (lambda: microgen.load("nowhere/digits.tflite"), "give a .tflite"),
    ],
)
def test_a_path_that_does_not_exist_is_compared_with_its_neighbours(call, hint, tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits/digits.tflite").write_bytes(models.fully_connected())
    (tmp_path / "digits/labels.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no such f") as caught:
        call()
    assert caught.value.hint.startswith(hint)


def test_a_file_is_no_project(tmp_path):
    (tmp_path / "m.txt").write_text("")
    with pytest.raises(InputError, match=r"m\.txt: not a folder"):
        microgen.bench(tmp_path / "m.txt")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")
def test_a_traceback_shows_the_hint() -> None:
    error = InputError("it is empty", f"give {option('data', 'x.npz')}", option="data", value="y")
    assert "".join(traceback.format_exception_only(error)).endswith("data=y: it is empty\nhint: give data=x.npz\n")
