"""A tf_keras model as the bytes of a .keras file: the same model gives the same bytes. Runs in a worker."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any


def keras_bytes(model: Any) -> bytes:  # noqa: ANN401 - Keras has no types
    """Return a Keras 3 or tf_keras model as a .keras file, without the date that Keras writes into it."""
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
                undated.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()
