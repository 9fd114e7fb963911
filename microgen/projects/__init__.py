"""Projects, the third of the four doors: a generated folder, its manifest, and the kinds of it.

A kind of project is one package with one object (`kind.ProjectKind`) and one entry below; nothing else in microgen
names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..defaults import PROJECT as DEFAULT_PROJECT
from ..support.registry import Registry
from .claim import Claim
from .folder import (
    MANIFEST,
    Project,
    check_current,
    check_target,
    digest,
    manifest_bytes,
    open_project,
    write,
    write_all,
)

if TYPE_CHECKING:
    from .kind import ProjectKind

__all__ = [
    "DEFAULT_PROJECT",
    "MANIFEST",
    "PROJECTS",
    "Claim",
    "Project",
    "check_current",
    "check_target",
    "digest",
    "manifest_bytes",
    "open_project",
    "write",
    "write_all",
]


def _platformio() -> ProjectKind:
    from .platformio.kind import KIND

    return KIND


def _c_library() -> ProjectKind:
    from .c_library.kind import KIND

    return KIND


def _pico_sdk() -> ProjectKind:
    from .pico_sdk.kind import KIND

    return KIND


def _arduino_library() -> ProjectKind:
    from .arduino_library.kind import KIND

    return KIND


def _esp_idf() -> ProjectKind:
    from .esp_idf.kind import KIND

    return KIND


def _esphome() -> ProjectKind:
    from .esphome.kind import KIND

    return KIND


def _zephyr() -> ProjectKind:
    from .zephyr.kind import KIND

    return KIND


PROJECTS: Registry[ProjectKind] = Registry(
    "kind of project",
    {
        "platformio": _platformio,
        "c-library": _c_library,
        "pico-sdk": _pico_sdk,
        "arduino-library": _arduino_library,
        "esp-idf": _esp_idf,
        "esphome": _esphome,
        "zephyr": _zephyr,
    },
)
