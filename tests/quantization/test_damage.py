"""A model that quantization destroys is never quiet."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.cli.main import main as program
from microgen.quantization.damage import damage, is_destroyed
from microgen.quantization.quality import LayerQuality, Quality
from microgen.tflite import parse
from tests.support import models


def unbalanced(factor: float) -> bytes:
    """Two dense layers in float32: one of the values between them is larger than the others, and not used."""
    rng = np.random.default_rng(1)
    b = models.ModelBuilder()
    first = rng.normal(0, 0.3, (16, 8))
    first[0] *= factor
    second = rng.normal(0, 0.3, (5, 16))
    second[:, 0] = 0
    x, middle, y = (b.tensor(n, [1, size], "float32") for n, size in (("x", 8), ("middle", 16), ("y", 5)))
    for source, weights, target in ((x, first, middle), (middle, second, y)):
        w = b.tensor(f"w{target}", weights.shape, "float32", values=weights)
        bias = b.tensor(f"b{target}", weights.shape[:1], "float32", values=np.zeros(len(weights)))
        b.op("FULLY_CONNECTED", [source, w, bias], [target], models.schema.FullyConnectedOptionsT())
    return b.build([x], [y])


@pytest.fixture
def run(monkeypatch):
    """Run a command in this process, and return its exit code."""

    def main(arguments):
        monkeypatch.setattr("sys.argv", ["microgen", *arguments])
        with pytest.raises(SystemExit) as ended:
            program()
        return ended.value.code or 0

    return main


@pytest.fixture
def data(tmp_path):
    np.save(tmp_path / "cal.npy", np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32))
    return tmp_path / "cal.npy"


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (40, 0), (3000, 1)])
def test_noise_at_the_output_is_said_and_ends_quantize_and_build_with_1(tmp_path, data, capsys, run, factor, code):
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    path = tmp_path / "m.tflite"
    path.write_bytes(unbalanced(factor))
    common = [str(path), "--calibration", str(data)]
    assert run(["quantize", *common, "-o", str(tmp_path / "q.tflite")]) == code
    said = " ".join(capsys.readouterr().out.split())
    assert ("quantization destroys this model" in said) == ("--accept-noise" in said) == bool(code)
    assert ("it breaks at FULLY_CONNECTED 'y'" in said) == (factor > 1) and (tmp_path / "q.tflite").exists()
    if not code:
        return
    assert run(["quantize", *common, "-o", str(tmp_path / "q.tflite"), "--force", "--accept-noise"]) == 0
    built = microgen.build(path, "esp32", calibration=str(data), out=tmp_path / "p", verify=False)
    assert built.is_destroyed and not built.passed and (tmp_path / "p/microgen.json").exists()
    accepted = microgen.build(
        built.source, "esp32", out=tmp_path / "p", verify=False, accept_noise=True, name="m", force=True
    )
    assert accepted.passed and not accepted.is_destroyed and accepted.source.is_destroyed


def layer(index, db, arriving=120.0, is_output=False):
    return LayerQuality(index, "FULLY_CONNECTED", f"y{index}", "", db, 0.0, arriving, is_output)


@pytest.mark.parametrize(
    ("quality", "destroyed", "says"),
    [
        (Quality(9, (layer(0, 20.0, is_output=True),)), False, ""),
        (Quality(9, (layer(0, 19.9, is_output=True),)), False, "damages this model: 19.9 dB"),
        (Quality(9, (layer(0, 10.0),)), False, "damages"),
        (Quality(9, (layer(0, 9.9),)), True, "destroys"),
        # The worst output counts, not the last operator.
        (Quality(9, (layer(0, 5.0, is_output=True), layer(0, 60.0, is_output=True))), True, "destroys"),
        # Where it breaks, not where it ends.
        (Quality(9, (layer(0, 12.0), layer(0, 9.0, 12.0))), True, "FULLY_CONNECTED 'y0' (12 dB, its input 120)"),
        (Quality(9, (layer(0, 30.0),), (0.9, 0.84)), False, "the accuracy falls from 0.9000 to 0.8400"),
        (Quality(9, (layer(0, 30.0),), (0.9, 0.86)), False, ""),
        (Quality(9, (), (0.9, 0.2)), False, "the accuracy falls"),
        (Quality(9, ()), False, ""),
    ],
)
def test_what_was_lost_is_said_with_the_layer_and_a_remedy(quality, destroyed, says):
    found = damage(quality, parse(models.fully_connected()), "int8")
    assert is_destroyed(quality) == destroyed and not is_destroyed(None)
    assert len(found) == bool(says) and says in "".join(found)


def test_remedies_are_those_that_the_model_does_not_have_yet():
    quality = Quality(9, (layer(0, 3.0),))
    (per_tensor,) = damage(quality, parse(models.fully_connected()), "int8")
    (per_channel,) = damage(quality, parse(models.fully_connected(per_channel=True)), "int16x8")
    assert "scale per channel" in per_tensor and "int16x8" in per_tensor
    assert "scale per channel" not in per_channel and "int16x8" not in per_channel and "qat" in per_channel
