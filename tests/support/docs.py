"""The pages of the documentation as programs: their fenced blocks, in order, in a clean folder.

What is run: `console` blocks (lines that begin with `$ `, followed by what they print), `sh` blocks, `python` blocks.
Every command must end with exit code 0, and print what the page shows; a line `...` stands for lines left out.
A comment before a block says what is special about it:

    <!-- test: needs digits -->             the page's folder has these files; see `MAKERS` in test_docs.py
    <!-- test: skip REASON -->              not run
    <!-- test: exit 2 -->                   ends with this exit code
    <!-- test: varies REGEX -->             what matches is not compared; also by name, see `VARYING`
    <!-- test: file NAME -->                the block is a file that the next commands use
    <!-- test: prints -->                   the block is what the block before printed
    <!-- test: board PROJECT at PORT -->    from here on PORT is a pseudo terminal with the project's firmware behind it
    <!-- test: background PORT -->          the command goes on; its first line is what the page calls PORT
    <!-- test: platformio PROJECT -->       PlatformIO finds here what it would download

`python -m tests.support.docs PAGE...` runs pages and writes what was really printed into them.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("console", "sh", "python")
# What a reader reads and nobody runs.
SHOWN = ("text", "toml", "ini", "cpp", "yaml", "json")
VERBS = ("needs", "skip", "exit", "varies", "file", "prints", "board", "background", "platformio")
# What is not the same on every machine or each time, as patterns and what stands for them. Training gives other weights
# on another processor, and with them other roundings.
VARYING = {
    "sha256": [(r"[0-9a-f]{64}", "SHA")],
    "score": [
        (r"(?<=score )\d\.\d\d|(?<=Nabu )\d\.\d\d", "SCORE"),
        (r"(?<=at )\d+\.\d\d s", "TIME"),
        (r"\d+ %", "PART"),
    ],
    "time": [(r"\b[\d.,]+ (?:us|ms|s)\b", "TIME")],
    "training": [(r"SQNR, lowest .*", "WORST"), (r"-?\d+(?:\.\d+)? dB", "NOISE"), (r"[+-]?\b\d\.\d{4}\b", "SCORE")],
    "verdict": [
        (
            r"(?:bit-exact|within-bound) on (\d+ samples(?:, [^(]+ \(emulated\))?) "
            r"\(firmware = TFLM, every byte(?: of \d+ tensors)?; .*\)",
            r"passed on \1",
        ),
        (r"(?m)^layer +(?:[\w.-]+: )?\d.*\n", ""),
    ],
    # What the compiled runtime makes of the digits for a Pico.
    "digits on a pico": [
        (r"[\d.]+ ms|\d,\d{3},\d{3}\b|[\d,]+ of 2,093,056|3 kernels [\d,]+|weights [\d,]+", "SIZE"),
        (r"[\d,]+ bytes, linked|[\d,]+ \+-28,202|(?<=32,288 bytes) +[\d,]+ bytes", "SIZE"),
    ],
    "layers": [(r"\d[\d.,]* of [\d.,]+", "FOUND"), (r"\d\.[\de-]+, -?\d+", "SCALE")],
}
_DIRECTIVE = re.compile(r"<!-- test: (\w+) ?(.*?) -->")
_TIMEOUT_S = 300


@dataclass
class Block:
    """A fenced block.

    Attributes:
        line: of the page, counted from 1, where its text begins.
        directives: the comments before it, as pairs of verb and the rest.
    """

    language: str
    line: int
    text: str
    directives: list[tuple[str, str]] = field(default_factory=list)

    def all(self, verb: str) -> list[str]:
        return [rest for found, rest in self.directives if found == verb]

    def one(self, verb: str) -> str | None:
        return next(iter(self.all(verb)), None)


@dataclass
class Page:
    """A page of the documentation.

    Attributes:
        needs: names of the files that it takes as given.
    """

    path: Path
    needs: list[str]
    blocks: list[Block]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


class DocsError(AssertionError):
    """What a page says is not so."""


def pages() -> list[Path]:
    folders = ("", "docs", "boards", "examples")
    return [p for f in folders for p in sorted((ROOT / f).glob("*.md")) if p.name != "CHANGELOG.md"]


def parse(path: Path) -> Page:
    """Read a page; raises DocsError where a block could hide from being run."""
    needs: list[str] = []
    blocks: list[Block] = []
    pending: list[tuple[str, str]] = []
    block: Block | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        if block is not None:
            if line == "```":
                blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
        elif line.startswith("```"):
            language = line[3:]
            if language not in RUN + SHOWN:
                raise DocsError(f"{where}: a block in '{language}'; known are {', '.join(RUN + SHOWN)}")
            block, pending = Block(language, number + 1, "", pending), []
        elif found := _DIRECTIVE.fullmatch(line):
            if found[1] not in VERBS:
                raise DocsError(f"{where}: no such directive: {found[1]}")
            if found[1] == "needs":
                needs += found[2].split()
            else:
                pending.append((found[1], found[2]))
        elif re.match(r" {4}|\t| +```|~~~", line) or "<!-- test" in line:
            raise DocsError(f"{where}: neither text nor a block that is run: {line}")
        elif pending and line:
            raise DocsError(f"{where}: text between a directive and its block")
    if block is not None or pending:
        raise DocsError(f"{path.name}: its last block does not end, or is missing")
    for b in blocks:
        if b.language in SHOWN and re.search(r"^(\$ |microgen |pio |pip |make |python )", b.text, re.MULTILINE):
            raise DocsError(f"{path.name}:{b.line}: commands in a block that is not run")
    return Page(path, needs, blocks)


def commands(block: Block) -> list[tuple[str, str | None]]:
    """Return a block's commands, each with the output that the page shows; None where it shows none."""
    if block.language == "sh":
        return [(block.text, None)]
    if block.language == "python":
        # TensorFlow talks on standard error, on each machine of other things.
        quiet = "python - 2> .stderr <<'END_OF_BLOCK' || { cat .stderr; exit 1; }"
        return [(f"{quiet}\n{block.text}END_OF_BLOCK\n", None)]
    found: list[tuple[str, str | None]] = []
    goes_on = False
    for line in block.text.splitlines():
        if goes_on:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        elif line.startswith("$ "):
            found.append((line[2:], ""))
        elif not found:
            raise DocsError(f"line {block.line}: output before the first command")
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
        goes_on = line.endswith("\\") and (goes_on or line.startswith("$ "))
    return found


