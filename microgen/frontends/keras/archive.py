"""A tf_keras model as the bytes of a .keras file: the same model gives the same bytes. Runs in a worker."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from .file import QUANTIZE_WRAPPER


def keras_bytes(model: Any) -> bytes:  # noqa: ANN401 - Keras has no types
    """Return a Keras 3 or tf_keras model as a .keras file, without the date and addresses that Keras writes."""
    learned = any(type(layer).__name__ == QUANTIZE_WRAPPER for layer in model.layers)
    if learned:
        model = _rebuilt(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        written = io.BytesIO()
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as undated:
            for name in sorted(archive.namelist()):
                data = archive.read(name)
                if name == "metadata.json":
                    metadata = json.loads(data)
                    data = json.dumps({k: v for k, v in metadata.items() if k != "date_saved"}).encode()
                elif name == "config.json":
                    config = json.loads(data)
                    data = json.dumps(_numbered(_unbuilt(config) if learned else config, {})).encode()
                undated.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _rebuilt(model: Any) -> Any:  # noqa: ANN401
    """Return a quantization-aware tf_keras model as it comes out of a file.

    After its training the wrappers list a weight twice that they list once when they are loaded, and tf_keras would
    reject to load what it saved.
    """
    from tensorflow_model_optimization.quantization.keras import quantize_scope

    with quantize_scope():
        rebuilt = type(model).from_config(_unbuilt(model.get_config()))
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _unbuilt(config: Any) -> Any:  # noqa: ANN401
    """Return a configuration without the shapes that layers were built with: QuantizeLayer would be built twice."""
    if isinstance(config, dict):
        return {k: _unbuilt(v) for k, v in config.items() if k != "build_config"}
    if isinstance(config, (list, tuple)):
        return type(config)(_unbuilt(v) for v in config)
    return config


def _numbered(config: Any, numbers: dict[int, int]) -> Any:  # noqa: ANN401
    """Return a configuration in which the objects that several layers share are numbered from 1.

    Keras 3 tells them apart by their addresses in memory, which are others in each process.
    """
    if isinstance(config, dict):
        return {
            k: numbers.setdefault(v, len(numbers) + 1) if k == "shared_object_id" and v else _numbered(v, numbers)
            for k, v in config.items()
        }
    if isinstance(config, list):
        return [_numbered(v, numbers) for v in config]
    return config
