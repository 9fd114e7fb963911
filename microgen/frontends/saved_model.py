"""The frontend for TensorFlow SavedModel folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frontend import ConvertOptions, Frontend, Source
from .keras.frontend import EXTRA, PACKAGES, convert_path

if TYPE_CHECKING:
    from ..datasets import Request
    from .converted import Converted


class _SavedModel(Frontend):
    """See `Frontend`."""

    name = "saved_model"
    title = "the folder of a SavedModel (it has a saved_model.pb)"
    suffixes = ()
    trust = (
        "no protection: a SavedModel is a program, and TensorFlow may run parts of it when it loads it; microgen "
        "rejects only HDF5 files in it that refer to other files"
    )
    packages = PACKAGES
    extra = EXTRA

    def matches(self, source: Source) -> bool:
        return (source.path / "saved_model.pb").is_file()

    def kind(self, source: Source) -> str:
        return "saved-model"

    def needs_calibration(self, source: Source) -> bool:
        return True

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> Converted:
        return convert_path(source.path, calibration, options)


FRONTEND = _SavedModel()
