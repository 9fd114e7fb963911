"""FlatBuffers at their edges: offsets, vtables and lists that end with the file."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from microgen.tflite.flatbuffer import Malformed, Table


def flatbuffer(elements: int, payload: bytes) -> bytes:
    """The smallest table with one list, its last bytes those of the file: header, vtable, table, length, payload."""
    return struct.pack("<IHHHHiII", 12, 6, 8, 4, 0, 8, 4, elements) + payload


def test_a_list_may_end_with_the_file_and_not_later():
    table = Table.root(flatbuffer(4, b"\xffabc"))
    assert table.span(0) == (24, 4) and table.string(0) == "\ufffdabc"
    assert table.has(0) and table.position(0) == 16
    assert Table.root(flatbuffer(2, struct.pack("<ii", -7, 9))).integers(0) == (-7, 9)
    assert np.array_equal(Table.root(flatbuffer(2, struct.pack("<ff", 1.5, 2))).array(0, "<f4"), [1.5, 2])
    with pytest.raises(Malformed, match="a list of 4 elements at byte 20 runs past the end of the file"):
        Table.root(flatbuffer(4, b"abc")).span(0)
    for elements in (2, 2**30, 2**32 - 1):
        with pytest.raises(Malformed, match=f"a list of {elements} elements"):
            Table.root(flatbuffer(elements, b"abcdefg")).integers(0)
        with pytest.raises(Malformed, match=f"a list of {elements} elements"):
            list(Table.root(flatbuffer(elements, b"abcdefg")).tables(0))


def test_tables_may_end_with_the_file():
    # Nine times the table of four bytes that follows the list; its vtable is the root's.
    listed = struct.pack("<9I", *range(36, 0, -4)) + struct.pack("<i", 56)
    assert len(list(Table.root(flatbuffer(9, listed)).tables(0))) == 9


def test_offsets_lead_forward_only_but_for_the_one_to_the_vtable():
    good = flatbuffer(4, b"abcd")
    backward = good[:8] + struct.pack("<H", 2**16 - 4) + good[10:]
    with pytest.raises(Malformed, match="offset 65544 lies outside the 28 bytes"):
        Table.root(backward).integer(0, "<i")
    backward = good[:16] + struct.pack("<I", 2**32 - 4) + good[20:]
    with pytest.raises(Malformed, match="offset 4294967308 lies outside the 28 bytes"):
        Table.root(backward).span(0)
    assert Table(struct.pack("<HHHHii", 6, 8, 4, 0, 8, -7), 8).integer(0, "<i") == -7, "a vtable at byte 0"
    assert Table.root(good[:16] + struct.pack("<f", -1.5)).real(0) == -1.5


@pytest.mark.parametrize("size", [0, 2, 3, 5, 7, 2**16 - 1])
def test_a_vtable_has_two_sizes_and_whole_entries(size):
    with pytest.raises(Malformed, match="bad table at byte 12"):
        Table.root(struct.pack("<IHHHHi", 12, size, 8, 4, 0, 8))


def test_a_vtable_may_be_longer_than_the_file_where_nothing_of_it_is_read():
    table = Table.root(struct.pack("<IHHHHi", 12, 32768, 8, 4, 0, 8))
    assert table.position(0) == 16
    with pytest.raises(Malformed, match="offset 16 lies outside the 16 bytes"):
        table.position(4)


def test_what_is_not_in_a_table_is_nothing():
    table = Table.root(flatbuffer(4, b"abcd"))
    assert not table.has(1) and table.position(1) == 0 and table.span(1) == (0, 0)
    assert table.string(1) == "" and table.integers(1) == () and list(table.tables(1)) == [] and table.table(1) is None
    assert table.integer(1, "<i", 5) == 5 and table.real(1) == 0.0
