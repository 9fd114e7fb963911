"""The documentation: its commands run, its output is what is printed, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from microgen.cli import app
from tests.support import docs
from tests.support.docs_files import Files
from tests.support.once import shared_folder
from tests.support.tools import needs_cpu, needs_host

COMMANDS = typer.main.get_command(app).commands


def read(path: Path) -> docs.Page:
    """A page that cannot be read as one is a failure of its own test, and empty for the others."""
    try:
        return docs.parse(path)
    except docs.DocsError:
        return docs.Page(path, [], [])


PAGES = [read(path) for path in docs.pages()]
SKIPPED = [(page, block) for page in PAGES for block in page.blocks if block.one("skip") is not None]


def needs_tensorflow(page: docs.Page) -> bool:
    return bool(page.needs) or any(
        "train" in b.text or "recipe" in b.text for b in page.blocks if b.one("skip") is None
    )


def parameter(page: docs.Page):
    return pytest.param(page, id=page.name, marks=[pytest.mark.slow] if needs_tensorflow(page) else [])


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return Files(shared_folder(tmp_path_factory) / "docs-files")


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in docs.pages()])
def test_a_page_has_nothing_but_text_and_blocks_that_are_run(path):
    docs.parse(path)


@pytest.mark.parametrize("page", [parameter(p) for p in PAGES if any(b.language in docs.RUN for b in p.blocks)])
def test_the_page_does_what_it_says(page, files, tmp_path):
    needs_host()
    if needs_tensorflow(page) and not importlib.util.find_spec("tensorflow"):
        pytest.skip("TensorFlow is not installed (pip install 'microgen[train]')")
    emulates = any("emulator" in block.text for block in page.blocks if not block.one("skip"))
    if emulates:
        needs_cpu("cortex-m4f")
    folder = tmp_path / "page"
    folder.mkdir()
    files.put(page.needs, folder)
    with docs.Runner(page, folder, files.platformio) as runner:
        runner.run()


@pytest.mark.parametrize(("page", "block"), [pytest.param(p, b, id=f"{p.name}:{b.line}") for p, b in SKIPPED])
def test_what_is_not_run_says_why(page, block):
    reason = block.one("skip")
    assert len(reason.split()) >= 3
    pytest.skip(reason)


@pytest.mark.parametrize("page", [pytest.param(p, id=p.name) for p in PAGES])
def test_every_link_leads_somewhere(page):
    text = page.path.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for target in targets:
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}, target


@pytest.mark.parametrize("page", [pytest.param(p, id=p.name) for p in PAGES])
def test_commands_and_options_named_in_sentences_exist(page):
    prose = re.sub(r"^```.*?^```$", "", page.path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    every = {o for c in COMMANDS.values() for p in c.params for o in (*p.opts, *p.secondary_opts)}
    for code in re.findall(r"`([^`]+)`", prose):
        words = code.split()
        if words[0] == "microgen" and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in COMMANDS, code
            options = {o for p in COMMANDS[words[1]].params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
            assert {w.split("=")[0] for w in words[2:] if w.startswith("-")} <= options, code
        elif words[0].startswith("--") and page.path.parent.name == "docs":
            assert words[0].split("=")[0] in every | {"--help", "--version"}, code


@pytest.mark.parametrize(
    ("script", "written"),
    [
        ("reference.py", ["commands.md", "api.md"]),
        ("figures.py", ["../README.md", "compression.md", "instructions.md", "runtimes.md"]),
        ("images/way.py", ["images/way-light.svg", "images/way-dark.svg"]),
        ("images/runtimes.py", ["images/runtimes-light.svg", "images/runtimes-dark.svg"]),
        ("images/compression.py", ["images/compression-light.svg", "images/compression-dark.svg"]),
    ],
)
def test_what_is_written_by_a_script_is_current(script, written, tmp_path):
    subprocess.run([sys.executable, docs.ROOT / "docs" / script, tmp_path], check=True)
    for name in written:
        path = docs.ROOT / "docs" / name
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), "run: make docs"


def test_the_protocol_page_has_every_command_error_and_status_of_the_firmware():
    page = (docs.ROOT / "docs" / "protocol.md").read_text("utf-8")
    firmware = docs.ROOT / "firmware"
    files = [*sorted((firmware / "serial").glob("session*.cc")), firmware / "applications/sensing/sensing.cc"]
    source = "".join(p.read_text("utf-8") for p in files)
    commands = re.findall(r'\{"(\w+)", &Session::', source) + re.findall(r'strcmp\(name, "(\w+)"\)', source)
    errors = re.findall(r'Error\("([^"]+)"\)', source) + re.findall(r'"e-\[([^"\]]+)', source)
    runner = (docs.ROOT / "firmware" / "model" / "model_runner.h").read_text("utf-8")
    statuses = [s for s in re.findall(r'return "([a-z-]+)";', runner) if s not in ("ok", "unknown")]
    assert "sensor" in commands and len(commands) > 10 and len(errors) > 10 and len(statuses) > 5
    for command in commands:
        assert re.search(rf"`{command}[^`]*%`", page), command
    for error in errors:
        assert f"e-[{error.removeprefix('e-[')}".rstrip(" ]") in page, error
    for status in statuses:
        assert f"`{status}`" in page, status


def test_every_guide_is_in_the_index():
    index = (docs.ROOT / "docs" / "README.md").read_text("utf-8")
    for path in (docs.ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"]({path.name})" in index, path.name


def lying(tmp_path: Path, text: str) -> docs.Page:
    path = docs.ROOT / "docs" / "README.md"
    (tmp_path / "page.md").write_text(text)
    page = docs.parse(tmp_path / "page.md")
    return docs.Page(path, page.needs, page.blocks)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "one"),
        ("```console\n$ echo one\n```\n", "one"),
        ("```console\n$ printf 'a\\nb\\n'\na\n```\n", "b"),
        ("```sh\nfalse\ntrue\n```\n", "ended with 1"),
        ("```python\nraise SystemExit('why')\n```\n", "ended with 1.*\n.*why"),
        ("<!-- test: exit 2 -->\n```console\n$ true\n```\n", "not 2"),
        ("<!-- test: varies \\d+ s -->\n```console\n$ echo 3 ms\n4 ms\n```\n", "varies"),
        ("<!-- test: varies \\d+ s -->\n```console\n$ echo took 3 s\nneeds 4 s\n```\n", "took"),
        ("```sh\nfalse | true\n```\n", "ended with 1"),
        ("```python\nprint(1)\n```\n\n<!-- test: prints -->\n```text\n2\n```\n", "1"),
    ],
)
def test_a_page_that_lies_is_found_out(text, says, tmp_path):
    (tmp_path / "page").mkdir()
    with (
        docs.Runner(lying(tmp_path, text), tmp_path / "page") as runner,
        pytest.raises(docs.DocsError, match=says),
    ):
        runner.run()


@pytest.mark.parametrize(
    "text",
    [
        "    microgen build\n",
        "```\nmicrogen build\n```\n",
        "```text\n$ microgen build\n```\n",
        "```sh\nmicrogen build\n",
        "<!-- test: skip needs a board -->\n\nText.\n\n```sh\ntrue\n```\n",
        "<!-- test: slip needs a board -->\n```sh\ntrue\n```\n",
        "~~~\nmicrogen build\n~~~\n",
    ],
)
def test_no_block_hides_from_being_run(text, tmp_path):
    with pytest.raises(docs.DocsError):
        lying(tmp_path, text)


def test_a_page_that_says_the_truth(tmp_path):
    text = (
        "<!-- test: file a.txt -->\n```text\none\ntwo\n3 ms\n```\n\n"
        "<!-- test: varies \\d+ ms -->\n```console\n$ cat \\\n  a.txt\none\n...\n7 ms\n$ true\n```\n\n"
        "```python\nprint(open('a.txt').read())\n```\n\n<!-- test: prints -->\n```text\none\ntwo\n3 ms\n```\n"
    )
    (tmp_path / "page").mkdir()
    with docs.Runner(lying(tmp_path, text), tmp_path / "page") as runner:
        runner.run()


def test_output_that_changed_is_written_into_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n```console\n$ echo one\n$ printf 'a\\nb\\n'\nc\n```\n\nAfter.\n\n```sh\ntrue\n```\n")
    (tmp_path / "page").mkdir()
    with docs.Rewriter(docs.parse(page), tmp_path / "page") as rewriter:
        rewriter.run()
    rewriter.rewrite()
    assert page.read_text() == (
        "Before.\n\n```console\n$ echo one\none\n$ printf 'a\\nb\\n'\na\nb\n```\n\nAfter.\n\n```sh\ntrue\n```\n"
    )
