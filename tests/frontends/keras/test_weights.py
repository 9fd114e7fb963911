"""HDF5 files whose weights lie in other files: refused before anything reads them, in every file that holds HDF5."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from microgen.errors import InputError
from microgen.frontends.keras.loading import load, load_keras
from microgen.frontends.keras.weights import check_weights
from tests.frontends.keras.test_untrusted import archive, dense, network

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def plain(stored, folder):
    stored["a/kernel"] = np.ones((2, 3))
    stored["a/alias"] = h5py.SoftLink("/a/kernel")
    stored["a/hanging"] = h5py.SoftLink("/nowhere")
    stored["b"] = stored["a"]  # the same group by two names
    stored["a/itself"] = stored["a"]
    stored["type"] = np.dtype("<f4")


def external_storage(stored, folder):
    (folder / "other").write_bytes(np.arange(6.0).tobytes())
    stored.create_dataset("a/kernel", (2, 3), "<f8", external=[(str(folder / "other"), 0, 48)])


def external_link(stored, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((2, 3))
    stored["a/kernel"] = h5py.ExternalLink(str(folder / "other.h5"), "/kernel")


def missing_link(stored, folder):
    stored["a/kernel"] = h5py.ExternalLink("nowhere.h5", "/kernel")


def virtual(stored, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((2, 3))
    layout = h5py.VirtualLayout((2, 3), "<f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "kernel", (2, 3))
    stored.create_virtual_dataset("a/kernel", layout)


REFUSED = {
    "external storage": (external_storage, r"'/a/kernel' refers to other files \(external storage\)"),
    "an external link": (external_link, r"'/a/kernel' is a link into another file"),
    "an external link to nothing": (missing_link, r"'/a/kernel' is a link into another file"),
    "a virtual dataset": (virtual, r"'/a/kernel' refers to other files \(a virtual dataset\)"),
}


def model_h5(folder, write):
    with h5py.File(folder / "m.h5", "w") as stored:
        stored.attrs["model_config"] = json.dumps(network(dense()))
        write(stored, folder)
    return folder / "m.h5"


def model_keras(folder, write):
    weights = model_h5(folder, write).read_bytes()
    return archive(folder / "m.keras", network(dense()), **{"model.weights.h5": weights})


def model_asset(folder, write):
    weights = model_h5(folder, write).read_bytes()
    return archive(folder / "m.keras", network(dense()), **{"assets/anything": b"\0" * 512 + weights})


def saved_model(folder, write):
    weights = model_h5(folder, write).read_bytes()
    (folder / "saved/assets").mkdir(parents=True)
    (folder / "saved/saved_model.pb").write_bytes(b"")
    (folder / "saved/assets/words").write_bytes(weights)
    return folder / "saved"


@pytest.mark.parametrize("make", [model_h5, model_keras, saved_model])
def test_weights_in_their_own_file_are_let_through(make, tmp_path):
    check_weights(make(tmp_path, plain))


@pytest.mark.parametrize("make", [model_h5, model_keras, model_asset, saved_model])
@pytest.mark.parametrize(("write", "says"), REFUSED.values(), ids=REFUSED)
def test_weights_in_other_files_are_refused(write, says, make, tmp_path):
    with pytest.raises(InputError, match=says):
        check_weights(make(tmp_path, write))


@pytest.mark.parametrize("make", [model_h5, model_keras])
def test_they_are_refused_before_keras_loads_the_file(make, tmp_path):
    with pytest.raises(InputError, match="external storage"):
        load_keras(make(tmp_path, external_storage))


@pytest.mark.slow
def test_and_before_tensorflow_loads_a_saved_model(tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    with pytest.raises(InputError, match="external storage"):
        load(saved_model(tmp_path, external_storage))


def test_hdf5_that_is_damaged_is_refused_and_named(tmp_path):
    data = model_h5(tmp_path, plain).read_bytes()
    for at in range(8, len(data), 97):
        (tmp_path / "d.h5").write_bytes(data[:at])
        with pytest.raises(InputError, match=r"d\.h5: a damaged HDF5 file"):
            check_weights(tmp_path / "d.h5")


def test_an_archive_that_unpacks_to_far_more_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("microgen.frontends.keras.weights._UNPACKED_BYTES", 1000)
    path = archive(tmp_path / "m.keras", network(dense()), **{"model.weights.h5": bytes(1000)})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"m\.keras: unpacks to [\d,]+ bytes, more than the limit of 1,000"):
        check_weights(path)
