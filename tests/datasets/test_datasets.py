"""Calibration data of every kind, good and bad; no TensorFlow."""

from __future__ import annotations

import itertools
import struct
import sys
import wave

import numpy as np
import pytest

from microgen.datasets import MAX_SAMPLES, InputSpec, limits, request, resolve, shape_hint, table
from microgen.errors import InputError, SetupError

FLAT = InputSpec("x", (4,))
IMAGE = InputSpec("image", (6, 8, 3))


def read(source, *inputs, **options):
    return resolve(request(source, **options), inputs)


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def test_npy_npz_csv_arrays_and_iterables_give_the_same(data, tmp_path):
    np.save(tmp_path / "d.npy", data)
    np.savez(tmp_path / "d.npz", x=data)
    np.savetxt(tmp_path / "d.csv", data, delimiter=",", fmt="%.9g")
    sources = [
        tmp_path / "d.npy", tmp_path / "d.npz", tmp_path / "d.csv", data, {"x": data}, list(data), iter(data),
        ({"x": row} for row in data), ((row,) for row in data), data[:, None],
    ]  # fmt: skip
    for source in sources:
        found = read(source, FLAT)
        assert len(found.arrays) == 1 and found.arrays[0].dtype == np.float32
        np.testing.assert_array_equal(found.arrays[0], data)
        assert found.targets is None and not found.is_made_up


def test_labels_come_from_npz_and_csv(data, tmp_path):
    np.savez(tmp_path / "d.npz", x=data, labels=np.arange(20) % 3)
    assert read(tmp_path / "d.npz", FLAT).targets.tolist() == [k % 3 for k in range(20)]
    lines = ["a,b,label,c,d", *(f"{r[0]},{r[1]},{'no' if k % 2 else 'yes'},{r[2]},{r[3]}" for k, r in enumerate(data))]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    found = read(tmp_path / "d.csv", FLAT)
    assert found.classes == ("no", "yes") and found.targets.tolist() == [1, 0] * 10
    np.testing.assert_allclose(found.arrays[0], data, rtol=1e-6)


def test_two_inputs_are_found_by_name_else_by_order():
    a, b = np.random.default_rng(0).normal(size=(2, 9, 3))
    inputs = InputSpec("left", (3,)), InputSpec("right", (3,))
    for source in ({"right": b, "left": a}, {"first": a, "second": b}):
        found = read(source, *inputs)
        np.testing.assert_array_equal(found.arrays[0], a.astype(np.float32))
        np.testing.assert_array_equal(found.arrays[1], b.astype(np.float32))


def test_an_endless_iterable_is_cut_and_a_long_array_sampled():
    rng = np.random.default_rng(0)
    assert len(read((rng.normal(size=4) for _ in itertools.count()), FLAT).arrays[0]) == MAX_SAMPLES
    long = np.arange(8000.0).reshape(2000, 4)
    first, again = (read(long, FLAT).arrays[0] for _ in range(2))
    assert len(first) == MAX_SAMPLES and (first == again).all() and first[-1, 0] > 7000


