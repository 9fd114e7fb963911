"""From a Keras model or a recipe to full int8: the only room that uses TensorFlow, in a worker process.

The converter takes its process down on some models, so nothing here imports TensorFlow outside a job.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import worker
from .errors import EngineError, InputError, SetupError
from .tflite import TfliteModel, parse
from .worker import Arrays, Values

_DEADLINE_S = 900.0
_CALIBRATION_MAX = 500


@dataclass(frozen=True)
class Quantized:
    """A full-int8 model with the data that it was calibrated on.

    Attributes:
        model: the .tflite.
        calibration: float32 arrays, one an input, samples first.
        labels: what the outputs stand for.
        metrics: what the training measured on held-out data, by name; empty when nothing was trained.
    """

    model: TfliteModel
    calibration: tuple[npt.NDArray[Any], ...]
    labels: tuple[str, ...]
    metrics: dict[str, float]


def load_calibration(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """Read calibration data from an .npz or .npy file.

    Returns:
        Arrays by name, samples first; an .npy has the one name "".

    Raises:
        InputError: missing, not such a file, empty, or with values that are not finite numbers.
    """
    path = Path(path)
    hint = "save it with numpy.savez('data.npz', x=samples), samples first"
    try:
        stored = np.load(path, allow_pickle=False)
        arrays = {"": stored} if isinstance(stored, np.ndarray) else {k: stored[k] for k in stored.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint) from None
    except Exception as error:  # zipfile, pickle and NumPy raise half a dozen kinds
        raise InputError(f"{path}: not an .npz or .npy of plain numbers ({error})", hint) from None
    if not arrays:
        raise InputError(f"{path}: holds no arrays", hint)
    for name, values in arrays.items():
        what = f"{path}: array '{name}'" if name else str(path)
        if values.dtype.kind not in "fiub":
            raise InputError(f"{what} is {values.dtype}, not numbers", hint)
        if not values.ndim or not len(values):
            raise InputError(f"{what} has no samples", hint)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{what} has values that are NaN or infinite", "clean the data first")
    if len({len(v) for v in arrays.values()}) > 1:
        raise InputError(f"{path}: its arrays have different numbers of samples", hint)
    return arrays


def quantize_keras(
    path: str | Path,
    calibration: dict[str, npt.NDArray[Any]],
    name: str,
    *,
    per_channel_dense: bool,
    seed: int,
) -> Quantized:
    """Quantize a .keras file to full int8 (post-training, int8 in and out).

    Args:
        path: the Keras 3 model.
        calibration: the representative dataset by input name, or in the order of the inputs.
        name: the model's name.
        per_channel_dense: whether the board's TFLM takes per-channel FULLY_CONNECTED.
        seed: seed of everything random.

    Raises:
        SetupError: TensorFlow is not installed.
        InputError: the data does not fit the model's inputs.
        EngineError: Keras cannot read it, or the converter refuses or crashes.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file", "give the path of a .tflite or .keras model")
    values = {
        "path": str(path.absolute()),
        "names": list(calibration),
        "per_channel_dense": per_channel_dense,
        "seed": seed,
    }
    arrays = {f"data{k}": v for k, v in enumerate(calibration.values())}
    return _converted(name, _convert("quantize_job", values, arrays))


def train_recipe(recipe: str, *, per_channel_dense: bool, seed: int, epochs: int | None = None) -> Quantized:
    """Train a recipe and quantize it to full int8.

    Args:
        recipe: its name.
        per_channel_dense: whether the board's TFLM takes per-channel FULLY_CONNECTED.
        seed: seed of data, weights and training; the same seed gives the same bytes.
        epochs: instead of the recipe's own number.

    Raises:
        SetupError: TensorFlow is not installed.
        EngineError: the converter refuses or crashes.
    """
    values = {"recipe": recipe, "per_channel_dense": per_channel_dense, "seed": seed, "epochs": epochs}
    return _converted(recipe, _convert("recipe_job", values, {}))


