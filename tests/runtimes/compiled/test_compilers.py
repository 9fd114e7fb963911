"""Every kernel compiles without a warning: compilers of boards and PCs, their levels, LTO, frame pointers."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from . import host

_WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
_M4 = "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
_M0 = "arm-none-eabi-gcc -mthumb -mcpu=cortex-m0plus"
_RV32 = "riscv64-unknown-elf-gcc -mabi=ilp32 -march=rv32imac --specs=picolibc.specs"
# This compiler comes without a C library: what kernels take of one.
_XTENSA = "xtensa-lx106-elf-gcc -ffreestanding"
_DECLARED = {
    "string.h": "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
    "void *memmove(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n",
}
_MATRIX = [
    f"{_M4} -O2",
    f"{_M0} -O2",
    f"{_M0} -O0",
    f"{_XTENSA} -Os",
    *(
        pytest.param(f"{compiler} {level}{more}", marks=pytest.mark.slow)
        for compiler in ("gcc", "clang", _M4, _M0, _RV32, _XTENSA)
        for level in ("-O0", "-Os", "-O2", "-O3")
        for more in ("", " -flto", " -fno-omit-frame-pointer")
        if not (compiler == "clang" and more == " -flto")
    ),
]


@pytest.mark.parametrize("command", _MATRIX)
def test_kernels_compile_without_a_warning(command, tmp_path):
    compiler, *flags = command.split()
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    sources = [*host.KERNELS.glob("*.c"), *((host.KERNELS / "armv7em").glob("*.c") if command.startswith(_M4) else ())]
    assert len(sources) > 30
    if command.startswith(_XTENSA):
        for name, text in _DECLARED.items():
            (tmp_path / name).write_text(text)
        flags += ["-isystem", str(tmp_path)]
    done = subprocess.run(
        [compiler, *_WARNINGS, *flags, "-c", f"-I{host.KERNELS}", *map(str, sources)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_cppcheck_finds_nothing(tmp_path):
    """That right shifts of negative numbers are arithmetic is said in mg_common.h."""
    if not shutil.which("cppcheck"):
        pytest.skip("cppcheck is not installed")
    done = subprocess.run(
        ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--error-exitcode=1",
         "--suppress=shiftTooManyBitsSigned", "--suppress=missingIncludeSystem", f"-I{host.KERNELS}",
         *map(str, sorted(host.KERNELS.glob("*.c")))],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_kernels_keep_to_what_gcc_7_has():
    """No built-in function and no attribute that came later, but behind a question for the compiler."""
    later = re.compile(r"__builtin_(?!expect\b)\w+|__has_builtin|_BitInt|__attribute__\(\((?!noinline|always_inline|"
                       r"aligned|noclone|may_alias|unused|optimize)")  # fmt: skip
    for path in host.KERNELS.rglob("*.[ch]"):
        assert not later.search(path.read_text()), path.name
