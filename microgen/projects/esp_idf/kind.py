"""The kind "esp-idf": a component of ESP-IDF with the model, and a project that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..._version import __version__
from ...applications.application import Application
from ...boards import Board, Component
from ...devices import Layout
from ...support.render import render
from ...verification import Verdict
from ..bill import bill_files
from ..firmware import (
    compile_flags,
    compiled_sources,
    firmware_files,
    kept_files,
    package_version,
    placed,
    readme,
    target_name,
)
from ..kind import Files, Parts, Tool
from ..platform import Platform
from ..refusals import check_known, wrong_runtime
from .tool import TOOL

_TFLM, _COMPILED = "tflm", "compiled"
# ESP-IDF calls a component after its folder.
_COMPONENT = "microgen_model"
_FOLDER = f"components/{_COMPONENT}"
_LAYOUT = Layout.below(_FOLDER, main="main/main.cpp")
_PLATFORM = Platform("esp_idf")
_APP_MAIN = "app_main.cc"
_AROUND = (
    Component(
        name="ESP-IDF",
        license="Apache-2.0",
        copyright="Espressif Systems (Shanghai) CO LTD",
        url="https://github.com/espressif/esp-idf",
    ),
)
# The program may lie behind what the bootloader and the tables take, at a multiple of 64 KiB.
_FIRST_APP, _APP_ALIGNMENT = 0x10000, 0x10000
_PROJECT_FILES = ("CMakeLists.txt", "main/CMakeLists.txt", "partitions.csv", "sdkconfig.defaults")
_COMPONENT_FILES = ("CMakeLists.txt", "Kconfig", "idf_component.yml")


@dataclass(frozen=True)
class _EspIdf:
    """See `ProjectKind`."""

    name: str = "esp-idf"
    tool: Tool = TOOL
    built_by: str = TOOL.title
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take the boards that ESP-IDF knows, with TFLM where it is a component."""
        check_known(board, "esp_idf", "ESP-IDF", "IDF_TARGET and flash")
        if runtime == _TFLM and not _components(board):
            why = f"the TensorFlow Lite Micro of {board.title} is not a component of ESP-IDF"
            raise wrong_runtime(why, runtime, _COMPILED)
        _PLATFORM.check(self.name, board, application)

    def files(self, parts: Parts) -> Files:
        flashed = firmware_files(parts, _LAYOUT) | placed(_LAYOUT.platform, _PLATFORM.files(parts.deployment))
        values = _values(parts, flashed)
        bill = bill_files(parts, flashed, _AROUND)
        component = {name: render(f"esp-idf/component/{name}.j2", **values) for name in _COMPONENT_FILES}
        return {
            **flashed,
            **bill,
            **{name: render(f"esp-idf/{name}.j2", **values) for name in _PROJECT_FILES},
            **placed(_FOLDER, component),
        }

    def user_files(self, parts: Parts) -> Files:
        return kept_files(self, parts)

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        return readme(self, parts, verdicts, **_names(parts))


def _components(board: Board) -> Mapping[str, str]:
    """Return TensorFlow Lite Micro as components of the registry, with their versions."""
    return board.snapshot.idf_components if board.snapshot is not None else {}


def _names(parts: Parts) -> dict[str, object]:
    """Return what the templates of the project and of its README both name."""
    deployment = parts.deployment
    return {
        "target": target_name(deployment.name),
        "component": _COMPONENT,
        "folder": _FOLDER,
        "components": _components(deployment.board) if deployment.plan.runtime == _TFLM else {},
    }


def _values(parts: Parts, flashed: Files) -> dict[str, object]:
    deployment = parts.deployment
    sources = [name.removeprefix(f"{_FOLDER}/") for name in compiled_sources(flashed)]
    folders = [name.removeprefix(f"{_FOLDER}/") for name in dict.fromkeys((*_LAYOUT.libraries, _LAYOUT.platform))]
    return {
        **_names(parts),
        "version": __version__,
        "package_version": package_version(),
        "d": deployment,
        "board": deployment.board,
        "sources": [name for name in sources if not name.endswith(_APP_MAIN)],
        "app_main": next(name for name in sources if name.endswith(_APP_MAIN)),
        "folders": folders,
        "flags": (*deployment.plan.requirements.build_flags, *compile_flags(deployment)),
        "app_offset": _FIRST_APP,
        "app_bytes": deployment.board.mcu.flash_bytes // _APP_ALIGNMENT * _APP_ALIGNMENT,
    }


KIND = _EspIdf()
