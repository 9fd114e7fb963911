"""Images of a camera: C against Python, value by value, and both against what floats say."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

from microgen import Image
from microgen.errors import InputError
from microgen.preprocessing.image import to_rgb565
from microgen.support import resources
from tests.support.tools import needs

CODE = resources.path("firmware") / "preprocessing"
SETTINGS = (
    {},
    {"channels": 3, "resize": "nearest"},
    {"format": "grey", "crop": "none", "width": 31, "height": 57},
    {"channels": 3, "source_width": 20, "source_height": 33, "width": 96, "height": 48},
    {"source_width": 7, "source_height": 5, "width": 64, "height": 64, "resize": "nearest"},
    {"source_width": 96, "source_height": 96, "channels": 3},
    {"source_width": 1, "source_height": 2, "width": 3, "height": 5},
    {"width": 1, "height": 1, "crop": "none"},
    {"source_height": 2, "width": 1, "height": 96},  # the result's shape has no column of the camera
    {"source_width": 1, "width": 96, "height": 1},  # and no row
)


def picture(image: Image, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 65536, (image.source_height, image.source_width), np.uint16)


def compiled(folder, image: Image) -> ctypes.CDLL:
    needs("gcc", "gcc")
    for name, text in image.emit("camera").items():
        (folder / name).write_text(text)
    (folder / "feed.c").write_text(
        '#include "camera.h"\n'
        "int feed(unsigned row, const uint16_t* pixels, uint8_t* result) {\n"
        "  return image_process(&camera, row, pixels, result);\n}\n"
    )
    flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"]
    undefined = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    sources = [folder / "feed.c", folder / "camera.c", CODE / "image.c"]
    library = folder / "camera.so"
    subprocess.run(["gcc", *flags, *undefined, f"-I{CODE}", f"-I{folder}", *sources, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def rows(library: ctypes.CDLL, image: Image, source: np.ndarray, numbers=None) -> list[np.ndarray]:
    """The rows that the C code makes of rows of the camera."""
    found = []
    result = np.zeros((image.width, image.channels), np.uint8)
    for number in range(len(source)) if numbers is None else numbers:
        pixels = np.ascontiguousarray(source[number])
        while library.feed(number, pixels.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p)):
            found.append(result.copy())
    return found


@pytest.mark.parametrize("settings", SETTINGS)
def test_c_is_python(tmp_path, settings):
    image = Image(**settings)
    library = compiled(tmp_path, image)
    for seed in range(2):
        source = picture(image, seed)
        found, expected = np.array(rows(library, image, source)), image.pixels(source)
        assert found.shape == expected.shape and (found == expected).all()


def test_an_image_with_a_lost_row_is_left_out(tmp_path):
    image = Image(source_width=8, source_height=8, width=8, height=8, resize="nearest")
    library, source = compiled(tmp_path, image), picture(image)
    assert len(rows(library, image, source, [0, 1, 2, 4, 5, 6, 7])) == 3
    assert len(rows(library, image, source, [5, 6])) == 0
    assert (np.array(rows(library, image, source)) == image.pixels(source)).all()
    # An image that begins anew in the middle.
    assert len(rows(library, image, source, [0, 1, *range(8)])) == 10


def test_pixels_are_those_of_floats():
    rng = np.random.default_rng(3)
    colours = rng.integers(0, 256, (40, 60, 3), np.uint8)
    image = Image(60, 40, 20, 20, 3)
    assert image.area == (10, 0, 40, 40)
    packed = to_rgb565(colours)
    unpacked = Image(60, 40, 60, 40, 3, resize="nearest").pixels(packed)
    assert np.abs(unpacked.astype(int) - colours).max() <= 4
    # Half as large: each pixel is the mean of four.
    blocks = unpacked[:, 10:50].reshape(20, 2, 20, 2, 3).mean(axis=(1, 3))
    assert np.abs(image.pixels(packed) - blocks).max() <= 0.51
    grey = Image(60, 40, 60, 40, resize="nearest").pixels(packed)[:, :, 0]
    assert np.abs(grey - unpacked @ [0.299, 0.587, 0.114]).max() < 1.5
    white = np.full((4, 4, 3), 255, np.uint8)
    assert (Image(4, 4, 9, 5).pixels(to_rgb565(white)) == 255).all()


def test_colours_are_rounded_to_the_nearest():
    values = np.arange(256)
    packed = to_rgb565(np.repeat(values[:, None, None], 3, 2).astype(np.uint8))[:, 0]
    for shift, largest in ((11, 31), (5, 63), (0, 31)):
        assert ((packed >> shift & largest) == np.rint(values * largest / 255)).all()


def test_the_largest_image_is_supported():
    image = Image(2048, 2048, 2048, 2048)
    assert image.area == (0, 0, 2048, 2048) and "ROW 2048" in image.emit()["camera_image.h"]


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"source_height": 1}, {"source_width": 2049}, {"height": 2049}, {"channels": 2},
     {"format": "yuv"}, {"crop": "left"},
     {"resize": "cubic"}, {"format": "grey", "channels": 3}],
)  # fmt: skip
def test_settings_that_cannot_be_computed_are_refused(settings):
    with pytest.raises(InputError):
        Image(**settings)


def test_what_is_no_image_is_refused():
    for wrong in (np.zeros((120, 160)), np.zeros((160, 120), np.uint16)):
        with pytest.raises(InputError):
            Image().pixels(wrong)
    for wrong in (np.zeros((3, 3), np.uint8), np.zeros((3, 3, 4), np.uint8), np.zeros((3, 3, 3))):
        with pytest.raises(InputError):
            to_rgb565(wrong)
    with pytest.raises(InputError):
        Image().emit("image")
