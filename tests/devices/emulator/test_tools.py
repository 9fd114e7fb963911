from __future__ import annotations

import pytest

from microgen.boards import load_cpu
from microgen.devices.emulator import missing_packages, require_tools
from microgen.errors import SetupError
from tests.support.tools import needs


@pytest.mark.parametrize(
    ("cpu", "packages"),
    [
        (
            "cortex-m4f",
            ["gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib", "qemu-system-arm"],
        ),
        (
            "rv32imc",
            [
                "gcc-riscv64-unknown-elf",
                "libstdc++-arm-none-eabi-newlib",
                "picolibc-riscv64-unknown-elf",
                "qemu-system-misc",
            ],
        ),
    ],
)
def test_without_tools_the_packages_are_named(cpu, packages, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError) as caught:
        require_tools(load_cpu(cpu))
    assert f"the Debian packages {', '.join(packages)} are not installed" in caught.value.message
    assert caught.value.hint == f"apt-get install --no-install-recommends {' '.join(packages)}"
    assert caught.value.exit_code == 3


def test_a_compiler_without_its_library_is_noticed(tmp_path, monkeypatch):
    """Debian's compiler alone has neither C nor C++ library."""
    for name in ("g++", "objdump"):
        program = tmp_path / f"arm-none-eabi-{name}"
        program.write_text("#!/bin/sh\necho 'fatal error: cstddef: No such file or directory' >&2\nexit 1\n")
        program.chmod(0o755)
    (tmp_path / "qemu-system-arm").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "libstdc++-arm-none-eabi-newlib" in missing_packages([load_cpu("cortex-m3")])


def test_a_cpu_without_an_emulator_is_refused_with_the_reason():
    with pytest.raises(SetupError, match="Xtensa LX7 cannot be emulated: Debian has neither"):
        require_tools(load_cpu("xtensa-lx7"))


def test_where_the_tools_are_nothing_is_missing():
    needs("arm-none-eabi-g++", "gcc-arm-none-eabi")
    needs("qemu-system-arm", "qemu-system-arm")
    assert missing_packages([load_cpu("cortex-m4f")]) == []
