"""Names in a model, a label, a board or a path never reach the terminal as anything but text."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import unicodedata

import pytest

from microgen.errors import InputError
from microgen.report import text
from microgen.report.text import print_json, print_line, print_pairs, print_text, table
from tests.support import models
from tests.support.command_line import run
from tests.support.tools import needs_host

# Every control, format and surrogate character, and the separators of lines and paragraphs.
HOSTILE = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
# Red, a title, a cleared screen, the same by an eight-bit control, text from right to left.
NAME = "\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b31m\u202egpj\r\nverdict  bit-exact"


def is_plain(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("text", [NAME, "|".join(HOSTILE)], ids=["name", "all"])
def test_what_is_printed_is_text(text, capsys):
    print_line(f"a {text} b")
    print_pairs([("key", text), (text, "value")])
    assert len(capsys.readouterr().out.splitlines()) == 3
    table(["", text], [[text, "b"]])
    print_text(text)
    print_line(InputError(text, text).message)
    print_json({text: [text]})
    assert is_plain(capsys.readouterr().out.replace("\t", ""))
    print_json({text: [text]})
    assert json.loads(capsys.readouterr().out) == {text: [text]}


def test_what_harms_nobody_is_printed_as_it_is(capsys):
    text = "Fußgänger 行人 \U0001f6b6 (a) [b] \\x1b"
    print_line(text)
    print_json([text])
    table(["name"], [[text]])
    out = capsys.readouterr().out
    assert out.startswith(text + "\n") and out.count("Fußgänger 行人 \U0001f6b6 (a) [b]") == 3


def test_a_command_is_not_folded(monkeypatch, capsys):
    monkeypatch.setattr(text, "terminal_width", lambda stream: 80)
    command = f"microgen build {'a' * 40} --board esp32 --calibration {'b' * 40}"
    print_pairs([("next", command), ("why", "because " * 12)])
    [first, *others] = capsys.readouterr().out.splitlines()
    assert first == f"next  {command}" and len(others) == 2


def test_a_file_is_printed_with_its_lines_and_tabs(capsys):
    print_text('a = """\n\tb\x1b"""\n')
    assert capsys.readouterr().out == 'a = """\n\tb\\x1b"""\n'


def test_a_hostile_model_is_described_in_plain_text(tmp_path):
    needs_host()
    b = models.ModelBuilder()
    x, y, z = (b.tensor(f"{n}{NAME}", [1, 4]) for n in "xyz")
    b.op("RELU", [x], [y])
    known = b.build([x], [y])
    b.op("", [y], [z], custom=NAME)
    path = tmp_path / f"m{NAME}.tflite"
    path.write_bytes(known)
    (tmp_path / "custom.tflite").write_bytes(b.build([x], [z]))
    (tmp_path / "labels.txt").write_text(f"{NAME}\nb\nc\n", newline="")
    build = ["build", path.name, "--name", "m", "--labels", "labels.txt", "--out", f"p{NAME}"]
    for arguments in (
        ["inspect", path.name, "--board", "esp32"],
        ["inspect", path.name, "--json"],
        ["inspect", "custom.tflite"],
        build,
        [*build, "--force", "--json"],
        ["verify", f"p{NAME}", "--layers", "--samples", "4"],
        ["predict", f"p{NAME}", "random"],
        ["boards", NAME],
    ):
        done = run(*arguments, cwd=tmp_path)
        assert is_plain(done.stdout + done.stderr), arguments
        assert done.stdout or done.returncode == 2


def test_a_progress_display_shows_text():
    code = (
        "import time\n"
        "from microgen.cli.output import Progress\n"
        "with Progress() as progress:\n"
        "    progress('[bold]\\x1b]0;title\\x07')\n"
        "    time.sleep(0.3)\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # Linux reports the end of a pseudo terminal so
        pass
    os.close(ours)
    assert process.wait() == 0
    assert b"\x1b]0;" not in shown and b"[bold]\\x1b]0;title\\x07" in shown
