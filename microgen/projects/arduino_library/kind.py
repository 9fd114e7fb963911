"""The kind "arduino-library": a library for the Arduino IDE, as a folder and as the .zip that the IDE takes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._version import __version__
from ...applications.application import Application
from ...applications.serial import serial_program
from ...boards import Board, Component
from ...devices import Layout
from ...support.render import render
from ...verification import Verdict
from ..bill import UNKNOWN, bill_files
from ..firmware import compile_flags, firmware_files, package_version, readme
from ..kind import Files, Parts, Tool
from ..platform import Platform
from ..refusals import wrong_runtime

_TFLM, _COMPILED = "tflm", "compiled"
_SOURCES = "src"
_EXAMPLES = "examples"
_SERIAL = "Serial"
_PLATFORM = Platform("arduino")
# A library of PlatformIO's registry, which has what Arduino's Library Manager has: OWNER/NAME@VERSION.
_REGISTERED = re.compile(r"[^/=]+/(?P<name>[^@]+)@.+")
# The headers before all that look at a macro, and what flags of a board may be macros.
_CONFIGURED = tuple(
    f"{_SOURCES}/{name}" for name in ("model_config.h", "model_data.h", "platform.h", "platform_sensor.h")
)
_MACRO = re.compile(r"-D(?P<name>(?:MODEL|MICROPHONE|MOTION|CAMERA)_\w+)=(?P<value>.+)")
_TYPES = ("ElementType", "Status", "TensorInfo")
_FUNCTIONS = ("Dequantize", "ElementBytes", "Init", "Invoke", "Output", "Quantize", "Reset", "SetInput", "StatusName")
_CONSTANTS = ("kInputCount", "kInputs", "kLabelCount", "kLabels", "kOutputCount", "kOutputs")
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the oldest that a .zip can have
_FILE_MODE = 0o100644 << 16


@dataclass(frozen=True)
class _ArduinoLibrary:
    """See `ProjectKind`."""

    name: str = "arduino-library"
    tool: Tool | None = None
    built_by: str = "the Arduino IDE"
    takes_several: bool = False

    def layout(self, application: Application) -> Layout:
        """Return src/ for all, where alone the IDE looks for headers; the sketch is an example."""
        return Layout(
            main=f"{_EXAMPLES}/{sketch_name(application)}/main.cpp",
            model=_SOURCES,
            serial=_SOURCES,
            golden=_SOURCES,
            application=_SOURCES,
            platform=f"{_SOURCES}/platform",
        )

    def check(self, board: Board, runtime: str, application: Application) -> None:
        """Take every board, with TFLM where it comes with the core or as a library of Arduino's own format."""
        wanted = board.snapshot.lib_deps if board.snapshot is not None and runtime == _TFLM else ()
        if strange := [text for text in wanted if not _REGISTERED.fullmatch(text)]:
            library = strange[0].partition("=")[0]
            why = f"the TensorFlow Lite Micro of {board.title}, {library}, is not an Arduino library"
            raise wrong_runtime(why, runtime, _COMPILED)
        _PLATFORM.check(self.name, board, application)

    def files(self, parts: Parts) -> Files:
        values, application = _values(parts), parts.deployment.application
        layout, sketch = self.layout(application), sketch_name(application)
        platform = _PLATFORM.files(parts.deployment)
        name, words = values["library"], {"types": _TYPES, "functions": _FUNCTIONS, "constants": _CONSTANTS}
        library = {
            **firmware_files(parts, layout),
            **{f"{_SOURCES if n.endswith('.h') else layout.platform}/{n}": data for n, data in platform.items()},
            f"{_SOURCES}/{name}.h": _render("library.h", values),
            f"{_EXAMPLES}/{sketch}/{sketch}.ino": _render("sketch.ino", values),
            **(_serial_example(values) if application.sensor else {}),
            "library.properties": _render("library.properties", values),
            "keywords.txt": _render("keywords.txt", values | words),
        }
        library |= {path: _configured(library[path], parts) for path in _CONFIGURED}
        around = Component(
            name="Arduino core of the board", license=UNKNOWN, copyright=UNKNOWN, url=parts.deployment.board.url
        )
        library |= bill_files(parts, {n: data for n, data in library.items() if n.startswith(_SOURCES)}, [around])
        model = [file for file in library if "/" not in file and file.startswith("model.")]
        packed = {file: data for file, data in library.items() if file not in model} | self.user_files(parts)
        return {**library, f"{name}.zip": archive(name, packed)}

    def user_files(self, parts: Parts) -> Files:
        application = parts.deployment.application
        return {self.layout(application).main: application.program()}

    def readme(self, parts: Parts, verdicts: Sequence[Verdict]) -> bytes:
        library, needed = library_name(parts.deployment.name), _depends(parts)
        sketch = sketch_name(parts.deployment.application)
        return readme(self, parts, verdicts, library=library, depends=needed, sketch=sketch, serial=_SERIAL)


