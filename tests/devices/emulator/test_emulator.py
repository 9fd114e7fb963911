"""Serial commands, golden vectors, counts and faults on each emulated CPU."""

from __future__ import annotations

import random
import subprocess
import time

import pytest

from microgen.devices import Client, DeviceError, HostProcess
from microgen.devices.emulator import EmulatedBoard
from microgen.devices.emulator.board import qemu_command
from microgen.devices.emulator.instructions import check_instructions
from microgen.devices.transport import COMMAND_BYTES
from microgen.errors import InputError
from tests.support.tools import needs_cpu

from . import emulated
from .emulated import CPUS, HERE, answer, running, sample

MACHINES = [*((name, "") for name in CPUS), ("cortex-m0plus", "mps2-an385")]


@pytest.fixture(scope="module", params=MACHINES, ids=lambda p: "-".join(x for x in p if x))
def built(request, tmp_path_factory):
    name, machine = request.param
    cpu = needs_cpu(name)
    return emulated.image(emulated.only(cpu, machine) if machine else cpu, tmp_path_factory.mktemp("image"))


def test_serial_commands_and_golden_vectors(built, tmp_path):
    rng = random.Random(7)
    with running(built, tmp_path) as (client, log):
        assert client.name() == "esp32" and client.model() == "kws01"
        assert client.selftest().passed and client.selftest().vectors == 2
        for _ in range(5):
            data = rng.randbytes(emulated.INPUT_BYTES)
            assert client.infer([data], 1).outputs == (answer(data),)
        assert client.damaged == 0
        assert len(log.inferences()) == 4 + 5
        assert "m-name-dut-[esp32]" in client.command("name")


def test_counts_repeat_to_the_digit_and_a_loop_of_known_length_is_counted_exactly(built, tmp_path):
    samples = [
        sample(1, 2, 3),
        sample(0xF4, *(10_000).to_bytes(3, "little")),
        sample(0xF4, *(200_000).to_bytes(3, "little")),
    ]
    counts = []
    for run in range(2):
        with running(built, tmp_path / str(run)) as (client, log):
            time.sleep(0.05 * run)  # idle time must not show
            for data in samples:
                client.infer([data], 1)
            counts.append(log.inferences())
    assert counts[0] == counts[1]
    plain, short, long = (found.instructions for found in counts[0])
    assert long - short == 5 * 190_000
    # A switch, a call and a return lie between them.
    assert abs(short - plain - 5 * 10_000) < 20


def test_operators_are_counted_one_by_one(built, tmp_path):
    with running(built, tmp_path) as (client, log):
        client.infer([sample(0xF5)], 1)
        found = log.inferences()[-1]
    (third, of_third), (seventh, of_seventh) = found.operators
    assert (third, seventh) == (3, 7)
    assert abs(of_third - 500) < 15 and abs(of_seventh - 5000) < 15
    assert found.outside_operators + of_third + of_seventh == found.instructions


def test_the_time_is_that_of_the_instructions(built, tmp_path):
    cost = built.cpu.cost.cycles_per_instruction / 64e6
    with running(built, tmp_path) as (client, log):
        client.load([sample(0xF4, *(2_000_000).to_bytes(3, "little"))])
        [measured] = client.time(1, 0)
        # Besides the inference, its input is copied.
        assert measured == pytest.approx(log.inferences()[-1].instructions * cost * 1e6, rel=0.01)


def test_stack_is_measured(built, tmp_path):
    with running(built, tmp_path) as (client, log):
        client.infer([sample(0xF6, 10)], 1)
        client.infer([sample(0xF6, 20)], 1)
        client.infer([sample(0xF6, 10)], 1)
        ten, twenty, again = log.inferences()
    assert ten.stack_bytes == again.stack_bytes
    frame, rest = divmod(twenty.stack_bytes - ten.stack_bytes, 10)
    assert rest == 0 and 64 <= frame <= 112, "each call has an array of 64 bytes"
    assert twenty.firmware_stack_bytes == again.firmware_stack_bytes > twenty.stack_bytes


