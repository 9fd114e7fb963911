"""Shows by its disassembly that a firmware has no instruction that its CPU lacks.

QEMU's Cortex-M3 executes DSP instructions that no Cortex-M3 has, and stands in for a Cortex-M0+, which has less still:
that a firmware runs there does not prove that it runs on the CPU.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections import Counter
from pathlib import Path

from ...boards.cpus import Cpu
from ...errors import InputError

_TIMEOUT_S = 120


def mnemonics(cpu: Cpu, elf: Path) -> Counter[str]:
    """Return how often each mnemonic is in a firmware, without suffixes for width and type (".n", ".f32")."""
    assert cpu.compiler is not None
    command = [f"{cpu.compiler.prefix}objdump", "-d", str(elf)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=True)
    # Address, encoding and mnemonic, each after a tab; data has no third column, or a directive there.
    names = re.findall(r"^ +[0-9a-f]+:\t[0-9a-f ]+\t(\S+)", done.stdout, re.M)
    return Counter(name.split(".")[0] for name in names if not name.startswith("."))


def check_instructions(cpu: Cpu, elf: Path) -> None:
    """Reject a firmware with an instruction that its CPU lacks.

    Raises:
        InputError: names the instruction.
    """
    if not cpu.instructions and not cpu.lacks:
        return
    for name in sorted(mnemonics(cpu, elf)):
        known = not cpu.instructions or any(fnmatch.fnmatchcase(name, pattern) for pattern in cpu.instructions)
        if not known or any(fnmatch.fnmatchcase(name, pattern) for pattern in cpu.lacks):
            raise InputError(
                f"the firmware has the instruction '{name}', which {cpu.title} lacks",
                "remove assembler code and compiler flags for other CPUs",
            )
