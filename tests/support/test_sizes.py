"""Numbers of bytes as users write them."""

from __future__ import annotations

import json

import pytest

from microgen.support.sizes import number_of_bytes


@pytest.mark.parametrize(
    ("text", "bytes"), [("0", 0), ("65536", 65536), ("64k", 65536), ("64KB", 65536), ("2M", 2**21)]
)
def test_k_and_m_are_powers_of_1024(text, bytes):
    found = number_of_bytes(f" {text} ")
    assert found == bytes and (found.written, str(found), json.dumps(found)) == (text, str(bytes), str(bytes))


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5K", "64G", "64 K", "0x10", "٣"])
def test_anything_else_is_refused_by_what_was_written(text):
    with pytest.raises(ValueError, match="not a number of bytes"):
        number_of_bytes(text)
