"""Large arrays of bytes in generated C++, taken out of the text before a compiler sees it.

A compiler takes a minute and gigabytes for a model of 50 MB as text. What microgen writes for one is simple, though:
sixteen `0x..,` a line. Where a source holds many such lines, their bytes go to a file, and the array becomes one that
the assembler fills from that file (`.incbin`). Whatever is not exactly such lines the compiler gets as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..support import byte_lines
from ..support.byte_lines import BYTES_PER_LINE, LINE_BYTES
from ..support.render import c_string

# Below this a compiler takes no more than a second.
LARGE_BYTES = 2 * 2**20
_DECLARATION = re.compile(
    rb"(?:alignas\(\d+\) )?(const unsigned char (\w+))((?:\[[\w:* ]*\])+)(?: MODEL_DATA_ATTRIBUTE)? = \{\n"
)
_LINES = 2**14  # that are read at once
_SHORT = re.compile(rb"  (?:0x[0-9a-f]{2},){1,%d}\n" % (BYTES_PER_LINE - 1))
_BETWEEN = (b"{\n", b"},\n")  # the rows of an array of arrays
_ALIGNMENT = 16

# Mach-O puts an underscore before each name of C, ELF does not: __USER_LABEL_PREFIX__ says it.
_ASSEMBLER = """#define MICROGEN_TEXT_(x) #x
#define MICROGEN_TEXT(x) MICROGEN_TEXT_(x)
#ifdef __APPLE__
#define MICROGEN_CONSTANT ".const\\n"
#else
#define MICROGEN_CONSTANT ".section .rodata.microgen,\\"a\\"\\n"
#endif
"""


@dataclass(frozen=True)
class _Array:
    """An array that was taken out: its name, and the file of its bytes."""

    name: str
    file: Path
    size: int


def take_out(source: Path, work: Path) -> Path:
    """Return a source whose large arrays are in files of `work`; the source itself where it has none.

    Args:
        source: a C++ source.
        work: an existing folder.
    """
    if source.suffix not in (".cc", ".cpp") or source.stat().st_size < LARGE_BYTES:
        return source
    kept: list[bytes] = []
    arrays: list[_Array] = []
    with source.open("rb") as file:
        while line := file.readline(LARGE_BYTES):
            declaration = _DECLARATION.fullmatch(line)
            if declaration is None:
                kept.append(line)
                continue
            start = file.tell()
            name = declaration[2].decode()
            size = _copy_body(file, target := work / f"{source.name}.{name}.bin")
            if size is None:
                file.seek(start)
                kept.append(line)
                continue
            arrays.append(_Array(name, target, size))
            # One dimension: nothing else gives the number of elements.
            dimensions = b"[%d]" % size if declaration[3] == b"[]" else declaration[3]
            kept.append(b"extern %b%b;\n" % (declaration[1], dimensions))
            kept.append(b'static_assert(sizeof(%b) == %d, "");\n' % (declaration[2], size))
    if not arrays:
        return source
    rewritten = work / source.name
    rewritten.write_bytes(b"".join([*kept, _ASSEMBLER.encode(), *(_filled(a).encode() for a in arrays)]))
    return rewritten


def _filled(array: _Array) -> str:
    """Return the C++ that fills an array from its file."""
    path = str(array.file.absolute()).replace("\\", "\\\\").replace('"', '\\"')
    symbol = f'MICROGEN_TEXT(__USER_LABEL_PREFIX__) "{array.name}'
    return (
        f'asm(MICROGEN_CONSTANT ".globl " {symbol}\\n.balign {_ALIGNMENT}\\n" {symbol}:\\n.incbin "\n'
        f'    {c_string(chr(34) + path + chr(34))} "\\n.text\\n");\n'
    )


def _copy_body(file: BinaryIO, target: Path) -> int | None:
    """Copy the bytes of an initialiser, up to its end; return how many, None if microgen did not write it so."""
    size = 0
    with target.open("wb") as out:
        while True:
            start = file.tell()
            block = file.read(LINE_BYTES * _LINES)
            data = byte_lines.read(block)
            out.write(data.tobytes())
            size += len(data)
            file.seek(start + len(data) // BYTES_PER_LINE * LINE_BYTES)
            if len(data) == BYTES_PER_LINE * _LINES:
                continue
            line = file.readline(LINE_BYTES + 1)
            if line == b"};\n":
                return size
            if _SHORT.fullmatch(line):
                short = bytes.fromhex(line.decode().replace("0x", "").replace(",", "").strip())
                out.write(short)
                size += len(short)
            elif line not in _BETWEEN:
                return None