def sketch_name(application: Application) -> str:
    """Return what the example is called that is an application's program: a name that a sketch may have."""
    return re.sub(r"[^A-Za-z0-9]+", "_", application.name).strip("_").capitalize() or _SERIAL


def library_name(name: str) -> str:
    """Return what a model's library is called: a name that the IDE, a folder and a header may have.

    Args:
        name: the firmware's name.
    """
    plain = re.sub(r"^(?![A-Za-z])", "m", re.sub(r"[^A-Za-z0-9]+", "_", name))
    return f"{plain}_model"[-63:] if not plain.endswith("_model") else plain


def depends(lib_deps: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that Arduino's Library Manager has for libraries.

    Args:
        lib_deps: the libraries as PlatformIO names them.
    """
    return tuple(match["name"] for match in map(_REGISTERED.fullmatch, lib_deps) if match)


def archive(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Return files as a .zip, below one folder; the same files give the same bytes everywhere.

    Nothing is compressed: what that gives depends on the version of zlib.

    Args:
        folder: its name.
        files: their content by their path inside it.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}", _FIRST_DATE)
            entry.create_system, entry.external_attr = 3, _FILE_MODE  # Unix, also where this runs on Windows
            packed.writestr(entry, data)
    return out.getvalue()


def _serial_example(values: Mapping[str, Any]) -> Files:
    """Return the sketch that answers the serial commands and reads no sensor."""
    folder = f"{_EXAMPLES}/{_SERIAL}"
    ino = _render("sketch.ino", {**values, "sensor": None})
    return {f"{folder}/main.cpp": serial_program(), f"{folder}/{_SERIAL}.ino": ino}


def _configured(header: bytes, parts: Parts) -> bytes:
    """Return a header with the macros that other kinds give to the compiler: the IDE takes no flags of a library."""
    board = parts.deployment.board
    flags = (*board.platformio.build_flags, *compile_flags(parts.deployment))
    macros = {match["name"]: match["value"] for match in map(_MACRO.fullmatch, flags) if match}
    macros["MICROGEN_BAUD"] = str(board.platformio.monitor_speed)
    lines = "".join(f"#ifndef {name}\n#define {name} {value}\n#endif\n" for name, value in macros.items())
    once = b"#pragma once\n"
    return header.replace(once, once + f"\n#ifndef MICROGEN_HOST\n{lines}#endif\n".encode(), 1)


def _values(parts: Parts) -> dict[str, Any]:
    deployment = parts.deployment
    return {
        "version": __version__,
        "package_version": package_version(),
        "d": deployment,
        "model": deployment.model,
        "board": deployment.board,
        "library": library_name(deployment.name),
        "sensor": deployment.sensor,
        "depends": _depends(parts),
    }


def _depends(parts: Parts) -> tuple[str, ...]:
    sensor = parts.deployment.sensor
    return depends(parts.deployment.plan.requirements.lib_deps + (sensor.lib_deps if sensor else ()))


def _render(name: str, values: Mapping[str, Any]) -> bytes:
    return render(f"arduino-library/{name}.j2", **values)


KIND = _ArduinoLibrary()