def difference(shown: str, printed: str, varying: list[str]) -> str:
    """Say where what was printed is not what the page shows; "" if it is."""
    masks = [mask for one in varying for mask in _masks(one)]
    want, have = (_lines(text, masks) for text in (shown, printed))
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in want)
    if re.fullmatch(pattern, "".join(line + "\n" for line in have)):
        return ""
    return f"the page shows\n{shown}\nand what was printed is\n{printed}"


def _masks(varying: str) -> list[tuple[str, str]]:
    return VARYING.get(varying, [(varying, "~")])


def _lines(text: str, masks: list[tuple[str, str]]) -> list[str]:
    for pattern, instead in masks:
        text = re.sub(pattern, instead, text)
    if masks:  # columns are as wide as what varies in them
        text = re.sub(r"[ ─]{2,}", " ", text)
    return _text(text).splitlines()


def _text(printed: str) -> str:
    """Return text without the spaces and empty lines around it that nobody sees."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
    return lines + "\n" if lines else ""


class Runner:
    """Runs the blocks of one page in a folder. Use as a context manager: it ends what runs in the background."""

    def __init__(self, page: Page, folder: Path, platformio: Callable[[Path], dict[str, str]] | None = None) -> None:
        self.page = page
        self.folder = folder
        self.printed: list[tuple[Block, list[str]]] = []
        self._platformio = platformio
        self._ports: dict[str, str] = {}
        self._background: list[subprocess.Popen[str]] = []
        home = folder.with_name(f"{folder.name}-home")
        home.mkdir()
        kept = {
            k: v
            for k, v in os.environ.items()
            if k.startswith(("PIP_", "PYTHONPATH", "LANG", "LC_", "MICROGEN_", "COVERAGE_"))
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # What was compiled for one page is not compiled again for the next.
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        place = {"PATH": path, "HOME": str(home), "XDG_CACHE_HOME": cache}
        self._environment = {**kept, **place, "COLUMNS": "120", "TERM": "dumb"}

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._background:
            process.send_signal(signal.SIGINT)
        for process in self._background:
            process.wait(10)

    def run(self) -> None:
        """Run all blocks; raises DocsError at the first that does not do what the page says."""
        for block in self.page.blocks:
            try:
                self._block(block)
            except (DocsError, subprocess.TimeoutExpired) as error:
                raise DocsError(f"{self.page.name}:{block.line}: {error}") from None

    def _block(self, block: Block) -> None:
        if block.one("skip") is not None:
            return
        self._check(block)
        for project, port in (rest.split(" at ") for rest in block.all("board")):
            self._start(f"microgen simulate {project} --pty", port)
        for project in block.all("platformio"):
            assert self._platformio is not None
            self._environment |= self._platformio(self.folder / project)
        name = block.one("file")
        if name is not None:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(block.text, "utf-8")
            return
        if block.one("prints") is not None:
            self._compare(block, block.text, self.printed[-1][1][-1])
            self.printed.append((block, [self.printed[-1][1][-1]]))
            return
        if block.language not in RUN:
            return
        port = block.one("background")
        if port is not None:
            [(command, _)] = commands(block)
            self._start(command, port)
            return
        outputs: list[str] = []
        self.printed.append((block, outputs))
        for command, shown in commands(block):
            code, printed = self._execute(command)
            outputs.append(printed)
            wanted = int(block.one("exit") or 0)
            if code != wanted:
                raise DocsError(f"'{command.strip()}' ended with {code}, not {wanted}:\n{printed}")
            if shown is not None:
                self._compare(block, shown, printed)

    def _check(self, block: Block) -> None:
        for one in block.all("varies"):
            if not any(re.search(pattern, block.text) for pattern, _ in _masks(one)):
                raise DocsError(f"nothing in the block varies as '{one}'")

    def _compare(self, block: Block, shown: str, printed: str) -> None:
        found = difference(shown, printed, block.all("varies"))
        if found:
            raise DocsError(found)

    def _execute(self, command: str) -> tuple[int, str]:
        """Return exit code and output of a command: both streams, as a terminal shows them."""
        for name, port in self._ports.items():
            command = command.replace(name, port)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_S,
        )
        printed = done.stdout
        for name, port in self._ports.items():
            printed = printed.replace(port, name)
        return done.returncode, printed

    def _start(self, command: str, port: str) -> None:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            # A shell that puts its commands into the background has them ignore the interrupt that ends this one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._background.append(process)
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        if not name:
            raise DocsError(f"'{command}' did not start")
        self._ports[port] = name


class Rewriter(Runner):
    """Notes where the page does not show what was printed, instead of stopping."""

    def __init__(self, page: Page, folder: Path, platformio: Callable[[Path], dict[str, str]] | None = None) -> None:
        super().__init__(page, folder, platformio)
        self.wrong: list[Block] = []

    def _check(self, block: Block) -> None:
        pass  # what varies may be yet to be written

    def _compare(self, block: Block, shown: str, printed: str) -> None:
        if difference(shown, printed, block.all("varies")) and block not in self.wrong:
            self.wrong.append(block)

    def rewrite(self) -> None:
        """Write what was printed into the page's blocks that show something else."""
        lines = self.page.path.read_text("utf-8").splitlines(keepends=True)
        for block, outputs in reversed([x for x in self.printed if x[0] in self.wrong]):
            if block.language == "console":
                pairs = zip(commands(block), outputs, strict=True)
                text = "".join(f"$ {command}\n{_text(printed)}" for (command, _), printed in pairs)
            else:
                text = _text(outputs[-1])
            first = block.line - 1
            lines[first : first + block.text.count("\n")] = [text]
        self.page.path.write_text("".join(lines), "utf-8")


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Bring what the given pages show up to date."""
    from tests.support.docs_files import Files

    with _scratch() as scratch:
        files = Files(scratch / "files", epochs=None)
        for path in [Path(x).resolve() for x in sys.argv[1:]] or pages():
            page = parse(path)
            folder = scratch / page.name.replace("/", "-")
            folder.mkdir()
            files.put(page.needs, folder)
            with Rewriter(page, folder, files.platformio) as rewriter:
                rewriter.run()
            rewriter.rewrite()
            for block in rewriter.wrong:
                print(f"{page.name}:{block.line}: rewritten")


if __name__ == "__main__":
    main()