def test_random_is_made_up_and_says_so():
    found = read("random", IMAGE, InputSpec("ids", (5,), "int32"))
    assert found.is_made_up and found.arrays[0].shape == (100, 6, 8, 3) and found.arrays[1].dtype == np.int32
    assert (read("random", FLAT).arrays[0] == read("random", FLAT).arrays[0]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_resized_and_scaled_as_told(tmp_path, channels):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name, value in (("dark", 0), ("light", 255)):
        (tmp_path / name).mkdir()
        for k in range(3):
            image.new("RGB", (20 + k, 30), (value, value, value)).save(tmp_path / name / f"{k}.png")
    found = resolve(request(tmp_path, (-1.0, 1.0)), [InputSpec("x", (6, 8, channels))])
    assert found.classes == ("dark", "light") and found.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.arrays[0].shape == (6, 6, 8, channels)
    assert (found.arrays[0][:3] == -1).all() and (found.arrays[0][3:] == 1).all()


def test_a_broken_image_is_named(tmp_path):
    pytest.importorskip("PIL", reason="Pillow is not installed")
    (tmp_path / "x.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"x\.png: cannot be read as an image"):
        read(tmp_path, IMAGE)


def _wav(path, samples, rate=16000, width=2):
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(width)
        stream.setframerate(rate)
        scale = 2 ** (8 * width - 1) - 1
        values = np.round(samples * scale).astype("<i4") + (128 if width == 1 else 0)
        stream.writeframes(values.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_files_become_samples(tmp_path, width):
    tone = 0.5 * np.sin(np.arange(900) / 9)
    _wav(tmp_path / "a.wav", tone, width=width)
    values = read(tmp_path, InputSpec("x", (1000, 1))).arrays[0]
    assert values.shape == (1, 1000, 1) and (values[0, 900:] == 0).all()
    np.testing.assert_allclose(values[0, :900, 0], tone, atol=1.2 / 2 ** (8 * min(width, 3) - 1))


@pytest.mark.parametrize(
    ("wanted", "shape", "says"),
    [
        ((8, 6, 3), (3, 8, 6), "data.transpose(0, 2, 3, 1)"), ((64, 6), (6, 64), "data.transpose(0, 2, 1)"),
        ((8, 6, 3), (6, 8, 3), "data.reshape(-1, 8, 6, 3)"), ((4, 4), (16,), "data.reshape(-1, 4, 4)"),
        ((8, 6, 3), (3, 8, 7), "counts the samples"), ((None, 3), (3, 5), "counts the samples"),
    ],
)  # fmt: skip
def test_channels_that_come_first_want_a_transpose(wanted, shape, says):
    assert says in shape_hint(wanted, shape)


def test_wav_files_become_log_mel_frames(tmp_path):
    rng = np.random.default_rng(0)
    for word in ("no", "yes"):
        (tmp_path / word).mkdir()
        _wav(tmp_path / word / "1.wav", rng.uniform(-0.5, 0.5, 16000))
    found = read(tmp_path, InputSpec("x", (49, 40, 1)))
    assert found.arrays[0].shape == (2, 49, 40, 1) and found.classes == ("no", "yes")


BAD = {
    "NaN": (np.full((5, 4), np.nan), "NaN or infinite"),
    "infinite": (np.array([[1, 2, 3, np.inf]]), "NaN or infinite"),
    "wrong shape": (np.ones((5, 3)), r"takes samples of shape \[4\], the calibration data has \[3\]"),
    "wrong dtype": (np.array([["a", "b", "c", "d"]]), "not numbers"),
    "complex": (np.ones((5, 4), complex), "not numbers"),
    "empty": (np.ones((0, 4)), "has no samples"),
    "no iterable": (7, "type int"),
    "empty iterable": (iter(()), "has no samples"),
    "ragged": ([np.ones(4), np.ones(3)], "do not have one shape"),
    "constant": (np.full((5, 4), 3.0), "every value of the calibration data is 3"),
    "too large": (np.array([[1e300, 1, 2, 3]]), "outside the range"),
    "too many arrays": ({"x": np.ones((5, 4)), "z": np.ones((5, 4))}, r"1 input \(x\), the data 2 arrays \(x, z\)"),
    "labels too few": ({"x": np.eye(4), "labels": np.zeros(3)}, "3 labels for 4 samples"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "says"), BAD.values(), ids=BAD)
def test_bad_data_is_refused(source, says):
    with pytest.raises(InputError, match=says):
        read(source, FLAT)


def test_fractions_for_an_integer_input_are_refused():
    with pytest.raises(InputError, match="takes int32, the calibration data is float64 with fractions"):
        read(np.random.default_rng(0).normal(size=(5, 4)), InputSpec("x", (4,), "int32"))


FILES = {
    "missing.npy": (None, "no such file"),
    "missing.csv": (None, "no such file"),
    "text.npy": (b"hello", "not an .npz or .npy"),
    "labels.txt": (b"one\ntwo", "neither an .npz nor an .npy"),
    "text.csv": (b"1,2,3,x\n1,2,3,4\n1,2,y,4", "not numbers"),
    "ragged.csv": (b"1,2,3,4\n1,2,3", "line 2 has 3 values"),
    "head.csv": (b"a,b,c,d\n", "has no samples"),
    "narrow.csv": (b"1,2\n3,4\n", "has 2 values per line"),
    "bytes.csv": (b"\xff\xfe\x00", "cannot be read as CSV"),
}


@pytest.mark.parametrize(("name", "content", "says"), [(n, *x) for n, x in FILES.items()], ids=FILES)
def test_bad_files_are_refused(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read(tmp_path / name, FLAT)


HEADINGS = {
    "names": ("a,b,c,d\n1,2,3,4\n5,6,7,9\n", 2),
    "numbers with a label": ("0,1,2,3,label\n1,2,3,4,0\n5,6,7,9,1\n", 2),
    "none": ("1,2,3,4\n5,6,7,9\n", 2),
    "a UTF-8 mark": ("\ufeff1,2,3,4\n5,6,7,9\n", 2),
    "blank lines": ("\n1,2,3,4\n , , ,\n5,6,7,9\n\n", 2),
    "a typing error": ("1,2,x,4\n5,6,7,9\n", "line 1 has 'x'"),
    "a typing error in a number": ("1,2,3.o,4\n5,6,7,9\n", "line 1 has '3.o'"),
    "typing errors only": ("1o,2o,3o,4o\n5,6,7,9\n", "line 1 has '1o'"),
    "a decimal comma": ("1;2,5;3;4,5\n", "line 1 has '1;2'"),
    "an empty cell": ("1,,3,4\n5,6,7,9\n", "line 1 has ''"),
    "an index": (",a,b,c,d\n0,1,2,3,4\n", "has 5 values per line"),
    "a number as Python has it": ("1,2,3,4\n5,6,7,1_0\n", "line 2 has '1_0'"),
    "digits of another script": ("1,2,3,4\n5,6,7,\u0663\n", "line 2 has"),
    "not finite": ("1,2,3,4\n5,6,7,1e999\n", "line 2 has values that are NaN or infinite"),
    "a class that is not finite": ("a,b,c,d,label\n1,2,3,4,inf\n4,3,2,1,0\n", "the column 'label' has values"),
}


@pytest.mark.parametrize(("text", "says"), HEADINGS.values(), ids=HEADINGS)
def test_the_first_line_of_a_csv_is_a_heading_a_sample_or_refused(text, says, tmp_path):
    (tmp_path / "d.csv").write_text(text, "utf-8")
    if isinstance(says, int):
        assert read(tmp_path / "d.csv", FLAT).arrays[0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 9]]
    else:
        with pytest.raises(InputError, match=says):
            read(tmp_path / "d.csv", FLAT)


def test_of_a_long_csv_lines_are_drawn_as_of_an_array_and_all_are_checked(data, tmp_path):
    long = np.arange(8000.0).reshape(2000, 4)
    rows = [",".join(map(str, row)) + f",{'cba'[k % 3]}" for k, row in enumerate(long)]
    (tmp_path / "d.csv").write_text("\n".join(["p,q,r,s,label", *rows]))
    for seed in range(3):
        found = resolve(request(tmp_path / "d.csv"), [FLAT], seed=seed)
        same = resolve(request({"x": long, "labels": (2 - np.arange(2000) % 3)}), [FLAT], seed=seed)
        np.testing.assert_array_equal(found.arrays[0], same.arrays[0])
        np.testing.assert_array_equal(found.targets, same.targets)
        assert found.classes == ("a", "b", "c")
    (tmp_path / "d.csv").write_text("\n".join([*(row[:-2] for row in rows[:-1]), "1,2,3,oops"]))
    with pytest.raises(InputError, match="line 2000 has 'oops'"):
        read(tmp_path / "d.csv", FLAT)


@pytest.mark.parametrize("text", ["1,2,3,4" * 20, '5,6,7,8\n1,2,3,"\n\n\n' + "\n" * 99 + '4"', "1,2,3," + "é" * 48])
def test_a_line_longer_than_is_read_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "LINE_BYTES", 100)
    (tmp_path / "d.csv").write_text("a,b,c,d\n" + "1,2,3,4\n" * 30 + text + "\n1,2,3,4\n", "utf-8")
    with pytest.raises(InputError, match=r"d\.csv: has a line of more than 100 bytes"):
        read(tmp_path / "d.csv", FLAT)


def test_a_text_file_larger_than_is_read_is_refused_unread(tmp_path):
    with (tmp_path / "d.csv").open("wb") as stream:
        stream.truncate(limits.TEXT_BYTES + 1)
    with pytest.raises(InputError, match="has 268,435,457 bytes, at most 268,435,456 are read"):
        read(tmp_path / "d.csv", FLAT)


@pytest.mark.parametrize("spec", [FLAT, InputSpec("x", (49, 40, 1))])
def test_audio_of_another_rate_is_refused_unless_the_model_takes_it(spec, tmp_path):
    _wav(tmp_path / "a.wav", 0.5 * np.sin(np.arange(9000) / 9), rate=44100)
    with pytest.raises(InputError, match=r"a\.wav: has 44100 Hz, but the model needs 16000 Hz") as caught:
        read(tmp_path, spec)
    assert "build(MODEL, sample_rate=44100)" in caught.value.hint
    assert len(read(tmp_path, spec, sample_rate=44100).arrays[0]) == 1


def wav_header(bits=16, rate=16000, channels=1, declared=8, data=bytes(8)):
    frame = channels * ((bits + 7) // 8)
    form = struct.pack("<HHIIHH", 1, channels, rate, (rate * frame) % 2**32, frame % 2**16, bits)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", declared) + data
    )  # fmt: skip


WAVS = {
    "64 bits": (wav_header(bits=64), "has 64 bits per sample"),
    "0 bits": (wav_header(bits=0), "not a WAV file of PCM"),
    "0 Hz": (wav_header(rate=0), "has 0 Hz"),
    "4 GHz": (wav_header(rate=2**32 - 1), "has 4294967295 Hz"),
    "0 channels": (wav_header(channels=0), "not a WAV file of PCM"),
    "a frame of 130 kB and no whole one": (wav_header(channels=65535), "has no samples"),
}


@pytest.mark.parametrize("spec", [FLAT, InputSpec("x", (49, 40, 1))])
@pytest.mark.parametrize(("content", "says"), WAVS.values(), ids=WAVS)
def test_unusual_wav_files_are_refused_and_named(content, says, spec, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, spec)
    assert caught.value.path == str(tmp_path / "a.wav")


def test_of_a_wav_file_that_is_longer_than_it_is_what_is_there_is_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_header(declared=2**32 - 9, data=np.array([1, 2, 3], "<i2").tobytes()))
    assert read(tmp_path, FLAT).arrays[0].tolist() == [[1 / 2**15, 2 / 2**15, 3 / 2**15, 0]]


@pytest.mark.parametrize(
    ("spec", "rate", "says"),
    [
        (InputSpec("x", (10_000_000,)), 16000, "takes 625 s of audio, more than the limit of 600 s"),
        (InputSpec("x", (30_000, 40)), 16000, "takes 600 s of audio, more than the limit of 600 s"),
        (InputSpec("x", (49, 40)), 8000, "sample_rate=8000: no 40 log-mel channels can be computed: high_hz=7500"),
        (InputSpec("x", (49, 600)), 16000, "no 600 log-mel channels can be computed: channels=600"),
        (FLAT, 0, "not a sample rate"),
        (FLAT, 10**9, "not a sample rate"),
    ],
)
def test_more_audio_than_is_read_and_rates_of_none_are_refused(spec, rate, says, tmp_path):
    _wav(tmp_path / "a.wav", np.zeros(4))
    with pytest.raises(InputError, match=says):
        read(tmp_path, spec, sample_rate=rate)


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="neither images nor WAV"):
        read(tmp_path, FLAT)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match="not a WAV file"):
        read(tmp_path, FLAT)
    with pytest.raises(InputError, match=r"has one input, but the model has 2"):
        read(tmp_path, FLAT, IMAGE)
    with pytest.raises(InputError, match="is empty"):
        request(tmp_path, (1.0, 1.0))


