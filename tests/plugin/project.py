"""A kind of project that microgen does not know: one folder of sources and a Makefile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from microgen.applications.application import Application
from microgen.boards import Board
from microgen.devices import Layout
from microgen.errors import InputError
from microgen.projects.firmware import copies, firmware_files
from microgen.projects.kind import Compiled, Files, Parts, Tool
from microgen.projects.manifest import Project
from microgen.verification import Verdict

_SOURCES = "source"
LAYOUT = Layout("app/program.cpp", _SOURCES, _SOURCES, _SOURCES, _SOURCES, "board")


@dataclass
class Make:
    """Notes what it is asked for."""

    title: str = "Make"
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def compile(self, project: Project, on_line: Callable[[str], None]) -> Compiled:
        self.calls.append(("compile", project.path))
        on_line("make: nothing to be done")
        return Compiled(1, 2, 3, None)

    def flash(self, project: Project, port: str | None, on_line: Callable[[str], None]) -> None:
        self.calls.append(("flash", project.path, port))

    def monitor(self, project: Project, port: str | None) -> int:
        self.calls.append(("monitor", project.path, port))
        return 7


@dataclass
class Makefile:
    """All sources in one folder, the user's program in another."""

    name: str = "makefile"
    tool: Tool | None = field(default_factory=Make)
    built_by: str = "make"
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        if board.name == "teensy41":
            raise InputError("no Makefile for teensy41", "choose another board")

    def files(self, parts: Parts) -> Files:
        header = {f"board/{name}": data for name, data in copies("platform", "*.h").items()}
        return {**firmware_files(parts, LAYOUT), **header, "Makefile": b"all:\n"}

    def user_files(self, parts: Parts) -> Files:
        return {LAYOUT.main: parts.deployment.application.program()}

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        return f"{parts.deployment.name}: {verdicts[0].summary()}\n".encode()
