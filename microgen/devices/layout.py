"""Where the parts of a generated project lie: what compiles, runs or reads one asks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..errors import InputError


@dataclass(frozen=True)
class Layout:
    """Folders and files by their path inside a project; "" for a part that the project does not have.

    Attributes:
        main: the user's program; what else lies in its folder is compiled with it.
        model: the model, its configuration, and what runs it.
        serial: the serial commands.
        golden: the golden vectors.
        application: what the application brings.
        platform: platform.h and its functions on the board. A build for another machine leaves them out and brings
            its own.
    """

    main: str
    model: str
    serial: str
    golden: str
    application: str = ""
    platform: str = ""

    @classmethod
    def below(cls, folder: str, main: str) -> Layout:
        """Return a layout with a folder for each part.

        Args:
            folder: in which all parts lie.
            main: the user's program.
        """
        parts = ("model", "serial", "golden", "application", "platform")
        return cls(main, **{part: f"{folder}/{part}" for part in parts})

    @property
    def libraries(self) -> tuple[str, ...]:
        """The folders that are compiled for whatever machine, each once."""
        folders = (self.model, self.golden, self.serial, self.application)
        return tuple(dict.fromkeys(f for f in folders if f))

    @property
    def golden_data(self) -> str:
        """The file with the bytes of the golden vectors."""
        return f"{self.golden}/golden_data.cc"

    def to_json(self) -> dict[str, str]:
        """Return the layout as plain data."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, recorded: Any) -> Layout:  # noqa: ANN401 - JSON
        """Return the layout that a manifest records.

        Raises:
            InputError: it is damaged.
        """
        is_whole = isinstance(recorded, Mapping) and set(recorded) == set(cls.__dataclass_fields__)
        if is_whole and all(isinstance(path, str) and _is_inside(path) for path in recorded.values()):
            return cls(**recorded)
        raise InputError("the manifest's layout is damaged", "build the project again")


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


# Of the projects whose manifest records none.
FIRST_LAYOUT = Layout("src/main.cpp", "lib/model", "lib/dut", "lib/golden")
