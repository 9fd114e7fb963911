"""The models that all tools get: two made on the spot, and real ones where shared/models lies beside the project."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .measure import ROOT

SHARED = ROOT.parent / "shared" / "models"
MADE = ROOT / "build" / "benchmark-models"


@dataclass(frozen=True)
class Model:
    """A full-int8 .tflite, and the Keras model and calibration data that it was made from, where there are any."""

    name: str
    tflite: Path
    keras: Path | None = None
    data: Path | None = None


# Biases are not zero, as in a trained model: a converter drops those that are.
_MAKE = """
import sys
from pathlib import Path
import keras, numpy as np, microgen
L, folder = keras.layers, Path(sys.argv[1])
keras.utils.set_random_seed(0)
bias = {"bias_initializer": keras.initializers.RandomNormal(stddev=0.1)}
cnn = [L.Conv2D(8, 3, 2, padding="same", activation="relu", **bias),
       L.DepthwiseConv2D(3, padding="same", activation="relu", **bias), L.Conv2D(16, 1, activation="relu", **bias),
       L.GlobalAveragePooling2D(), L.Dense(4, activation="softmax", **bias)]
autoencoder = [*(L.Dense(n, activation="relu", **bias) for n in (32, 8, 32)), L.Dense(64, **bias)]
for name, shape, layers in (("ds_cnn", (16, 16, 1), cnn), ("autoencoder", (64,), autoencoder)):
    model = keras.Sequential([keras.Input(shape), *layers])
    data = np.random.default_rng(0).normal(size=(50, *shape)).astype(np.float32)
    model.save(folder / f"{name}.keras")
    np.save(folder / f"{name}.npy", data)
    microgen.quantize(model, data, out=folder / f"{name}.tflite", force=True)
"""


def collect(problems: list[str]) -> list[Model]:
    """Return the models; what is missing is said in `problems`."""
    found = []
    made = [Model(n, *(MADE / f"{n}.{kind}" for kind in ("tflite", "keras", "npy"))) for n in ("ds_cnn", "autoencoder")]
    if not all(m.tflite.is_file() for m in made):
        MADE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([sys.executable, "-c", _MAKE, MADE], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(f"no models were made: {done.stderr.strip().splitlines()[-1]}")
    found += [m for m in made if m.tflite.is_file()]
    for name in ("hello_world_int8", "kws_ref_model", "ad01_int8", "pretrainedResnet_quant", "micro_speech_quantized"):
        if (SHARED / f"{name}.tflite").is_file():
            found.append(Model(name, SHARED / f"{name}.tflite"))
        else:
            problems.append(f"{name} is not here: shared/models beside the project")
    return found