@pytest.mark.parametrize(
    ("first", "name"),
    [(0xF0, "unaligned access"), (0xF1, "stack overflow"), (0xF2, "undefined instruction"), (0xF3, "bad address")],
)
def test_a_fault_is_named_with_its_registers_and_does_not_hang(first, name, built, tmp_path):
    traps = "armv6-m" in built.cpu.architecture
    if first == 0xF0 and not traps:
        with running(built, tmp_path) as (client, _):
            assert client.infer([sample(first)], 1).outputs == (answer(sample(first)),)
        return
    if built.machine.name == "microbit" and name != "stack overflow":
        name = "HardFault"
    started = time.monotonic()
    with running(built, tmp_path) as (client, log), pytest.raises(DeviceError) as caught:
        client.infer([sample(first)], 1)
    assert name in caught.value.message and "sp 0x" in caught.value.message
    if first == 0xF0:
        assert "StandInLoad" in caught.value.message and "pc 0x" in caught.value.message
    assert log.fault().registers["sp"] > 0
    assert time.monotonic() - started < 10


def test_hostile_bytes_do_not_harm_it(built, tmp_path):
    rng = random.Random(11)
    with running(built, tmp_path) as (client, _):
        send = client._transport.write
        valid = b"name%profile%db load 490%db 0102%crc%input 0%output 0%results%time 1 0%selftest%arena%help%"
        for _ in range(6):
            send(rng.randbytes(2000).replace(b"%", b"&") + b"%")
            cut = bytearray(valid)
            for _ in range(10):
                cut[rng.randrange(len(cut))] = rng.randrange(256)
            send(bytes(cut) + b"%")
            send(b"db load 4294967296%infer 4294967295 1000000%#00000000 x name%" + b"9" * 500 + b"%")
        while client._transport.read(0.5):
            pass
        data = rng.randbytes(emulated.INPUT_BYTES)
        assert client.infer([data], 1).outputs == (answer(data),)
        assert client.selftest().passed


def test_what_each_source_takes_is_read_from_the_linkers_map(built):
    stand_in = built.part(HERE)
    golden, arrays = 2 * (emulated.INPUT_BYTES + emulated.OUTPUT_BYTES), emulated.INPUT_BYTES + emulated.OUTPUT_BYTES
    assert golden <= stand_in.constants < golden + 64 + 65, "and the hash of the model as text"
    assert arrays <= stand_in.ram_bytes < arrays + 8
    assert 200 < stand_in.code < 800
    assert sum(part.flash_bytes for part in built.parts.values()) < built.flash_bytes
    assert sum(part.ram_bytes for part in built.parts.values()) < built.ram_bytes


def test_the_uart_alone_carries_everything_where_there_is_no_file_beside_it(built, tmp_path):
    data = random.Random(3).randbytes(emulated.INPUT_BYTES)
    process = HostProcess(qemu_command(built, str(tmp_path / "log")), tmp_path / "errors")
    process.command_bytes = COMMAND_BYTES  # of a board
    with Client(process) as client:
        client.connect()
        assert client.infer([data], 1).outputs == (answer(data),)
        assert client.selftest().passed
        client._transport._process.kill()


def test_a_wrong_byte_in_a_golden_vector_fails(tmp_path):
    wrong = tmp_path / "stand_in.cc"
    wrong.write_text("#define WRONG_BYTE 9\n" + (HERE / "stand_in.cc").read_text())
    with running(emulated.image("cortex-m4f", tmp_path, emulated.program(wrong)), tmp_path / "run") as (client, _):
        found = client.selftest()
    assert (found.passed, found.vectors, found.fault) == (False, 1, "golden vector 1: output 0 byte 5 is 0, not 9")


def test_code_that_does_not_compile_is_named(tmp_path):
    broken = tmp_path / "broken.cc"
    broken.write_text("int f() { return undeclared; }\n")
    with pytest.raises(InputError, match=r"broken.cc does not compile for Cortex-M4F: .*undeclared"):
        emulated.image("cortex-m4f", tmp_path, emulated.program(broken))


TAKES_RAM = """
char g_large[{}];
__attribute__((constructor)) void Touch() {{ __asm__ volatile("" : : "r"(g_large)); }}
"""


def test_what_fits_no_memory_is_refused(tmp_path):
    large = tmp_path / "large.cc"
    large.write_text((HERE / "stand_in.cc").read_text() + TAKES_RAM.format(5_000_000))
    with pytest.raises(InputError, match=r"does not link for Cortex-M0\+ \(emulated\): .*RAM.*overflowed"):
        emulated.image("cortex-m0plus", tmp_path, emulated.program(large))


