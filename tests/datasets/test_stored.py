"""Arrays in files: by their headers first, and in blocks; damaged and dishonest ones are refused and named."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from microgen.datasets import InputSpec, limits, load_arrays, request, resolve, stored
from microgen.errors import InputError

FLAT = InputSpec("x", (4,))
DATA = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32)


def npy(shape, order="False", descr="'<f4'", data=b"", version=1):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}".encode()
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + text + data


def archive(path, flags=0, method=zipfile.ZIP_DEFLATED, **members):
    with zipfile.ZipFile(path, "w", method) as written:
        for name, data in members.items():
            written.writestr(name.replace("_", "."), data)
    if flags:  # as an encrypted member is marked, in its header and in the directory
        data = bytearray(path.read_bytes())
        for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            data[data.index(mark) + offset] |= flags
        path.write_bytes(data)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "compressed"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("block", [1, 7 * 16, 2**23])
def test_samples_drawn_in_blocks_are_those_drawn_from_the_array(save, order, block, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "_BLOCK_BYTES", block)
    labels = np.arange(len(DATA)) % 7
    save(tmp_path / "d.npz", x=np.asarray(DATA, order=order), labels=labels)
    for seed in range(3):
        found = resolve(request(tmp_path / "d.npz"), [FLAT], seed=seed)
        same = resolve(request({"x": DATA, "labels": labels}), [FLAT], seed=seed)
        np.testing.assert_array_equal(found.arrays[0], same.arrays[0])
        np.testing.assert_array_equal(found.targets, same.targets)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "i1", ">u2", "?", "<i8"])
def test_arrays_of_every_dtype_are_read_as_numpy_reads_them(dtype, tmp_path):
    values = (DATA * 9).astype(dtype)
    np.save(tmp_path / "d.npy", values)
    np.testing.assert_array_equal(load_arrays(tmp_path / "d.npy", "")[""], values)


def zeros(path, samples):
    """An .npz of many zeros, small as a file: samples of 4 float32."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written, written.open("x.npy", "w") as member:
        member.write(npy((samples, 4)))
        for start in range(0, 16 * samples, 2**20):
            member.write(bytes(min(2**20, 16 * samples - start)))


