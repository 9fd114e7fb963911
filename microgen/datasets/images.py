"""Reads images as a camera application delivers them: upright, without transparency, in one range.

Images without a defined meaning (floats, unusual colour spaces, transparent pixels) are rejected by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, SetupError
from .arrays import Array, InputSpec, Targets
from .folders import SUFFIXES, representative_files
from .limits import IMAGE_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

# The formats that `SUFFIXES` name. Pillow goes by content and knows forty more, of which EPS starts Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# Modes of 8 bits per channel, or less, that Pillow converts by the usual formulas.
_BYTES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# Tags of TIFF: bits of a sample, and whether 0 is white (TIFF 6.0, section 8).
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 258, 262, 0
_NARROWEST = 8  # pixels of an image that has no dimension of channels: fewer are the axes of a sensor
_REPAIR = "remove or repair the file"


def read_images(values: Mapping[str, Any], spec: InputSpec, seed: int, most: int) -> tuple[Array, Targets]:
    """Read images: resized bilinearly to the input's height and width, grey or RGB, scaled to the range.

    Args:
        values: of a request: "path" of the folder, "range" of black and white.
        spec: the model's input.
        seed, most: seed and limit of the choice of files.

    Returns:
        Samples of the input's shape, float32; the class of each where subfolders name it.

    Raises:
        InputError: the input is no image, or a file cannot be read as one.
        SetupError: Pillow is missing.
    """
    files, targets = representative_files(Path(values["path"]), SUFFIXES["images"], seed, most)
    return read_image_files(files, spec, values["range"]), targets


def read_image_files(files: Sequence[Path], spec: InputSpec, value_range: Sequence[float]) -> Array:
    """Read some images as `read_images` reads those of a folder.

    Args:
        files: their files.
        spec: the model's input.
        value_range: what black and white become.

    Returns:
        Samples of the input's shape, float32.

    Raises:
        InputError, SetupError: see `read_images`.
    """
    _need_pillow()
    shape = spec.shape if len(spec.shape) == 3 else (*spec.shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, which is not an image",
            "for a folder of images, the input is [height, width, 1 or 3 channels]",
        )
    height, width, channels = (int(d or 0) for d in shape)
    if len(spec.shape) == 2 and min(height, width) < _NARROWEST:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, a time series, but the data is images",
            "give a CSV or an .npz, or add a dimension for channels to the model's input",
        )
    low, high = value_range
    images = [_read(file, height, width, channels) * np.float32(high - low) + np.float32(low) for file in files]
    return np.stack(images).reshape(len(images), *(int(d or 0) for d in spec.shape))


def _read(file: Path, height: int, width: int, channels: int) -> npt.NDArray[np.float32]:
    """Return an image of shape (height, width, channels), black 0 and white 1."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=_FORMATS) as image:
            _check_size(file, image)
            white = _white(file, image)
            inverted = _is_inverted(image)
            # Transposed before the conversion, which loses the EXIF data; resized in its own range.
            ImageOps.exif_transpose(image, in_place=True)
            mode = "F" if white != 255 else "L" if channels == 1 else "RGB"
            small = _opaque(file, image).convert(mode).resize((width, height), Image.Resampling.BILINEAR)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions
        raise InputError(f"{file}: cannot be read as an image ({error})", _REPAIR, path=file) from None
    pixels = np.asarray(small, np.float32).reshape(height, width, -1) / np.float32(white)
    if inverted:
        pixels = 1 - pixels
    return np.repeat(pixels, channels, axis=2) if pixels.shape[2] < channels else pixels


def read_colours(file: Path, width: int, height: int) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """Read an image as a camera of another size sees it: cropped around its middle to the shape, and resized.

    Args:
        file: the image.
        width, height: of the result.

    Returns:
        Shape (height, width, 3), red, green and blue; and the size that it has, width and height.

    Raises:
        InputError: it cannot be read as an image.
        SetupError: Pillow is missing.
    """
    _need_pillow()
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=_FORMATS) as image:
            _check_size(file, image)
            white = _white(file, image)
            inverted = _is_inverted(image)
            ImageOps.exif_transpose(image, in_place=True)
            size = (image.width, image.height)
            upright = _opaque(file, image)
            if white != 255:
                grey = np.asarray(upright.convert("F"), np.float64) / white
                upright = Image.fromarray(np.rint(255 * (1 - grey if inverted else grey)).astype(np.uint8))
            colours = upright.convert("RGB")
            if size != (width, height):
                colours = ImageOps.fit(colours, (width, height), Image.Resampling.BILINEAR)
            return np.asarray(colours, np.uint8), size
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions
        raise InputError(f"{file}: cannot be read as an image ({error})", _REPAIR, path=file) from None


def _need_pillow() -> None:
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise SetupError("images need Pillow, which is not installed", "pip install 'microgen[quantize]'") from None


def _check_size(file: Path, image: Image) -> None:
    if image.width * image.height > IMAGE_PIXELS:
        raise InputError(
            f"{file}: has {image.width} x {image.height} pixels, more than the limit of {IMAGE_PIXELS:,}",
            "scale the image down first",
            path=file,
        )


def _white(file: Path, image: Image) -> int:
    """Return the value of white in an image.

    Raises:
        InputError: its mode does not say.
    """
    if image.mode in _BYTES:
        return 255
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS, (16,))[0]
        return int(2**bits - 1)
    if image.mode == "I" and image.format in ("PNG", "PPM"):
        return 2**16 - 1  # PPM scales to this, whatever maximum it declares; Pillow before 11 has 16-bit PNG so, too
    known = {"F": "floating-point values", "I": "32-bit or signed values"}.get(image.mode, f"the mode {image.mode}")
    raise InputError(
        f"{file}: has {known}, whose value for white is unknown",
        "save it with 8 or 16 bits per channel, or give the values as an .npz",
        path=file,
    )


def _is_inverted(image: Image) -> bool:
    """Return whether white is 0: Pillow turns that itself, but not with 16 bits."""
    tags = getattr(image, "tag_v2", {})
    return image.mode.startswith("I;16") and tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO


def _opaque(file: Path, image: Image) -> Image:
    """Return an image without its alpha channel.

    Raises:
        InputError: some pixels are transparent: what is behind them is not in the file.
    """
    is_transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    if not is_transparent:
        return image
    if image.mode in ("L", "LA", "P", "PA", "RGB", "RGBA"):
        colours = image.convert("RGBA")
        if colours.getchannel("A").getextrema() == (255, 255):
            return colours.convert("RGB")
    raise InputError(
        f"{file}: has transparent pixels, which a camera does not produce",
        "save it without transparency, on the background of the training data",
        path=file,
    )
