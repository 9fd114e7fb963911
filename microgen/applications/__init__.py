"""Applications, the fourth of the four doors: what a firmware does with its model.

An application is one file with one object (`application.Application`) and one entry below, its C++ in
firmware/applications/; nothing else in microgen names it.
"""

from collections.abc import Mapping
from pathlib import Path

from ..defaults import APPLICATION as DEFAULT_APPLICATION
from ..errors import InputError, option
from ..support.registry import Registry
from .application import Application

__all__ = ["APPLICATIONS", "DEFAULT_APPLICATION", "choose_application"]


def _serial() -> Application:
    from .serial import APPLICATION

    return APPLICATION


def _mlperf() -> Application:
    from .mlperf import APPLICATION

    return APPLICATION


def _microphone() -> Application:
    from .microphone import APPLICATION

    return APPLICATION


def _motion() -> Application:
    from .motion import APPLICATION

    return APPLICATION


def _camera() -> Application:
    from .camera import APPLICATION

    return APPLICATION


APPLICATIONS: Registry[Application] = Registry(
    "application",
    {"serial": _serial, "mlperf": _mlperf, "microphone": _microphone, "motion": _motion, "camera": _camera},
)


def choose_application(
    name: str | None = None,
    options: Mapping[str, str] | None = None,
    mlperf: str | None = None,
    *,
    model: Path | None = None,
    usual: Mapping[str, Mapping[str, str]] | None = None,
) -> Application:
    """Return an application that is set as it should be.

    Args:
        name: its name; None: the serial commands.
        options: see `application.Application.with_options`.
        mlperf: short for the application "mlperf" with this task.
        model: the model's file, beside which more options may lie.
        usual: options by the name of the application that hold where none are given.

    Raises:
        InputError: there is no such application, option or value, what lies beside the model cannot be read, or both
            `name` and `mlperf` are given.
    """
    if mlperf is None:
        chosen = APPLICATIONS.get(name or DEFAULT_APPLICATION)
        beside = chosen.settings_beside(model) if model is not None else {}
        return chosen.with_options({**(usual or {}).get(chosen.name, {}), **beside, **(options or {})})
    if name is not None or options is not None:
        raise InputError(
            f"the application '{name}' and {option('mlperf', mlperf)} exclude each other",
            "give one of them",
            option="mlperf",
        )
    return APPLICATIONS.get("mlperf").with_options({"task": mlperf})
