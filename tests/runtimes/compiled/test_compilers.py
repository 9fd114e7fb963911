"""Every kernel compiles without a warning: compilers of boards and PCs, their levels, LTO, frame pointers."""

from __future__ import annotations

import re
import shutil

import pytest

from . import compilers, host

# A pair of each: compiler with level, level with LTO and with frame pointers. `compilers.py` has all of them.
_TRIED = [
    f"{compilers.M4} -O2",
    f"{compilers.M0} -O0",
    f"{compilers.M0} -O2 -fno-omit-frame-pointer",
    f"{compilers.RV32} -Os",
    f"{compilers.XTENSA} -Os",
    "gcc -O3 -flto",
    "clang -O0",
]


@pytest.mark.parametrize("command", _TRIED)
def test_kernels_compile_without_a_warning(command, tmp_path):
    if not shutil.which(command.split()[0]):
        pytest.skip(f"{command.split()[0]} is not installed")
    assert compilers.complaint(command, tmp_path) == ""


def test_kernels_keep_to_what_gcc_7_has():
    """No built-in function and no attribute that came later, but behind a question for the compiler."""
    later = re.compile(r"__builtin_(?!expect\b)\w+|__has_builtin|_BitInt|__attribute__\(\((?!noinline|always_inline|"
                       r"aligned|noclone|may_alias|unused|optimize)")  # fmt: skip
    for path in host.KERNELS.rglob("*.[ch]"):
        assert not later.search(path.read_text()), path.name