@pytest.mark.parametrize(
    ("arrays", "inputs", "says"),
    [
        ({}, [FLAT], "holds no arrays"),
        ({"x": np.ones((3, 4)), "z": np.ones((2, 4))}, [FLAT, InputSpec("z", (4,))], "different numbers of samples"),
        ({"x": np.ones((3, 4)), "labels": np.ones((2, 3))}, [FLAT], "labels"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(arrays, inputs, says, tmp_path):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(InputError, match=says):
        read(tmp_path / "d.npz", *inputs)


@pytest.mark.parametrize("values", [np.full((20, 1), 0.5), np.arange(60.0).reshape(20, 3), np.full((20, 2), 0.5)])
def test_targets_that_are_values_are_no_classes(data, values):
    found = read({"x": data, "y": values}, FLAT)
    assert found.targets is None and found.has_values and not read({"x": data}, FLAT).has_values


@pytest.mark.parametrize("kind", ["arrays", "npy order", "columns", "csv"])
def test_all_targets_say_whether_they_are_classes_not_the_drawn_ones(kind, tmp_path):
    """One value of 2,000 is none; 1,500 of them are not drawn."""
    x, y = np.arange(8000.0).reshape(2000, 4), np.arange(2000.0) % 3
    drawn = set(read({"x": x, "y": np.arange(2000)}, FLAT).targets.tolist())
    at = next(k for k in range(2000) if k not in drawn)

    def found():
        if kind == "arrays":
            return read({"x": x, "y": y}, FLAT)
        if kind == "csv":
            np.savetxt(tmp_path / "d.csv", np.column_stack([x, y]), delimiter=",", header="a,b,c,d,y", comments="")
            return read(tmp_path / "d.csv", FLAT)
        np.savez(tmp_path / "d.npz", x=np.asarray(x, order="F" if kind == "columns" else "C"), y=y)
        return read(tmp_path / "d.npz", FLAT)

    assert sorted(set(found().targets.tolist())) == [0, 1, 2]
    y[at] = 0.5
    assert found().targets is None and found().has_values


def test_of_a_whole_data_set_what_is_trained_on_is_taken(data):
    names = {"x_train": data, "y_train": np.arange(20), "x_test": data[:3] * 0, "y_test": np.zeros(3)}
    found = read(names, FLAT)
    np.testing.assert_array_equal(found.arrays[0], data.astype(np.float32))
    assert found.targets.tolist() == list(range(20))


def test_samples_of_a_shape_that_can_be_brought_into_the_inputs_say_how():
    with pytest.raises(InputError) as caught:
        read(np.random.default_rng(0).normal(size=(5, 6, 4)), InputSpec("x", (6, 4, 1)))
    assert "data.reshape(-1, 6, 4, 1)" in caught.value.hint
    with pytest.raises(InputError) as caught:
        read(np.random.default_rng(0).normal(size=(5, 6, 5)), InputSpec("x", (6, 4, 1)))
    assert "reshape" not in caught.value.hint


def test_classes_may_be_one_hot_or_numbers_in_a_csv(data, tmp_path):
    assert read({"x": data, "labels": np.eye(20)[::-1]}, FLAT).targets.tolist() == list(range(19, -1, -1))
    (tmp_path / "d.csv").write_text("a,b,c,d,label\n1,2,3,4,1\n4,3,2,1,0\n")
    found = read(tmp_path / "d.csv", FLAT)
    assert found.targets.tolist() == [1, 0] and found.classes == ()


def test_of_a_large_folder_as_many_files_are_read_as_samples_are_used(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(MAX_SAMPLES):
            _wav(tmp_path / name / f"{k}.wav", np.linspace(-1, k / MAX_SAMPLES, 4))
    found = read(tmp_path, InputSpec("x", (4,)))
    assert len(found.arrays[0]) == len(found.targets) == MAX_SAMPLES and 150 < found.targets.sum() < 350


def test_whether_subfolders_are_classes_does_not_depend_on_the_seed(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(MAX_SAMPLES):
            _wav(tmp_path / name / f"{k}.wav", np.linspace(-1, k / MAX_SAMPLES, 4))
    _wav(tmp_path / "stray.wav", np.linspace(-1, 1, 4))
    found = [resolve(request(tmp_path), [FLAT], seed=seed) for seed in range(6)]
    assert {(f.targets is None, f.classes) for f in found} == {(True, ())}


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", "no/.thumbnails", ".git/no", "no/.a/b"])
def test_files_in_hidden_subfolders_are_left_out(tmp_path, hidden):
    root = tmp_path / ".data"  # the folder that is given may be hidden itself
    for name in ("no", "yes", hidden):
        (root / name).mkdir(parents=True, exist_ok=True)
        _wav(root / name / "a.wav", np.full(4, 0.9 if name == hidden else 0.25))
    found = resolve(request(root), [FLAT], must_vary=False)
    assert found.classes == ("no", "yes") and found.targets.tolist() == [0, 1]
    assert found.arrays[0].max() < 0.3


@pytest.mark.parametrize(
    ("name", "content", "spec", "says"),
    [
        ("a.png", b"", InputSpec("x", (4, 4, 2)), "which is not an image"),
        ("a.wav", b"", InputSpec("x", (2, 3, 4)), "is neither audio nor frames of audio"),
        ("a.wav", b"RIFF", FLAT, "not a WAV file of PCM"),
    ],
)
def test_files_for_another_kind_of_input_are_refused(name, content, spec, says, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read(tmp_path, spec)


def test_a_wav_file_without_samples_is_named(tmp_path):
    _wav(tmp_path / "silence.wav", np.zeros(0))
    with pytest.raises(InputError, match=r"silence\.wav: has no samples"):
        read(tmp_path, FLAT)


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SetupError, match="Pillow, which is not installed") as caught:
        read(tmp_path, IMAGE)
    assert "microgen[quantize]" in caught.value.hint