def test_what_does_not_fit_the_small_machine_runs_on_the_large_one(tmp_path):
    large = tmp_path / "large.cc"
    large.write_text((HERE / "stand_in.cc").read_text() + TAKES_RAM.format(20_000))
    built = emulated.image("cortex-m0plus", tmp_path, emulated.program(large))
    assert built.machine.name == "mps2-an385"
    assert built.ram_bytes > 20000


DSP = [
    "smlad", "smlald", "smlsd", "smlsld", "smuad", "smusd", "smmla", "smmls", "smmul", "smlabb", "smlawt", "smlaltb",
    "smulbb", "smulwt", "qadd", "qsub16", "sadd8", "shsub16", "uqadd8", "usad8", "sel", "sxtb16", "uxtab16", "sxtah",
    "pkhbt", "ssat16", "umaal",
]  # fmt: skip
_LONG = "r0, r1, r2, r3"
OPERANDS = {
    "smlald": _LONG, "smlsld": _LONG, "smlaltb": _LONG, "umaal": _LONG, "sxtb16": "r0, r1", "ssat16": "r0, #3, r1",
    "smmul": "r0, r1, r2",
}  # fmt: skip
FOUR = ("smla", "smls", "smml")


def assembled(code: str, path):
    """An object of Thumb code for a Cortex-M4."""
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-x", "assembler", "-c", "-", "-o", path]
    subprocess.run(command, input=f".syntax unified\n{code}\n", text=True, check=True)
    return path


@pytest.mark.parametrize("name", ["cortex-m3", "cortex-m0plus"])
def test_dsp_instructions_are_found_where_the_emulator_would_execute_them(name, tmp_path):
    cpu = needs_cpu(name)
    for instruction in DSP:
        usual = "r0, r1, r2, r3" if instruction.startswith(FOUR) else "r0, r1, r2"
        elf = assembled(f"{instruction} {OPERANDS.get(instruction, usual)}", tmp_path / "dsp.o")
        with pytest.raises(InputError, match=f"has the instruction '{instruction}', which Cortex-M"):
            check_instructions(cpu, elf)
    # What a Cortex-M3 has is let pass there, and not on a Cortex-M0+.
    elf = assembled(
        "smlal r0, r1, r2, r3\nsmull r0, r1, r2, r3\nsdiv r0, r0, r1\nssat r0, #3, r1\nmla r0, r1, r2, r3", elf
    )
    if name == "cortex-m3":
        check_instructions(cpu, elf)
    else:
        with pytest.raises(InputError, match=r"which Cortex-M0\+ lacks"):
            check_instructions(cpu, elf)


def test_the_emulator_executes_what_a_cortex_m3_lacks(tmp_path):
    """The reason for the check of instructions: QEMU alone proves nothing of them."""
    smuggled = tmp_path / "smuggled.cc"
    smuggled.write_text(
        '__asm__(".syntax unified\\n.thumb\\n.cpu cortex-m4\\n.text\\n.thumb_func\\n.global Smuggled\\nSmuggled:\\n"\n'
        '        "smlad r0, r0, r1, r2\\nbx lr\\n.cpu cortex-m3\\n");\n'
        'extern "C" void Smuggled();\n__attribute__((constructor)) void Call() { Smuggled(); }\n'
    )
    cpu = needs_cpu("cortex-m3")
    with pytest.raises(InputError, match="has the instruction 'smlad', which Cortex-M3 lacks"):
        emulated.image(cpu, tmp_path, emulated.program(HERE / "stand_in.cc", smuggled))
    built = emulated.image(
        cpu.model_copy(update={"lacks": ()}), tmp_path, emulated.program(HERE / "stand_in.cc", smuggled)
    )
    with running(built, tmp_path / "run") as (client, _):
        assert client.selftest().passed


def test_it_stops_at_once(tmp_path):
    built = emulated.image("cortex-m4f", tmp_path)
    board = EmulatedBoard(built, tmp_path)
    started = time.monotonic()
    board.close()
    assert board._process.returncode is not None
    assert time.monotonic() - started < 2
