"""The kind "c-library": the compiled model as a C11 library with CMake, for whatever program or RTOS."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._version import __version__
from ...applications.application import Application
from ...boards import Board
from ...defaults import PROJECT
from ...devices import Layout
from ...devices.emulator import build
from ...devices.emulator.board import qemu_arguments
from ...devices.emulator.tools import install_command
from ...errors import InputError, option
from ...support.render import render
from ...verification import Verdict
from ..bill import bill_files
from ..firmware import copies, firmware_files, kept_files, package_version, placed
from ..kind import Files, Parts, Tool
from ..platformio import emulator
from ..refusals import wrong_runtime

_RUNTIME = "compiled"  # its model.h is what programs call
_EMULATOR = "emulator"
_LAYOUT = Layout(
    main="firmware/main.cpp",
    model="src",
    serial="firmware/serial",
    golden="firmware/golden",
    application="firmware/application",
    platform="firmware/platform",
)
_TYPES = {
    "int8": "MODEL_INT8",
    "int16": "MODEL_INT16",
    "uint8": "MODEL_UINT8",
    "int32": "MODEL_INT32",
    "float32": "MODEL_FLOAT32",
    "bool": "MODEL_BOOL",
}
_HEADERS = ("model.h", "model_info.h", "model_tensor.h")


@dataclass(frozen=True)
class _CLibrary:
    """See `ProjectKind`."""

    name: str = "c-library"
    tool: Tool | None = None
    built_by: str = "your own CMake build"
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        return _LAYOUT

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take every board with the runtime that is C and needs no library, and no sensor."""
        if runtime not in ("", _RUNTIME):
            why = (
                f"a C library has no interpreter: projects of the kind '{self.name}' support the compiled runtime only"
            )
            raise wrong_runtime(why, runtime, _RUNTIME)
        if application.sensor:
            raise InputError(
                f"projects of the kind '{self.name}' have no driver for the sensor that the application "
                f"'{application.name}' reads",
                f"give {option('project_kind', PROJECT)}, or omit the application and call the model yourself",
                option="application",
                value=application.name,
            )

    def files(self, parts: Parts) -> Files:
        emulated = emulator.emulation(parts.deployment)
        library = {**_firmware(parts), **placed("src", copies("library")), **_info(parts)}
        test = {**copies("library/test"), "golden_vectors.h": _render("golden_vectors.h", parts)}
        names = sorted(name for name in library if name.startswith("src/") and name.endswith((".c", ".S")))
        values = _values(parts, emulated) | {"sources": names, "headers": _headers(library)}
        cmake = {name: _render(name, parts, **values) for name in ("config.cmake.in", "package.pc.in")}
        stand_in: Files = {}
        if emulated is not None:
            qemu = qemu_arguments(emulated.machine, "file,path=/dev/stderr")  # where a fault is reported
            cmake[f"{values['cpu']}.cmake"] = _render("toolchain.cmake", parts, **values, qemu=qemu)
            stand_in = _emulator(emulated)
            # CMake links with the flags for the compiler anyway, and GCC takes a specs file once.
            values["link_flags"] = [f for f in emulated.link_flags if f not in emulated.compiler.flags]
            values["emulator_sources"] = [f"{_EMULATOR}/{name}" for name in stand_in if name.endswith(".c")]
        return {
            **library,
            **bill_files(parts, {name: data for name, data in library.items() if name.startswith("src/")}),
            **placed("test", test),
            **placed("cmake", cmake),
            **placed(_EMULATOR, stand_in),
            **placed(_LAYOUT.platform, copies("platform", "*.h")),
            "CMakeLists.txt": _render("CMakeLists.txt", parts, **values),
        }

    def user_files(self, parts: Parts) -> Files:
        return kept_files(self, parts) | placed("example", copies("library/example"))

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        emulated = emulator.emulation(parts.deployment)
        lines = []
        if emulated is not None:  # the test is C alone
            packages = install_command(sorted({*emulated.compiler.packages, emulated.machine.package}))
            wrapped = textwrap.wrap(packages, 70, break_on_hyphens=False, subsequent_indent="  ")
            lines = [f"{line} \\" for line in wrapped[:-1]] + wrapped[-1:]
        return _render("README.md", parts, **_values(parts, emulated), verdicts=verdicts, package_lines=lines)


def target_name(name: str) -> str:
    """Return what a model's library is called: a name that CMake, pkg-config and linkers take as it is.

    Args:
        name: the firmware's name.
    """
    plain = re.sub(r"^(?![a-z])", "m", re.sub(r"[^a-z0-9]+", "_", name.lower()))
    return plain if plain.endswith("_model") else f"{plain}_model"


def _firmware(parts: Parts) -> Files:
    """Return the firmware's files, the C++ around the model with the serial commands: the library is C alone."""
    cxx = {*copies("model"), "model_config.h"}
    moved = {f"{_LAYOUT.model}/{name}": f"{_LAYOUT.serial}/{name}" for name in cxx}
    files = firmware_files(parts, _LAYOUT)
    for name in files:
        if name.startswith(f"{_LAYOUT.model}/") and name.endswith(".cc"):
            moved[name] = f"{_LAYOUT.serial}/{name.removeprefix(f'{_LAYOUT.model}/')}"
    return {moved.get(name, name): data for name, data in files.items()}


def _info(parts: Parts) -> Files:
    return {f"src/{name}": _render(name, parts, types=_TYPES) for name in ("model_info.h", "model_info.c")}


def _headers(library: Files) -> dict[str, list[str]]:
    """Return the headers that programs include, by the folder below that of all headers in which they are installed."""
    installed = {"": [f"src/{name}" for name in _HEADERS]}
    variants = [name for name in library if name.endswith("/model.h") and name != "src/model.h"]
    return installed | {f"/{name.split('/')[1]}": [name] for name in variants}


def _emulator(emulated: emulator.Emulation) -> Files:
    """Return what stands in for a board around the test: C alone, without the serial commands."""
    names = ("emulator.h", "firmware.ld", *emulated.machine.sources, *(n for n in build.COMMON if n.endswith(".c")))
    platform = copies("platform/emulator")
    return {**{name: platform[name] for name in names}, **copies("library/emulator")}


def _values(parts: Parts, emulated: emulator.Emulation | None) -> dict[str, Any]:
    plan, board = parts.deployment.plan, parts.deployment.board
    return {
        "target": target_name(parts.deployment.name),
        "package_version": package_version(),
        "layout": _LAYOUT,
        "board": board,
        "cpu": board.cpu,
        "build_flags": plan.requirements.build_flags,
        "has_assembler": any(name.endswith(".S") for name in plan.sources()),
        "emulation": emulated,
    }


def _render(name: str, parts: Parts, **values: object) -> bytes:
    deployment = parts.deployment
    given = {"version": __version__, "d": deployment, "model": deployment.model, "golden": parts.golden, **values}
    return render(f"c-library/{name}.j2", **given)


KIND = _CLibrary()
