"""Where results are written: whole files or none, and what is refused before anything is computed."""

from __future__ import annotations

import pytest

from microgen.errors import InputError
from microgen.support.files import check_out, check_out_folder, read_file, write_file
from microgen.support.json import load_json
from microgen.support.toml import load as load_toml
from tests.projects.test_project import tree


def test_a_file_is_written_whole_into_a_folder_that_is_made(tmp_path):
    for data in (b"first", b"second"):
        write_file(tmp_path / "new/m.tflite", data)
        assert tree(tmp_path) == {"new/m.tflite": data}


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "taken").write_bytes(b"mine")
    (tmp_path / "folder/inside").mkdir(parents=True)
    before = tree(tmp_path)
    for path in (tmp_path / "taken/m.tflite", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot be written") as caught:
            write_file(path, b"data", "take another")
        assert caught.value.hint == "take another"
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("name", "says"), [("folder", "is a folder"), ("none/m.tflite", "not a writable")])
def test_the_name_of_a_file_is_refused_before_any_work(tmp_path, name, says):
    (tmp_path / "folder").mkdir()
    for force in (False, True):
        with pytest.raises(InputError, match=says):
            check_out(tmp_path / name, force=force)
    assert tree(tmp_path) == {}


def test_a_file_that_is_there_is_refused_unless_it_may_be_overwritten(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"m\.tflite: already exists") as caught:
        check_out(tmp_path / "m.tflite", force=False)
    assert "force=True" in caught.value.hint
    check_out(tmp_path / "m.tflite", force=True)
    check_out(tmp_path / "n.tflite", force=False)


def test_a_folder_of_something_else_is_refused_and_an_earlier_one_taken(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for out, says in (
        (tmp_path, "is neither empty nor a folder of sweep"),
        (tmp_path / "thesis.txt", "is a file"),
    ):
        with pytest.raises(InputError, match=says):
            check_out_folder(out, "candidates", "sweep")
    (tmp_path / "candidates").mkdir()
    for out in (tmp_path, tmp_path / "new/inside"):
        check_out_folder(out, "candidates", "sweep")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("load", [load_json, load_toml], ids=["JSON", "TOML"])
def test_text_that_is_nested_too_deeply_is_refused(load, tmp_path):
    texts = [
        "[" * 100_000,
        "[" * 100 + "]" * 100,
        "a = " + "[" * 100_000,
        "a" + ".a" * 100 + " = 1",
        "a = " + "{a=" * 99,
    ]
    for text in texts:
        (tmp_path / "f").write_text(text)
        with pytest.raises(ValueError):
            load(tmp_path / "f")


def test_a_file_is_read_to_a_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert read_file(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_file(tmp_path / "f", 4)
