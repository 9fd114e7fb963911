"""Every kernel compiles without a warning: compilers of boards and PCs, their levels, LTO, frame pointers."""

from __future__ import annotations

import re

import pytest

from tests.support.tools import needs

from . import compilers, host

# Each compiler, each level, LTO and frame pointers. All combinations: `python -m tests.runtimes.compiled.compilers`.
TRIED = [
    "gcc -O3 -flto",
    "clang -O0",
    "clang -O3",
    f"{compilers.M4} -O2",
    f"{compilers.M3} -O0 -flto",
    f"{compilers.M3} -O2",
    f"{compilers.M0} -O0",
    f"{compilers.M0} -O2 -fno-omit-frame-pointer",
    f"{compilers.RV32} -Os",
    f"{compilers.XTENSA} -Os",
]


@pytest.mark.parametrize("command", TRIED)
def test_kernels_compile_without_a_warning(command, tmp_path):
    program = command.split()[0]
    needs(program, compilers.PACKAGES[program])
    assert compilers.complaint(command, tmp_path) == ""


def test_kernels_keep_to_what_gcc_7_has():
    """No built-in function and no attribute that came later, but behind a question for the compiler."""
    later = re.compile(r"__builtin_(?!expect\b)\w+|__has_builtin|_BitInt|__attribute__\(\((?!noinline|always_inline|"
                       r"aligned|noclone|may_alias|section|unused|optimize)")  # fmt: skip
    for path in host.KERNELS.rglob("*.[ch]"):
        assert not later.search(path.read_text()), path.name
