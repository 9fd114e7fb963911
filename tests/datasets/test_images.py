"""Images of every mode: as a camera application gives them to a model, or refused by name."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from microgen.datasets import InputSpec, limits, request, resolve
from microgen.errors import InputError

image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

GREY, COLOUR = InputSpec("x", (8, 8, 1)), InputSpec("x", (8, 8, 3))
RAMP = np.linspace(0, 1, 64).reshape(8, 8)
SIXTEEN = np.round(RAMP * 65535).astype(np.uint16)
EIGHT = np.round(RAMP * 255).astype(np.uint8)


def read(folder, spec=GREY):
    return resolve(request(folder), [spec]).arrays[0]


def pgm(most):
    return b"P5 8 8 %d\n" % most + np.round(RAMP * most).astype(">u2" if most > 255 else "u1").tobytes()


RAMPS = {
    "8 bits": lambda path: image.fromarray(EIGHT).save(path / "a.png"),
    "16 bits, PNG": lambda path: image.fromarray(SIXTEEN).save(path / "a.png"),
    "16 bits, TIFF": lambda path: image.fromarray(SIXTEEN).save(path / "a.tif"),
    "16 bits, TIFF where 0 is white": lambda path: image.fromarray(65535 - SIXTEEN).save(
        path / "a.tif", tiffinfo={262: 0}
    ),
    "16 bits, PGM": lambda path: (path / "a.pgm").write_bytes(pgm(65535)),
    "10 bits, PGM": lambda path: (path / "a.pgm").write_bytes(pgm(1023)),
    "4 bits, PGM": lambda path: (path / "a.pgm").write_bytes(pgm(15)),
    "16 bits, PPM": lambda path: (path / "a.ppm").write_bytes(
        b"P6 8 8 65535\n" + np.repeat(SIXTEEN.astype(">u2"), 3).tobytes()
    ),
    "a palette": lambda path: image.fromarray(EIGHT).convert("P").save(path / "a.png"),
    "an opaque alpha channel": lambda path: image.fromarray(EIGHT).convert("RGBA").save(path / "a.png"),
    "grey with an opaque alpha channel": lambda path: image.fromarray(EIGHT).convert("LA").save(path / "a.png"),
    "CMYK": lambda path: image.merge(
        "CMYK", [*[image.fromarray(255 - EIGHT)] * 3, image.new("L", (8, 8), 0)]
    ).save(path / "a.tif"),
    "YCbCr": lambda path: image.fromarray(EIGHT).convert("YCbCr").save(path / "a.tif"),
}  # fmt: skip


@pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("save", RAMPS.values(), ids=RAMPS)
def test_a_ramp_from_black_to_white_is_one_whatever_it_is_stored_as(save, spec, tmp_path):
    save(tmp_path)
    tolerance = 1.01 / 15 if "P5 8 8 15" in next(tmp_path.iterdir()).read_bytes()[:9].decode("latin1") else 1.2 / 255
    np.testing.assert_allclose(read(tmp_path, spec)[0], np.repeat(RAMP[:, :, None], spec.shape[2], 2), atol=tolerance)


def test_sixteen_bits_are_not_cut_to_eight(tmp_path):
    image.fromarray(SIXTEEN).save(tmp_path / "a.png")
    np.testing.assert_allclose(read(tmp_path)[0, :, :, 0], SIXTEEN / 65535, atol=1e-6)


@pytest.mark.parametrize(("name", "orientation"), [(n, o) for n in ("a.jpg", "a.png", "a.tif") for o in (1, 3, 6, 8)])
def test_photographs_are_turned_as_their_exif_says(name, orientation, tmp_path):
    left = np.zeros((8, 8), np.uint8)
    left[:, :4] = 255
    exif = image.Exif()
    exif[0x0112] = orientation
    image.fromarray(left).save(tmp_path / name, exif=exif)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]  # counter-clockwise: 6 says that it must be turned right
    np.testing.assert_allclose(read(tmp_path)[0, :, :, 0], np.rot90(left / 255, turns), atol=0.02)


def alpha(path):
    picture = image.fromarray(EIGHT).convert("RGBA")
    picture.putpixel((3, 3), (1, 2, 3, 254))
    picture.save(path / "a.png")


def eps(path):
    (path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")


def wide(path):
    header = struct.pack(">IIBBBBB", limits.IMAGE_PIXELS, 2, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + b"\0\0\0\0"
    (path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)


def declared(path):
    """A picture of one pixel more than is decoded, all of it declared and none of it there."""
    (path / "a.pgm").write_bytes(b"P5 %d 1 255\n" % (limits.IMAGE_PIXELS + 1))


REFUSED = {
    "floats": (lambda path: image.fromarray(RAMP.astype(np.float32)).save(path / "a.tif"), "floating-point"),
    "32 bits": (lambda path: image.fromarray(SIXTEEN.astype(np.int32)).save(path / "a.tif"), "32-bit or signed"),
    "Lab": (lambda path: image.new("LAB", (8, 8)).save(path / "a.tif"), "the mode LAB"),
    "transparent pixels": (alpha, "transparent pixels"),
    "a transparent colour": (
        lambda path: image.fromarray(EIGHT).save(path / "a.png", transparency=int(EIGHT[4, 4])),
        "transparent pixels",
    ),
    "a transparent colour of a palette": (
        lambda path: image.fromarray(EIGHT).convert("P").save(path / "a.gif", transparency=int(EIGHT[4, 4])),
        "transparent pixels",
    ),
    "a program of another name": (eps, "cannot be read as an image"),
    "more pixels than are decoded": (declared, r"has 50000001 x 1 pixels, more than the limit of 50,000,000"),
    "far more than Pillow decodes": (wide, "cannot be read as an image|pixels"),
    "no pixels": (lambda path: (path / "a.pgm").write_bytes(b"P5 0 0 255\n"), "cannot be read as an image"),
    "a maximum of 0": (lambda path: (path / "a.pgm").write_bytes(b"P5 2 2 0\n\0\0\0\0"), "cannot be read as an image"),
    "an end in the middle": (lambda path: (path / "a.pgm").write_bytes(pgm(255)[:-9]), "cannot be read as an image"),
}


@pytest.mark.parametrize(("save", "says"), REFUSED.values(), ids=REFUSED)
def test_what_no_camera_gives_is_refused_and_named(save, says, tmp_path):
    save(tmp_path)
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path)
    assert caught.value.path == str(next(tmp_path.iterdir()))


def test_ghostscript_is_not_started(tmp_path, monkeypatch):
    from PIL import EpsImagePlugin

    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: started.append(1))
    eps(tmp_path)
    with pytest.raises(InputError):
        read(tmp_path)
    assert not started


def test_images_are_not_taken_for_a_time_series(tmp_path):
    image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"takes \[100, 6\], a time series"):
        resolve(request(tmp_path), [InputSpec("x", (100, 6))])
