"""Files that claim to be results of bench: each is read, or refused before a table is made of it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from microgen.devices.recording import Replay
from microgen.errors import InputError
from microgen.report import text
from microgen.report.projects import bench_table
from microgen.workflows.bench import Bench, read_bench, write_bench

BENCH = Bench(
    device="d", on="emulator", model="m", model_sha256="s", tflm="t", kernels="k", runs=1, warmups=0, median_us=1.5,
    p95_us=1, min_us=1, max_us=1, inferences_per_s=1.0, arena_used_bytes=1, arena_bytes=2, times_us=(1,), cpu="c",
    emulator="e", instructions=1, instructions_by_operator=({"index": 0, "op": "ADD", "instructions": 1},),
    instructions_outside=1, stack_bytes=1, firmware_stack_bytes=1, estimated_ms=1.0, estimate_error_percent=1,
    flash_bytes=1, ram_bytes=1, model_code_bytes=1, model_constant_bytes=1, model_ram_bytes=1,
)  # fmt: skip
ODD = [None, -1, 1.5, 10**400, 1e308, "", "x", [], {}, [1], True, [{"index": "x", "op": 1}], [None]]


def test_a_result_is_read_as_it_was_written(tmp_path):
    write_bench(BENCH, tmp_path / "b.json")
    assert read_bench(tmp_path / "b.json") == BENCH


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Bench)])
def test_a_result_with_any_value_changed_is_shown_or_refused(name, tmp_path, capsys):
    whole = {"schema": 1, **dataclasses.asdict(BENCH)}
    refused = 0
    for value in ODD:
        (tmp_path / "b.json").write_text(json.dumps({**whole, name: value}))
        try:
            bench_table([read_bench(tmp_path / "b.json"), BENCH])
        except InputError as error:
            refused += 1
            assert error.message.startswith(f"{tmp_path / 'b.json'}: not a result of `microgen bench`")
    assert refused


HEAD = "microgen session 1, window "


@pytest.mark.parametrize(
    "text",
    ["", HEAD + "0\n", HEAD + "9" * 5000, HEAD + "99999999\n", HEAD + "1\nx", HEAD + "1\n> \\ud800", HEAD + "1\n> \\x"],
)
def test_recordings_that_are_none_are_refused(text, tmp_path):
    (tmp_path / "r.txt").write_text(text)
    with pytest.raises(InputError, match=r"r\.txt: not a recorded session"):
        Replay(tmp_path / "r.txt")


def test_a_recording_that_does_not_exist_is_named_with_its_neighbour(tmp_path):
    (tmp_path / "board.txt").touch()
    with pytest.raises(InputError, match=r"bord\.txt: no such file") as caught:
        Replay(tmp_path / "bord.txt")
    assert f"did you mean '{tmp_path / 'board.txt'}'?" in caught.value.hint


@pytest.mark.parametrize(("per_s", "shown"), [(20408.16, "20,408"), (673.86, "673.9"), (0.31256, "0.3126")])
def test_rates_are_written_without_an_exponent(per_s, shown, capsys):
    bench_table([dataclasses.replace(BENCH, inferences_per_s=per_s)])
    assert f" {shown} " in capsys.readouterr().out


def test_two_results_fit_a_narrow_terminal_with_whole_labels(monkeypatch, capsys):
    monkeypatch.setattr(text, "terminal_width", lambda stream: 80)
    wide = dataclasses.replace(
        BENCH, on="/dev/ttyACM0", kernels="CMSIS-NN 18.0.0 (November 2024)", tflm="pico-tflmicro"
    )
    bench_table([wide, wide])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    labels = [line[1:21].strip() for line in lines]
    assert {"inferences/s", "median, relative", "flash, RAM as linked", "outside operators"} <= set(labels)


def test_instructions_are_shown_next_to_the_operator_that_they_are_of(capsys):
    other = ({"index": 0, "op": "MUL", "instructions": 7}, {"index": 1, "op": "ADD", "instructions": 8})
    first = dataclasses.replace(BENCH, inferences_per_s=18518.5)
    bench_table([first, dataclasses.replace(BENCH, instructions_by_operator=other)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    found = [" ".join(row) for row in rows if {"ADD", "MUL"} & set(row)]
    assert found == ["0 ADD 1", "0 MUL 7", "1 ADD 8"]
    assert ["inferences/s", "18,518", "1"] in rows
