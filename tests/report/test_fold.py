"""Text on a narrow terminal: folded between words, with every word still there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgen.report.fold import Columns, cells, fold, hang

WORDS = st.lists(st.text(st.sampled_from("ab/-行é"), min_size=1, max_size=12), min_size=1, max_size=12)


@given(WORDS, st.integers(1, 30), st.booleans())
def test_folding_keeps_the_text(words, width, split):
    text = " ".join(words)
    lines = fold(text, width, split=split)
    if split:
        assert "".join(lines).replace(" ", "") == "".join(words)
        assert all(cells(line) <= max(width, 2) for line in lines)
    else:
        assert " ".join(lines) == text
        assert all(cells(line) <= width or " " not in line for line in lines)


@given(WORDS, st.integers(12, 40))
def test_a_value_goes_on_below_its_start(words, width):
    first, *rest = hang("key  ", " ".join(words), width)
    assert first.startswith("key  ")
    assert all(line.startswith("     ") and line[5] != " " for line in rest)
    assert " ".join([first[5:], *(line[5:] for line in rest)]) == " ".join(words)


def test_paths_are_split_behind_a_slash_and_names_nowhere():
    assert fold("block_1/conv2d/BiasAdd", 14, split=True) == ["block_1/", "conv2d/BiasAdd"]
    assert fold("the nucleo-f446re board", 14, split=True) == ["the", "nucleo-f446re", "board"]


def test_the_widest_columns_give_way_down_to_their_longest_word():
    columns = Columns([["name", "esp32"], ["of two and three words", "x"], ["12 of 13", "1"]], whole=(2,))
    assert columns.widths((0, 1, 2), 25) == [5, 12, 8]
    assert columns.widths((0, 1, 2), 18) == [5, 5, 8] and columns.need((0, 1, 2)) == 18
    assert sum(columns.widths((0, 1, 2), 9)) == 9
    assert columns.widths((0, 2), None) == [5, 8]


@pytest.mark.parametrize("columns", [60, 80])
def test_nothing_is_wider_than_the_terminal(columns):
    """The table of boards, and an error with a long path, as a terminal gets them."""
    for arguments in (["boards"], ["boards", "nano33ble"], ["build", "/no/such/folder/with/a/long/name/model.tflite"]):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "microgen", *arguments],
            stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "dumb", "COLUMNS": str(columns)},
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # Linux reports the end of a pseudo terminal so
            pass
        os.close(ours)
        process.wait()
        text = shown.decode()
        assert all(len(line) <= columns for line in text.splitlines())
        if columns == 80 and arguments == ["boards"]:
            assert "xiao-nrf52840-sense" in text and "not shown at this width: board, TFLM" in text
