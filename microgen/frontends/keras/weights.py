"""Rejects HDF5 files whose weights lie in other files, which could be any file of the user. Runs in a worker.

HDF5 follows three kinds of reference by itself: external storage (the values of a dataset are bytes of another file),
external links (a name stands for an object in another file), and virtual datasets (parts of others, in any file).
HDF5 user's guide, "Datasets" and "Groups".
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from ...errors import InputError
from .file import is_hdf5

# A model has some objects a layer.
_OBJECTS = 1_000_000
# As much as a worker may write.
_UNPACKED_BYTES = 2 * 2**30
_WHOLE = "save the whole model again where its weights are: model.save('model.keras')"


def check_weights(path: Path) -> None:
    """Reject a Keras file or a SavedModel with weights by reference.

    Args:
        path: an .h5; a .keras, of which each member that is HDF5 is checked; the folder of a SavedModel likewise.

    Raises:
        InputError: a dataset or a link refers to other files; or the file is damaged, or unpacks to more than 2 GiB.
    """
    import h5py

    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and h5py.is_hdf5(p)):
            _check_file(file, f"{path.name}: {file.relative_to(path)}")
    elif is_hdf5(path):
        _check_file(path, path.name)
    else:
        _check_archive(path)


def _check_archive(path: Path) -> None:
    import h5py

    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(prefix="microgen-") as folder:
            members = [member for member in archive.infolist() if not member.is_dir()]
            size = sum(member.file_size for member in members)
            if size > _UNPACKED_BYTES:
                raise InputError(
                    f"{path.name}: unpacks to {size:,} bytes, more than the limit of {_UNPACKED_BYTES:,}",
                    "models for microcontrollers are much smaller",
                    path=path,
                )
            for member in members:
                copy = Path(folder, "member")
                with archive.open(member) as stream, copy.open("wb") as written:
                    shutil.copyfileobj(stream, written)
                if h5py.is_hdf5(copy):
                    _check_file(copy, f"{path.name}: {member.filename}")
    except InputError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds
        raise InputError(f"{path.name}: not a Keras model ({error})", _WHOLE, path=path) from None


def _check_file(path: Path, title: str) -> None:
    import h5py

    try:
        with h5py.File(path, "r") as stored:
            _check_objects(stored, title)
    except InputError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError and TypeError on damaged files
        raise InputError(f"{title}: a damaged HDF5 file ({error})", _WHOLE, path=path) from None


def _check_objects(stored: Any, title: str) -> None:  # noqa: ANN401 - h5py has no types
    import h5py

    waiting, seen = [stored], set()
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # a group may hold itself
            continue
        seen.add(address)
        if len(seen) > _OBJECTS:
            raise InputError(f"{title}: has more than {_OBJECTS:,} groups", _WHOLE)
        for name in group:
            link = group.get(name, getlink=True)
            where = f"{title}: '{group.name.rstrip('/')}/{name}'"
            if isinstance(link, h5py.SoftLink):  # a name of this file, which is checked where it is
                continue
            if not isinstance(link, h5py.HardLink):
                raise InputError(f"{where} is a link into another file", _WHOLE, path=title)
            found = group[name]
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
                kind = "a virtual dataset" if found.is_virtual else "external storage"
                raise InputError(f"{where} refers to other files ({kind})", _WHOLE, path=title)
