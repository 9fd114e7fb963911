"""What a kind of project is: the build system that a firmware is written for, and all that must be known about it.

A member is a package of this folder (or of anyone's own) with an object that follows `ProjectKind`; the registry in
`microgen.projects` knows it by name. The order of calls: `check` refuses a board or runtime that it cannot build for,
`files` and `user_files` become the project, `readme` describes it once the verdict is known, and `tool` compiles and
flashes what lies on the disk. Where its parts lie, `layout` says; the manifest records that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..applications.application import Application
from ..boards import Board
from ..deployment import Deployment, Golden
from ..devices import Layout
from ..verification import Verdict
from .folder import Project

Files = dict[str, bytes]


@dataclass(frozen=True)
class Parts:
    """What a project is made of.

    Attributes:
        deployment: its model, or several, decided for a board.
        golden: the golden vectors of the first model.
        others: those of the further models.
    """

    deployment: Deployment
    golden: Golden
    others: tuple[Golden, ...] = ()

    @property
    def models(self) -> tuple[tuple[Deployment, Golden], ...]:
        """Each model with its golden vectors."""
        return tuple(zip(self.deployment.models, (self.golden, *self.others), strict=True))


@dataclass(frozen=True)
class Compiled:
    """What a tool says a board's program takes, in bytes; None where it does not say."""

    flash_bytes: int | None
    flash_limit: int | None
    ram_bytes: int | None
    ram_limit: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the sizes as plain data."""
        return dict(vars(self))


class Tool(Protocol):
    """The program that compiles and flashes one kind of project."""

    @property
    def title(self) -> str:
        """Its name for people: "PlatformIO"."""

    def compile(self, project: Project, on_line: Callable[[str], None]) -> Compiled:
        """Compile a project for its board.

        Args:
            project: the project.
            on_line: is given each line of the tool's output.

        Raises:
            InputError: it does not compile, or the program is too large.
            SetupError: the tool or one of its packages is missing.
        """

    def flash(self, project: Project, port: str | None, on_line: Callable[[str], None]) -> None:
        """Compile a project and write it to its board.

        Args:
            project: the project.
            port: the board's port; None: the tool looks for it.
            on_line: is given each line of the tool's output.

        Raises:
            InputError: as for `compile`.
            SetupError: the tool, one of its packages, the port or the board is missing or does not answer.
        """

    def monitor(self, project: Project, port: str | None) -> int:
        """Show what a project's board prints and send what is typed; return the exit code of the monitor.

        Args:
            project: the project.
            port: the board's port; None: the only one that exists.

        Raises:
            SetupError: the tool or the port is missing, or several ports exist.
        """


class ProjectKind(Protocol):
    """One kind of project."""

    @property
    def name(self) -> str:
        """The name that users and manifests have for it: "platformio"."""

    @property
    def tool(self) -> Tool | None:
        """What compiles and flashes its projects; None where that is up to `built_by`."""

    @property
    def built_by(self) -> str:
        """What compiles and flashes its projects, for people: "PlatformIO", "your own CMake build"."""

    @property
    def takes_several(self) -> bool:
        """Whether its projects may have several models."""

    def layout(self, application: Application) -> Layout:
        """Return where the parts of a project lie.

        Args:
            application: what its firmware does.
        """

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Refuse a board, a runtime or an application that it cannot build for.

        Args:
            board: the board.
            runtime: the runtime's name; "" while it is not chosen.
            application: what the firmware does with its model.

        Raises:
            InputError: names what the board lacks, the runtimes that it can build, or the sensor without a driver.
        """

    def files(self, parts: Parts) -> Files:
        """Return the generated files by their path inside the project, but README.md and the manifest."""

    def user_files(self, parts: Parts) -> Files:
        """Return the files that are the user's once they are written; the program at `layout.main` is among them."""

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        """Return README.md; there is a verdict on each model."""
