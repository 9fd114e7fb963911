"""python -m tests.runtimes.compiled.compilers: every kernel with every compiler of boards and PCs that is installed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import host

M4 = "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
M3 = "arm-none-eabi-gcc -mthumb -mcpu=cortex-m3"
M0 = "arm-none-eabi-gcc -mthumb -mcpu=cortex-m0plus"
RV32 = "riscv64-unknown-elf-gcc -mabi=ilp32 -march=rv32imac --specs=picolibc.specs"
XTENSA = "xtensa-lx106-elf-gcc -ffreestanding"
COMPILERS = ("gcc", "clang", M4, M3, M0, RV32, XTENSA)
LEVELS = ("-O0", "-Os", "-O2", "-O3")
MORE = ("", "-flto", "-fno-omit-frame-pointer")
PACKAGES = {
    "gcc": "gcc",
    "clang": "clang",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "xtensa-lx106-elf-gcc": "gcc-xtensa-lx106",
}
_WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
# The compiler for Xtensa comes without a C library: what kernels take of one.
_STRING_H = """#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
"""
# That right shifts of negative numbers are arithmetic is said in mg_common.h.
_CPPCHECK = [
    "cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--error-exitcode=1",
    "--suppress=shiftTooManyBitsSigned", "--suppress=missingIncludeSystem", f"-I{host.KERNELS}",
]  # fmt: skip


def complaint(command: str, folder: Path) -> str:
    """What a compiler with its flags says of the kernels, "" for nothing; objects land in the folder."""
    compiler, *flags = command.split()
    sources = [*host.KERNELS.glob("*.c"), *((host.KERNELS / "armv7em").glob("*.c") if command.startswith(M4) else ())]
    assert len(sources) > 30
    if command.startswith(XTENSA):
        (folder / "string.h").write_text(_STRING_H)
        flags += ["-isystem", str(folder)]
    return _said([compiler, *_WARNINGS, *flags, "-c", f"-I{host.KERNELS}", *map(str, sources)], folder)


def _said(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return (done.stdout + done.stderr)[-3000:] if done.returncode else ""


def main() -> None:
    bad = 0
    for parts in itertools.product(COMPILERS, LEVELS, MORE):
        command = " ".join(parts)
        with tempfile.TemporaryDirectory() as folder:
            installed = shutil.which(command.split()[0])
            text = complaint(command, Path(folder)) if installed else "not installed"
        bad += bool(text) and installed is not None
        print(f"{command}: {text or 'ok'}", flush=True)
    if shutil.which("cppcheck"):
        text = _said([*_CPPCHECK, *map(str, sorted(host.KERNELS.glob("*.c")))], Path.cwd())
        bad += bool(text)
        print(f"cppcheck: {text or 'ok'}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
