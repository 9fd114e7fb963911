"""A script around TFLiteConverter, as TensorFlow's documentation of full-integer quantization has it."""

from __future__ import annotations

import sys
from pathlib import Path

from ..models import Model
from .tool import Outcome, Tool, in_tflm

_SCRIPT = """
import sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
data = np.load(sys.argv[2])
converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(sys.argv[1]))
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([sample[None]] for sample in data)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
Path("model.tflite").write_bytes(converter.convert())
"""


def _command(model: Model, folder: Path) -> list[str]:
    return [sys.executable, "-c", _SCRIPT, str(model.keras), str(model.data)]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    return Outcome(".tflite, no C", runs=f"in TFLM: {in_tflm((folder / 'model.tflite').read_bytes())}")


TOOL = Tool("TFLiteConverter script", (), ("keras",), _command, _examine, "starts TensorFlow")
