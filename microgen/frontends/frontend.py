"""The interface of a frontend, which converts models of one format.

A member is a file or package of this folder (or of anyone's own) with an object that follows `Frontend`; the registry
in `microgen.frontends` knows it by name. The order of calls: `matches` takes a file or folder (`matches_object` and
`save` turn a Python object into one), `needs_calibration` asks for data before anything is converted, `convert`
converts. Whatever may crash or hang runs in a worker (`microgen.workers.converter`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .. import defaults
from ..errors import InputError

FLOAT32 = "float32"  # the scheme that quantizes nothing
UNROLL = "unroll"  # recurrent layers with all their steps
RECURRENT = (defaults.RECURRENT, UNROLL)

if TYPE_CHECKING:
    from ..datasets import Request
    from ..tflite import TfliteModel
    from .converted import AlreadyQuantized, Converted


@dataclass(frozen=True, eq=False)
class Source:
    """A model on disk.

    Attributes:
        path: the file or folder; a frontend may take more, such as the name of a part behind the file's.
        advice: the hint if the file is not a model.
    """

    path: Path
    advice: str

    @cached_property
    def tflite(self) -> TfliteModel:
        """The file read as a .tflite, once.

        Raises:
            InputError: it is missing, unreadable or not a valid .tflite.
        """
        from ..tflite import NotTflite, load

        try:
            return load(self.path)
        except NotTflite as error:
            raise InputError(error.message, self.advice) from None


@dataclass(frozen=True)
class ConvertOptions:
    """Options of a conversion.

    Attributes:
        scheme: "int8", "int16x8" for int16 activations with int8 weights, or `FLOAT32`.
        per_channel_dense: whether FULLY_CONNECTED gets one weight scale per channel.
        allow_float: let operators stay in float32 that have no integer kernel.
        seed: seed of all random generators.
        on_step: called with the next step, for a progress display.
        recurrent: "step" for a model that runs one step of a sequence per inference, or `UNROLL`, if a model has
            recurrent layers that are no single operator.
    """

    scheme: str
    per_channel_dense: bool = False
    allow_float: bool = False
    seed: int = 0
    on_step: Callable[[str], None] = lambda step: None
    recurrent: str = defaults.RECURRENT


class Frontend(Protocol):
    """Converts models of one format; a member inherits the methods for inputs that it does not accept."""

    @property
    def name(self) -> str:
        """The name in manifests: "keras"."""

    @property
    def title(self) -> str:
        """A title for people: "a Keras model"."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of its files, in small letters; none if it takes folders."""

    @property
    def trust(self) -> str:
        """The protection from untrusted files, in one sentence; SECURITY.md repeats it."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The Python packages that it converts with, besides those that microgen always has."""

    @property
    def extra(self) -> str:
        """The extra of microgen that brings them; "" if it needs none."""

    def matches(self, source: Source) -> bool:
        """Return whether it accepts a file or folder. This runs nothing; a missing file matches nothing."""

    def kind(self, source: Source) -> str:
        """Return what the manifest records as the model's origin: the format, "h5" for example."""

    def needs_calibration(self, source: Source) -> bool:
        """Return whether the model cannot be quantized without calibration data.

        Raises:
            InputError: it is damaged or rejected.
        """

    def convert(
        self, source: Source, calibration: Request | None, options: ConvertOptions
    ) -> Converted | AlreadyQuantized:
        """Convert a model to full integer, or to float32 where that is the scheme.

        Args:
            source: what it matched.
            calibration: the data that ranges are measured on; None if it is not needed, as for `FLOAT32`.
            options: how.

        Raises:
            InputError: the model or the data cannot be used.
            EngineError: the converter rejected the model or crashed.
            SetupError: a package is missing.
        """

    def read(self, source: Source) -> TfliteModel | None:
        """Return the .tflite that a source holds as it is; None if it must be converted first.

        Raises:
            InputError: it is damaged.
        """
        return None

    def matches_object(self, model: object) -> bool:
        """Return whether it takes a Python object, without importing the framework that the object would be of."""
        return False

    def object_name(self, model: Any) -> str:  # noqa: ANN401 - frameworks have no types
        """Return the name of an object that it takes."""
        raise TypeError(f"{self.name} takes no objects")

    def save(self, model: Any, folder: Path, example: Any = None) -> Path:  # noqa: ANN401
        """Save an object that it takes into a folder, as a file or folder that some frontend matches.

        Args:
            model: the object.
            folder: where to.
            example: an input of it, or a tuple of several, where it does not say itself what it takes.

        Raises:
            InputError: it cannot be saved.
        """
        raise TypeError(f"{self.name} takes no objects")
