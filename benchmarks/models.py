"""The models that the tools get: some made on the spot, and real ones where shared/models lies beside the project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .measure import ROOT

SHARED = ROOT.parent / "shared" / "models"
MADE = ROOT / "build" / "benchmark-models"


@dataclass(frozen=True)
class Model:
    """A model, as a full-int8 .tflite or as ONNX.

    Attributes:
        keras, data: the Keras model and the calibration data that the .tflite was made from, where there are any; an
            ONNX model has data, too.
    """

    name: str
    tflite: Path | None = None
    keras: Path | None = None
    data: Path | None = None
    onnx: Path | None = None

    def file(self, formats: Sequence[str]) -> Path | None:
        """Return its file in the first of some formats that it has."""
        return next((path for name in formats if (path := getattr(self, name))), None)


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


# The network of ds_cnn in float32, and what onnxruntime's own tool makes of it: int8 weights and activations as QDQ.
_MAKE_ONNX = """
import sys
from pathlib import Path
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
nodes, constants = [], []
def weights(*shape):
    constants.append(numpy_helper.from_array(
        (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32), f"c{len(constants)}"))
    return constants[-1].name
def add(kind, *inputs, **attributes):
    nodes.append(helper.make_node(kind, inputs, [f"v{len(nodes)}"], **attributes))
    return f"v{len(nodes) - 1}"
x = add("Relu", add("Conv", "image", weights(8, 1, 3, 3), weights(8), strides=[2, 2], pads=[0, 0, 1, 1]))
x = add("Relu", add("Conv", x, weights(8, 1, 3, 3), weights(8), group=8, pads=[1, 1, 1, 1]))
x = add("Relu", add("Conv", x, weights(16, 8, 1, 1), weights(16)))
x = add("Gemm", add("Flatten", add("GlobalAveragePool", x)), weights(4, 16), weights(4), transB=1)
value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "cnn", [value("image", [1, 1, 16, 16])], [value(x, [1, 4])], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
checker.check_model(model, full_check=True)
save(model, folder / "cnn_float.onnx")
data = rng.normal(size=(100, 1, 16, 16)).astype(np.float32)
class Reader(CalibrationDataReader):
    samples = iter(data)
    def get_next(self):
        sample = next(self.samples, None)
        return None if sample is None else {"image": sample[None]}
quantize_static(folder / "cnn_float.onnx", folder / "cnn_qdq.onnx", Reader(), quant_format=QuantFormat.QDQ,
                per_channel=True, activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
np.save(folder / "cnn.npy", data)
"""


def collect(problems: list[str]) -> list[Model]:
    """Return the models that are a .tflite; what is missing is said in `problems`."""
    found = []
    made = [Model(n, *(MADE / f"{n}.{kind}" for kind in ("tflite", "keras", "npy"))) for n in ("ds_cnn", "autoencoder")]
    found += _made(made, _MAKE, problems)
    for name in ("hello_world_int8", "kws_ref_model", "ad01_int8", "pretrainedResnet_quant", "micro_speech_quantized"):
        if (SHARED / f"{name}.tflite").is_file():
            found.append(Model(name, SHARED / f"{name}.tflite"))
        else:
            problems.append(f"{name} is not here: shared/models beside the project")
    return found


def collect_onnx(problems: list[str]) -> list[Model]:
    """Return the models that are ONNX; what is missing is said in `problems`."""
    made = [Model(n, data=MADE / "cnn.npy", onnx=MADE / f"{n}.onnx") for n in ("cnn_float", "cnn_qdq")]
    return _made(made, _MAKE_ONNX, problems)


def _made(models: Sequence[Model], script: str, problems: list[str]) -> list[Model]:
    """Make models that are not there yet by a script, whose argument is the folder; return those that there are."""
    files = {m.name: [path for path in (m.tflite, m.keras, m.data, m.onnx) if path] for m in models}
    if not all(path.is_file() for paths in files.values() for path in paths):
        MADE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([sys.executable, "-c", script, MADE], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(f"no models were made: {done.stderr.strip().splitlines()[-1]}")
    return [m for m in models if all(path.is_file() for path in files[m.name])]