def quantize_job(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Load a .keras file and convert it. Runs in a worker."""
    import keras

    _make_deterministic(int(values["seed"]))
    try:
        model = keras.models.load_model(values["path"], compile=False)
    except Exception as error:
        raise InputError(
            f"{Path(values['path']).name}: Keras {keras.__version__} cannot load it: {error}",
            "save it with Keras 3: model.save('model.keras')",
        ) from None
    by_name = dict(zip(values["names"], (arrays[f"data{k}"] for k in range(len(values["names"]))), strict=True))
    data = _match_inputs([(t.name, tuple(t.shape[1:])) for t in model.inputs], by_name)
    return {"labels": [], "metrics": {}}, {
        "tflite": _to_int8(model, data, bool(values["per_channel_dense"])),
        **{f"calibration{k}": d for k, d in enumerate(data)},
    }


def recipe_job(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Train a recipe and convert it. Runs in a worker."""
    from .recipes import load_recipe

    recipe = load_recipe(values["recipe"])
    _make_deterministic(int(values["seed"]))
    data, model = recipe.data(int(values["seed"])), recipe.model()
    model.fit(
        data.train_x,
        data.train_y,
        epochs=values["epochs"] or recipe.epochs,
        batch_size=recipe.batch_size,
        verbose=0,
    )
    metrics = model.evaluate(data.test_x, data.test_y, verbose=0, return_dict=True)
    calibration = data.train_x[:_CALIBRATION_MAX]
    return {"labels": list(recipe.labels), "metrics": {k: float(v) for k, v in metrics.items()}}, {
        "tflite": _to_int8(model, [calibration], bool(values["per_channel_dense"])),
        "calibration0": calibration,
    }


def _convert(job: str, values: Values, arrays: Arrays) -> worker.Reply:
    for package in ("tensorflow", "keras"):
        if importlib.util.find_spec(package) is None:
            raise SetupError(
                f"training and converting need TensorFlow, and {package} is not installed",
                "pip install 'microgen[train]' (a quantized .tflite needs no TensorFlow)",
            )
    # One thread and no oneDNN reordering: the same seed gives the same bytes.
    environment = {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    with worker.start("converter", f"{__name__}:{job}", values, arrays, environment) as running:
        return running.result(_DEADLINE_S)


def _converted(name: str, reply: worker.Reply) -> Quantized:
    calibration: list[npt.NDArray[Any]] = []
    while f"calibration{len(calibration)}" in reply.arrays:
        calibration.append(reply.arrays[f"calibration{len(calibration)}"])
    model = parse(reply.arrays["tflite"].tobytes(), name, "the converted model")
    return Quantized(model, tuple(calibration), tuple(reply.values["labels"]), reply.values["metrics"])


def _make_deterministic(seed: int) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)


def _match_inputs(
    inputs: Sequence[tuple[str, tuple[int | None, ...]]], data: dict[str, npt.NDArray[Any]]
) -> list[npt.NDArray[np.float32]]:
    """Bring calibration data into the order of the model's inputs, and check its shapes."""
    names = [name for name, _ in inputs]
    if len(data) != len(inputs):
        raise InputError(
            f"the model has {len(inputs)} inputs ({', '.join(names)}), the calibration data {len(data)} arrays",
            "store one array an input, under the inputs' names",
        )
    ordered = [data[n] for n in names] if set(names) == set(data) else list(data.values())
    result = []
    for (name, shape), values in zip(inputs, ordered, strict=True):
        fits = len(shape) == values.ndim - 1 and all(
            s in (None, d) for s, d in zip(shape, values.shape[1:], strict=True)
        )
        if not fits:
            raise InputError(
                f"input '{name}' takes samples of shape {list(shape)}, "
                f"the calibration data has {list(values.shape[1:])}",
                "the first dimension of the data counts the samples",
            )
        result.append(values[:_CALIBRATION_MAX].astype(np.float32))
    return result


def _to_int8(model: Any, data: Sequence[npt.NDArray[np.float32]], per_channel_dense: bool) -> npt.NDArray[np.uint8]:  # noqa: ANN401
    """Convert with a batch of 1, from frozen functions unless the model is recurrent.

    A fixed batch keeps SHAPE and PACK out of the graph and lets batch norm fold; frozen functions convert
    several times as fast, but break recurrent layers.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [
        tf.TensorSpec((1, *values.shape[1:]), tf.float32, name=tensor.name)
        for tensor, values in zip(model.inputs, data, strict=True)
    ]
    call = tf.function(lambda *inputs: model(inputs[0] if len(inputs) == 1 else list(inputs), training=False))
    concrete = call.get_concrete_function(*signature)
    recurrent = any(isinstance(layer, keras.layers.RNN) for layer in model._flatten_layers())
    if recurrent:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    else:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(concrete)])

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
        for i in range(len(data[0])):
            yield [values[i : i + 1] for values in data]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel_dense
    try:
        return np.frombuffer(converter.convert(), np.uint8)
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise EngineError(
            "converter", reason[0] if reason else type(error).__name__, "use layers that TFLM has; see README"
        ) from None
