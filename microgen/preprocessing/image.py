"""Images of a camera, cropped and resized in integers, equal value by value to firmware/preprocessing/image.c."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .emit import check_identifier

FORMATS = ("rgb565", "grey")
CROPS = ("center", "none")
RESIZES = ("bilinear", "nearest")
_LARGEST = 2048
Longs = npt.NDArray[np.int64]

_HEADER = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Images, written by microgen: {source_width} x {source_height} become {width} x {height}, {channels} channels. */
#ifndef {up}_H
#define {up}_H
#include "image.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define {up}_ROW {row}

extern image_front {name};

#ifdef __cplusplus
}}
#endif
#endif
"""
_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Constants and state of {name}, written by microgen. */
#include "{name}.h"

static const image_settings settings = {{
    .left = {left},
    .top = {top},
    .columns = {columns},
    .rows = {rows},
    .width = {width},
    .height = {height},
    .channels = {channels},
    .grey = {grey},
    .bilinear = {bilinear},
}};

static uint16_t first[{row}], second[{row}];

image_front {name} = {{&settings, {{first, second}}, 0, 0}};
"""


@dataclass(frozen=True)
class Image:
    """What becomes of a camera's images.

    Attributes:
        source_width, source_height: of the camera's image, in pixels; two rows at least.
        width, height: of the result.
        channels: of the result: 1, grey, or 3, red, green and blue.
        format: of a pixel of the camera: "rgb565", or "grey", 8 bits of it.
        crop: "center" cuts what the result's shape leaves over; "none" stretches.
        resize: "bilinear" or "nearest".

    Raises:
        InputError: settings that cannot be computed.
    """

    source_width: int = 160
    source_height: int = 120
    width: int = 96
    height: int = 96
    channels: int = 1
    format: str = "rgb565"
    crop: str = "center"
    resize: str = "bilinear"

    def __post_init__(self) -> None:
        for name in ("source_width", "source_height", "width", "height"):
            if not 1 <= getattr(self, name) <= _LARGEST:
                raise InputError(f"{name}={getattr(self, name)}: not supported", f"use 1 to {_LARGEST} pixels")
        if self.source_height < 2:
            raise InputError("source_height=1: an image has at least two rows", "use 2 or more")
        for name, known in (("format", FORMATS), ("crop", CROPS), ("resize", RESIZES), ("channels", (1, 3))):
            if getattr(self, name) not in known:
                raise InputError(f"{name}={getattr(self, name)}: not supported", f"use {' or '.join(map(str, known))}")
        if self.format == "grey" and self.channels == 3:
            raise InputError("channels=3: a grey camera has no colours", "use 1")

    @property
    def area(self) -> tuple[int, int, int, int]:
        """What is left of the camera's image: left, top, columns, rows."""
        columns, rows = self.source_width, self.source_height
        if self.crop == "center":
            columns = min(columns, max(1, rows * self.width // self.height))
            rows = min(rows, max(1, columns * self.height // self.width))
        return (self.source_width - columns) // 2, (self.source_height - rows) // 2, columns, rows

    def pixels(self, image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
        """Crop and resize an image of the camera.

        Args:
            image: shape (source_height, source_width), RGB565 or grey; see `to_rgb565`.

        Returns:
            Shape (height, width, channels), 0 to 255.

        Raises:
            InputError: the image is of another type or shape.
        """
        if image.dtype != np.uint16 or image.shape != (self.source_height, self.source_width):
            raise InputError(
                f"an image of type {image.dtype} and shape {list(image.shape)}",
                f"give {self.source_height} rows of {self.source_width} 16-bit pixels",
            )
        left, top, columns, rows = self.area
        values = self._values(image[top : top + rows, left : left + columns].astype(np.int64))
        first, second, weight = self._places(self.width, columns)
        wide = weight[None, :, None]
        narrow: Longs = values[:, first] * (256 - wide) + values[:, second] * wide
        first, second, weight = self._places(self.height, rows)
        high = weight[:, None, None]
        blended: Longs = narrow[first] * (256 - high) + narrow[second] * high + 32768
        return np.asarray(blended >> 16, np.uint8)

    def emit(self, name: str = "camera_image") -> dict[str, str]:
        """Return the C files of this front end, by name: its constants, its state and its macros.

        Args:
            name: of the files and of what they define; a C identifier, and not "image" itself.

        Raises:
            InputError: the name is none.
        """
        check_identifier(name, "image")
        left, top, columns, rows = self.area
        text = {
            **vars(self),
            "name": name,
            "up": name.upper(),
            "row": self.width * self.channels,
            "left": left,
            "top": top,
            "columns": columns,
            "rows": rows,
            "grey": int(self.format == "grey"),
            "bilinear": int(self.resize == "bilinear"),
        }
        return {f"{name}.h": _HEADER.format(**text), f"{name}.c": _SOURCE.format(**text)}

    def _values(self, pixels: Longs) -> Longs:
        """Return [rows, columns, channels], 0 to 255."""
        if self.format == "grey":
            return (pixels & 255)[:, :, None]
        red, green, blue = (pixels >> 11), (pixels >> 5) & 63, pixels & 31
        red, green, blue = (red * 527 + 23) >> 6, (green * 259 + 33) >> 6, (blue * 527 + 23) >> 6
        if self.channels == 1:
            return np.asarray((77 * red + 150 * green + 29 * blue + 128) >> 8)[:, :, None]
        return np.stack([red, green, blue], axis=2)

    def _places(self, count: int, source: int) -> tuple[Longs, Longs, Longs]:
        """Return of each element of the result the two that it lies between, and the weight of the second, of 256."""
        twice = (2 * np.arange(count, dtype=np.int64) + 1) * source
        if self.resize == "nearest":
            first = twice // (2 * count)
            return first, first, np.zeros(count, np.int64)
        at = np.clip(twice * 128 // count - 128, 0, (source - 1) * 256)
        return at // 256, np.minimum(at // 256 + 1, source - 1), at % 256


def to_rgb565(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Return an image of shape (rows, columns, 3), red, green and blue of 8 bits, in RGB565, rounded.

    Raises:
        InputError: it is of another type or shape.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"an image of type {image.dtype} and shape {list(image.shape)}", "give 8-bit RGB")
    red, green, blue = (image[:, :, k].astype(np.uint32) for k in range(3))
    packed = (red * 31 + 127) // 255 << 11 | (green * 63 + 127) // 255 << 5 | (blue * 31 + 127) // 255
    return np.asarray(packed, np.uint16)
