"""The kind "pico-sdk": a firmware that CMake compiles with the Raspberry Pi Pico SDK, to a .uf2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._version import __version__
from ...applications.application import Application
from ...boards import Board, Component
from ...devices import Layout
from ...runtimes.runtime import Requirements
from ...support import resources
from ...support.render import render
from ...verification import Verdict
from ..bill import bill_files
from ..firmware import (
    compile_flags,
    compiled_sources,
    firmware_files,
    kept_files,
    placed,
    readme,
    target_name,
)
from ..kind import Files, Parts, Tool
from ..platform import Platform
from ..refusals import check_known
from .tool import TOOL

_LAYOUT = Layout.below("lib", main="src/main.cpp")
_PLATFORM = Platform("pico_sdk")
# What the user's SDK adds; its version is the user's.
_AROUND = (
    Component(
        name="Raspberry Pi Pico SDK",
        license="BSD-3-Clause",
        copyright="Raspberry Pi (Trading) Ltd.",
        url="https://github.com/raspberrypi/pico-sdk",
    ),
    Component(
        name="TinyUSB", license="MIT", copyright="Ha Thach (tinyusb.org)", url="https://github.com/hathach/tinyusb"
    ),
)
_COPIED = ("pico_sdk_import.cmake", "uf2.py")
# How a snapshot names its library, and its folders as PlatformIO lays it out.
_DEPENDENCY = re.compile(r"(?P<name>[\w.-]+)=(?P<url>[^#]+)#(?P<commit>[0-9a-f]+)")
_INCLUDE = re.compile(r'-I"\$\{platformio\.libdeps_dir\}/\$\{this\.__env__\}/[^/]+/(?P<folder>[^"]+)"')


@dataclass(frozen=True)
class TflmCheckout:
    """TensorFlow Lite Micro as a checkout that CMake compiles.

    Attributes:
        title: its name for people.
        name: of its folder.
        commands: what fetches it.
        includes: folders of headers inside it.
        flags: for the library and all that uses it.
        exclude_sources: what must not be compiled, from its src/.
    """

    title: str
    name: str
    commands: tuple[str, ...]
    includes: tuple[str, ...]
    flags: tuple[str, ...]
    exclude_sources: tuple[str, ...]


@dataclass(frozen=True)
class _PicoSdk:
    """See `ProjectKind`."""

    name: str = "pico-sdk"
    tool: Tool = TOOL
    built_by: str = TOOL.title
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take the boards that the SDK knows, with every runtime whose library is a checkout."""
        check_known(board, "pico_sdk", "the Pico SDK", "PICO_BOARD")
        _PLATFORM.check(self.name, board, application)

    def files(self, parts: Parts) -> Files:
        flashed = firmware_files(parts, _LAYOUT) | placed(_LAYOUT.platform, _PLATFORM.files(parts.deployment))
        templates = resources.path("templates") / self.name
        return {
            **flashed,
            **bill_files(parts, flashed, _AROUND),
            **{name: (templates / name).read_bytes() for name in _COPIED},
            "CMakeLists.txt": render("pico-sdk/CMakeLists.txt.j2", **_values(parts, flashed)),
        }

    def user_files(self, parts: Parts) -> Files:
        return kept_files(self, parts)

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        requirements, title = parts.deployment.plan.requirements, parts.deployment.plan.library.title
        target = target_name(parts.deployment.name)
        return readme(self, parts, verdicts, target=target, library=checkout(requirements, title))


def checkout(requirements: Requirements, title: str) -> TflmCheckout | None:
    """Return the library that a runtime needs; None where it needs none.

    Args:
        requirements: the runtime's.
        title: the library's name for people.
    """
    match = next(filter(None, map(_DEPENDENCY.fullmatch, requirements.lib_deps)), None)
    if match is None:
        return None
    includes = list(filter(None, map(_INCLUDE.fullmatch, requirements.build_flags)))
    name, url, commit = match["name"], match["url"], match["commit"]
    return TflmCheckout(
        title,
        name,
        (f"git clone {url} {name}", f"git -C {name} checkout {commit}"),
        tuple(include["folder"] for include in includes),
        tuple(flag for flag in requirements.build_flags if not _INCLUDE.fullmatch(flag)),
        requirements.exclude_sources,
    )


def _values(parts: Parts, flashed: Files) -> dict[str, Any]:
    deployment = parts.deployment
    plan, board = deployment.plan, deployment.board
    assert board.pico_sdk is not None
    library = checkout(plan.requirements, plan.library.title)
    flags = library.flags if library else plan.requirements.build_flags
    folders = dict.fromkeys((*_LAYOUT.libraries, _LAYOUT.platform))
    return {
        "version": __version__,
        "board": board,
        "pico_board": board.pico_sdk.board,
        "layout": _LAYOUT,
        "target": target_name(deployment.name),
        "library": library,
        "sensor": deployment.sensor,
        "flags": (*flags, *compile_flags(deployment)),
        "folders": list(folders),
        "sources": compiled_sources(flashed),
    }


KIND = _PicoSdk()
