from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from microgen.boards import Cpu, board_file, cpu_names, list_boards, load_board, load_cpu
from microgen.errors import InputError
from microgen.support import resources

EMULATED = [name for name in cpu_names() if load_cpu(name).obstacle is None]


def test_the_shipped_cpus() -> None:
    assert EMULATED == ["cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-m4f", "cortex-m7", "rv32imafc", "rv32imc"]
    assert set(cpu_names()) - set(EMULATED) == {"xtensa-lx6", "xtensa-lx7", "xtensa-lx7-nofpu"}


@pytest.mark.parametrize("name", cpu_names())
def test_a_cpu_is_complete(name: str) -> None:
    cpu = load_cpu(name)
    assert cpu.name == name
    folder = resources.path("firmware") / "platform" / "emulator"
    for machine in cpu.machines:
        assert all((folder / source).is_file() for source in machine.sources)
        assert machine.stack_bytes < machine.ram.bytes
        assert not machine.ram.origin <= machine.flash.origin < machine.ram.origin + machine.ram.bytes


@pytest.mark.parametrize("board", list_boards(), ids=lambda b: b.name)
def test_a_board_names_the_cpu_that_it_describes(board) -> None:
    assert board.processor.name == board.cpu
    assert board.processor.architecture == board.mcu.architecture
    family = re.sub(r"[^A-Z0-9]", "", board.processor.title.upper())
    assert re.sub(r"[^A-Z0-9]", "", board.mcu.cpu.upper().replace("IMAC", "IMC")).find(family) >= 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('cpu = "cortex-m4f"', 'cpu = "cortex-m4"', "field 'cpu': no CPU 'cortex-m4'"),
        ('cpu = "cortex-m4f"', 'cpu = "rv32imc"', "'rv32imc' is rv32imc, 'mcu.architecture' is armv7e-m"),
        ('cpu = "cortex-m4f"', 'cpu = "../x"', "field 'cpu': String should match pattern"),
        ('cpu = "cortex-m4f"\n', "", "field 'cpu' is missing"),
    ],
)
def test_a_wrong_cpu_is_refused(before, after, message, tmp_path) -> None:
    text = board_file("nano33ble").read_text()
    assert before in text
    (tmp_path / "b.toml").write_text(text.replace(before, after))
    with pytest.raises(InputError, match=re.escape(message)):
        load_board(str(tmp_path / "b.toml"))


def test_a_cpu_that_does_not_exist_gets_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        load_cpu("cortex-m33f")
    assert "cortex-m33" in caught.value.hint


def test_a_cpu_is_emulated_or_states_why_not() -> None:
    common = {"name": "x", "title": "X", "architecture": "xtensa"}
    with pytest.raises(ValidationError, match="needs 'compiler'"):
        Cpu.model_validate(common)
    with pytest.raises(ValidationError, match="stands in place of"):
        Cpu.model_validate({**common, "obstacle": "none", "proves": "nothing"})