def test_what_a_file_declares_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "STORED_BYTES", 2**20)
    zeros(tmp_path / "d.npz", 2**20 // 16 + 1)
    monkeypatch.setattr(stored.StoredArray, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"its arrays have 1,048,592 bytes unpacked, more than the limit of 1,048,576"):
        request(tmp_path / "d.npz")


def test_of_a_long_array_the_samples_are_held_and_no_more(tmp_path):
    zeros(tmp_path / "d.npz", 4 * 2**20)  # 64 MiB
    tracemalloc.start()
    with pytest.raises(InputError, match="every value of the calibration data is 0"):
        resolve(request(tmp_path / "d.npz"), [FLAT])
    # `representative` draws from the numbers of all samples: 8 bytes each, not 16 as the samples.
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20 * 8 + 3 * stored._BLOCK_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_cannot_be_held_is_refused(order, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "WHOLE_BYTES", DATA.nbytes - 1)
    np.savez(tmp_path / "d.npz", x=np.asarray(DATA, order=order))
    with pytest.raises(InputError, match=r"more than the limit of 31,999"):
        request(tmp_path / "d.npz").read_arrays(["x"])
    with pytest.raises(InputError, match=r"more than the limit of 31,999"):
        load_arrays(tmp_path / "d.npz", "")
    if order == "F":
        with pytest.raises(InputError, match=r"bytes to be held.*Fortran order"):
            resolve(request(tmp_path / "d.npz"), [FLAT])
    else:
        assert len(resolve(request(tmp_path / "d.npz"), [FLAT]).arrays[0]) == 500


def test_of_a_wide_input_fewer_samples_are_kept():
    assert limits.sample_limit([FLAT]) == 500
    assert limits.sample_limit([InputSpec("x", (2**20,))]) == limits.KEPT_BYTES // 2**22
    with pytest.raises(InputError, match="one sample of the inputs has"):
        resolve(request("random"), [InputSpec("x", (2**28,))])
    assert resolve(request("random"), [InputSpec("x", (2**24, 2))]).arrays[0].nbytes <= limits.KEPT_BYTES


BAD = {
    "more samples than there are": (npy((60, 4), data=bytes(16)), "ends before its last value"),
    "fewer bytes, Fortran": (npy((60, 4), order="True", data=bytes(16)), "ends before its last value"),
    "no values": (npy((60, 0)), r"has the shape \[60, 0\], which holds no values"),
    "no samples": (npy((0, 4)), "has no samples"),
    "one number": (npy(()), "has no samples"),
    "a negative size": (npy((-1, -4)), r"a shape of \[-1, -4\]"),
    "far too many": (npy((10**30, 4)), "bytes unpacked"),
    "more samples than are drawn from": (npy((10**7 + 1, 4), descr="'i1'"), r"has 10,000,001 samples"),
    "objects": (npy((1,), descr="'|O'"), "is object, not numbers"),
    "text": (npy((1, 4), descr="'<U3'"), "is <U3, not numbers"),
    "a structure": (npy((1, 4), descr="[('a', '<f4')]"), "not numbers"),
    "no dtype": (npy((1, 4), descr="'nothing'"), "not an .npz or .npy of plain numbers"),
    "a header of 4 GB": (npy((1, 4), version=2)[:8] + b"\xff\xff\xff\xff{", "not an .npz or .npy of plain numbers"),
    "a later version": (npy((1, 4), version=3), r"version 3\.0"),
    "nothing": (b"", "not an .npz or .npy of plain numbers"),
}


@pytest.mark.parametrize("place", ["d.npy", "d.npz"])
@pytest.mark.parametrize(("data", "says"), BAD.values(), ids=BAD)
def test_headers_that_do_not_fit_are_refused_and_the_file_named(data, says, place, tmp_path):
    path = tmp_path / place
    if place == "d.npz":
        archive(path, x_npy=data)
    else:
        path.write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        resolve(request(path), [FLAT])
    assert str(path) in caught.value.message


ARCHIVES = {
    "a member that is no array": ({"readme_txt": b"hello", "x_npy": npy((1, 4), data=bytes(16))}, "'readme.txt' in it"),
    "a member that is none inside": ({"x_npy": b"hello"}, "'x.npy' in it"),
    "an encrypted member": ({"flags": 1, "x_npy": npy((1, 4), data=bytes(16))}, "'x.npy' in it is encrypted"),
    "an unusual compression": ({"method": zipfile.ZIP_LZMA, "x_npy": npy((1, 4))}, "ends before its last value"),
}


@pytest.mark.parametrize(("members", "says"), ARCHIVES.values(), ids=ARCHIVES)
def test_archives_of_something_else_are_refused_and_the_member_named(members, says, tmp_path):
    archive(tmp_path / "d.npz", **members)
    with pytest.raises(InputError, match=says):
        resolve(request(tmp_path / "d.npz"), [FLAT])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_of_very_many_or_equal_members_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as written:
        for _ in range(2):
            written.writestr("x.npy", npy((1, 4), data=bytes(16)))
    with pytest.raises(InputError, match="two arrays have the same name"):
        request(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", **{f"x{k}": np.ones((1, 4)) for k in range(257)})
    with pytest.raises(InputError, match="holds 257 arrays, more than the limit of 256"):
        request(tmp_path / "d.npz")


def test_a_damaged_archive_is_named(tmp_path):
    np.savez_compressed(tmp_path / "d.npz", x=DATA)
    data = bytearray((tmp_path / "d.npz").read_bytes())
    data[2000:2100] = bytes(100)
    (tmp_path / "d.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"d\.npz: not an \.npz or \.npy of plain numbers"):
        resolve(request(tmp_path / "d.npz"), [FLAT])


@pytest.mark.parametrize("name", ["d.npy", "d.csv", "d.npz"])
def test_a_pipe_is_no_file(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="not a regular file"):
        request(tmp_path / name)


def test_a_pipe_in_a_folder_of_arrays_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(InputError, match=r"x\.npy: not a regular file"):
        load_arrays(tmp_path, "")


@pytest.mark.parametrize("name", ["x" * 5000 + ".npy", "a\0b.npz", "x" * 300])
def test_names_that_no_file_has_are_refused(name):
    with pytest.raises(InputError, match=r"cannot be opened|no such file"):
        request(name)


@pytest.mark.parametrize("largest", [1e300, 2.0**53 + 2, -1e19])
def test_classes_beyond_whole_numbers_are_values(largest):
    targets = np.array([0, 1, 2, largest])
    found = resolve(request({"x": np.eye(4), "labels": targets}), [FLAT])
    assert found.targets is None and found.has_values


def test_numbers_that_are_not_finite_are_found_wherever_they_are(tmp_path):
    values = DATA.copy()
    values[1234, 2] = np.nan
    buffer = io.BytesIO()
    np.save(buffer, values)
    (tmp_path / "d.npy").write_bytes(buffer.getvalue())
    for seed in range(3):
        with pytest.raises(InputError, match="NaN or infinite"):
            resolve(request(tmp_path / "d.npy"), [FLAT], seed=seed)
