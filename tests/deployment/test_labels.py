"""Files of labels."""

from __future__ import annotations

import pytest

from microgen.deployment.labels import read_labels
from microgen.errors import InputError


def test_the_mark_that_windows_editors_begin_with_is_not_part_of_a_label(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfno\r\nyes\r\n")
    assert read_labels(tmp_path / "labels.txt") == ("no", "yes")


@pytest.mark.parametrize("text", ["no\nyes\n".encode("utf-16"), b"n\xe9\n"])
def test_labels_of_another_encoding_are_refused(text, tmp_path):
    (tmp_path / "labels.txt").write_bytes(text)
    with pytest.raises(InputError, match="cannot be read as UTF-8 text") as caught:
        read_labels(tmp_path / "labels.txt")
    assert caught.value.option == "labels"
