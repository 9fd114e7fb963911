"""The frontend for Keras files and model objects."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import EngineError, InputError, MicrogenError
from ..frontend import ConvertOptions, Frontend, Source
from .functions import FUNCTION_LAYERS, refused_function

if TYPE_CHECKING:
    from ...datasets import Request
    from ..converted import Converted

PACKAGES = ("tensorflow", "keras")
EXTRA = "train"
_KNOWN = ("keras.", "tf_keras.", "tensorflow.", "tensorflow_model_optimization.")


class _Keras(Frontend):
    """See `Frontend`."""

    name = "keras"
    title = "a Keras model"
    suffixes = (".keras", ".h5", ".hdf5")
    trust = (
        "read as JSON before Keras sees the file; microgen rejects Python code (Lambda layers), classes and "
        "functions that are not Keras's, layers that call TensorFlow functions outside a list of pure ones, and "
        "weights in other files; Keras then runs in a separate process"
    )
    packages = PACKAGES
    extra = EXTRA

    def matches(self, source: Source) -> bool:
        return source.path.suffix.lower() in self.suffixes and source.path.is_file()

    def kind(self, source: Source) -> str:
        return "keras" if source.path.suffix.lower() == ".keras" else "h5"

    def needs_calibration(self, source: Source) -> bool:
        import importlib.util

        from .file import is_hdf5, read_keras_file

        if is_hdf5(source.path) and importlib.util.find_spec("h5py") is None:
            return False  # nobody can tell; whoever loads it reports what is missing
        # After quantization-aware training the ranges are in the file.
        return not read_keras_file(source.path).is_quantization_aware

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> Converted:
        return convert_path(source.path, calibration, options)

    def matches_object(self, model: object) -> bool:
        return _framework(model) != ""

    def object_name(self, model: Any) -> str:  # noqa: ANN401 - Keras has no types
        return str(model.name)

    def save(self, model: Any, folder: Path, example: Any = None) -> Path:  # noqa: ANN401
        """Save a Keras 3 or tf_keras model.

        A model with code of the caller's own, which a worker could not import or will not run from a file, is exported
        as a SavedModel.
        """
        framework = _framework(model)
        own = any(_has_own_code(layer) for layer in model._flatten_layers())
        path = folder / ("model" if own else "model.keras" if framework == "keras" else "model.h5")
        try:
            if own:
                model.export(str(path), **({"verbose": False} if framework == "keras" else {}))
            else:
                model.save(path)
        except Exception as error:
            raise InputError(
                f"model '{model.name}' cannot be saved: {error}", "call it once on data first, which sets its shapes"
            ) from None
        return path


FRONTEND = _Keras()


def convert_path(path: Path, calibration: Request | None, options: ConvertOptions) -> Converted:
    """Convert a Keras file or a SavedModel in a worker; arguments and errors as for `Frontend.convert`."""
    from ...workers import converter
    from .converter import ConvertRequest, convert_file
    from .engine import CONVERTER

    request = ConvertRequest(
        path.absolute(),
        calibration,
        options.scheme,
        options.per_channel_dense,
        options.allow_float,
        options.seed,
    )
    options.on_step("converting the model")
    try:
        return converter.run(convert_file, request, packages=PACKAGES, extra=EXTRA, engine=CONVERTER)
    except EngineError as error:
        if not error.reason.startswith("crashed") or path.is_dir():
            raise
        raise _named_crash(path, error) from None


def _named_crash(path: Path, error: EngineError) -> InputError | EngineError:
    """Return the refusal of the layers on which the converter's process most likely ended; else the error as it is."""
    from ... import workers
    from .engine import CONVERTER
    from .loops import LoopsRequest, find_loops

    try:
        suspects = workers.run(CONVERTER, find_loops, LoopsRequest(path.absolute())).layers
    except MicrogenError:
        return error  # the file may be what ended it
    if not suspects:
        return error
    named = ", ".join(f"layer '{name}' ({kind})" for name, kind in suspects)
    return InputError(
        f"{path.name}: {named}: the converter ends without a message on such a loop",
        "use a standard LSTM without a mask, whose steps are all used, or a Conv1D over the time steps",
        layer=suspects[0][0],
    )


def _has_own_code(layer: Any) -> bool:  # noqa: ANN401
    """Return whether a layer is of a class, or has a function, such as its activation, that no file may name."""
    kind = type(layer).__name__
    if refused_function(kind, layer.get_config() if kind in FUNCTION_LAYERS else {}):
        return True
    functions = [value for value in vars(layer).values() if isinstance(value, types.FunctionType)]
    return kind == "Lambda" or any(not str(code.__module__).startswith(_KNOWN) for code in (type(layer), *functions))


def _framework(model: object) -> str:
    for name in ("keras", "tf_keras"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "Model") and isinstance(model, module.Model):
            return name
    return ""
