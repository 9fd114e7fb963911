"""The kind "zephyr": a module for Zephyr with the model, and a sample that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..._version import __version__
from ...applications.application import Application
from ...boards import Board, Component
from ...deployment import Deployment
from ...deployment.fit import memory_fit
from ...devices import Layout
from ...errors import InputError
from ...support.render import render
from ...verification import Verdict
from ..bill import bill_files
from ..firmware import compiled_sources, firmware_files, kept_files, placed, readme, target_name
from ..kind import Files, Parts, Tool
from ..platform import Platform
from ..refusals import check_known, wrong_runtime

_COMPILED = "compiled"
_LAYOUT = Layout.below("src", main="sample/src/main.cpp")
_PLATFORM = Platform("zephyr")
_MAIN = f"{_LAYOUT.platform}/main.cc"
_AROUND = (
    Component(
        name="Zephyr",
        license="Apache-2.0",
        copyright="The Zephyr Project contributors",
        url="https://github.com/zephyrproject-rtos/zephyr",
    ),
)
_RENDERED = (
    "CMakeLists.txt",
    "Kconfig",
    "zephyr/module.yml",
    "sample/CMakeLists.txt",
    "sample/prj.conf",
    "sample/sample.yaml",
)


@dataclass(frozen=True)
class _Zephyr:
    """See `ProjectKind`."""

    name: str = "zephyr"
    tool: Tool | None = None
    built_by: str = "west"
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take the boards that Zephyr knows, with the runtime that needs no library.

        Zephyr's own TensorFlow Lite Micro is of another version and with other kernels than any board's snapshot: no
        arena could be planned for it.
        """
        check_known(board, "zephyr", "Zephyr", "name for west build")
        if runtime not in ("", _COMPILED):
            why = (
                f"projects of the kind '{self.name}' support the compiled runtime only: microgen "
                "cannot plan arenas for Zephyr's version of TensorFlow Lite Micro"
            )
            raise wrong_runtime(why, runtime, _COMPILED)
        _PLATFORM.check(self.name, board, application)

    def files(self, parts: Parts) -> Files:
        _check_placement(parts.deployment)
        flashed = firmware_files(parts, _LAYOUT) | placed(_LAYOUT.platform, _PLATFORM.files(parts.deployment))
        values = _values(parts.deployment, flashed)
        return {
            **flashed,
            **bill_files(parts, flashed, _AROUND),
            **{name: render(f"zephyr/{name}.j2", **values) for name in _RENDERED},
        }

    def user_files(self, parts: Parts) -> Files:
        return kept_files(self, parts)

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        return readme(self, parts, verdicts, target=target_name(parts.deployment.name))


def _check_placement(deployment: Deployment) -> None:
    """Refuse a model whose memory lies where only the flags of another build system put it."""
    fit = memory_fit(deployment)
    if region := fit.region or fit.copies_region:
        raise InputError(
            f"{deployment.name}: needs the {region.name} of {deployment.board.title}, which projects of the kind "
            f"'{KIND.name}' do not use",
            "use a smaller model or a different kind of project",
            option="project_kind",
            value=KIND.name,
        )


def _values(deployment: Deployment, flashed: Files) -> dict[str, object]:
    return {
        "version": __version__,
        "d": deployment,
        "board": deployment.board,
        "target": target_name(deployment.name),
        "sources": [name for name in compiled_sources(flashed) if name != _MAIN],
        "main": _MAIN,
        "folders": list(dict.fromkeys((*_LAYOUT.libraries, _LAYOUT.platform))),
        "flags": deployment.plan.requirements.build_flags,
    }


KIND = _Zephyr()
