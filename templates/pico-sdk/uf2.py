"""Writes an image of the flash as a .uf2 for a board in BOOTSEL mode: uf2.py IMAGE OUT FAMILY ADDRESS."""

import struct
import sys
from pathlib import Path

START, SECOND, END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
HAS_FAMILY = 0x2000
PAGE = 256  # bytes of the flash in a block of 512


def uf2(image: bytes, family: int, address: int) -> bytes:
    """Return the blocks of an image, its last page filled up with zeros."""
    count = -(-len(image) // PAGE)
    blocks = []
    for number in range(count):
        page = image[number * PAGE : (number + 1) * PAGE]
        head = (START, SECOND, HAS_FAMILY, address + number * PAGE, PAGE, number, count, family)
        blocks.append(struct.pack("<8I476sI", *head, page, END))
    return b"".join(blocks)


if __name__ == "__main__":
    source, target, family, address = sys.argv[1:]
    image = Path(source).read_bytes()
    Path(target).write_bytes(uf2(image, int(family, 0), int(address, 0)))
