"""Times the conversion of a 96x96 MobileNet-like Keras model to int8, in one process: ours and the plain script's.

Both start from the same model in memory and end with the bytes of the .tflite; TensorFlow is loaded before. Ours
includes the float twin that the quality report compares with.
"""

from __future__ import annotations

import json
import sys
import time

from .measure import ROOT, CommandFailed, Row, run


def rows(runs: int, problems: list[str]) -> list[Row]:
    """Time both, in a process of their own."""
    try:
        _, _, peak, said = run([sys.executable, "-m", "benchmarks.conversion", str(runs)], ROOT)
    except CommandFailed as error:
        problems.append(f"conversion: {error}")
        return []
    remarks = {"microgen": "also makes the float model, for the quality report; memory includes both"}
    what = "96x96 MobileNet-like Keras model to int8"
    times = json.loads(said.splitlines()[-1])
    return [Row("parts", what, tool, seconds, peak, remarks.get(tool, "")) for tool, seconds in times.items()]


def mobilenet():
    """MobileNet v1 of width 0.25 for two classes, as MLPerf Tiny's visual wake words has it."""
    import keras

    L = keras.layers
    network = keras.Sequential([keras.Input((96, 96, 3), name="image")])

    def normalized():
        network.add(L.BatchNormalization())
        network.add(L.ReLU())

    network.add(L.Conv2D(8, 3, 2, padding="same", use_bias=False))
    normalized()
    for filters, strides in (
        (16, 1),
        (32, 2),
        (32, 1),
        (64, 2),
        (64, 1),
        (128, 2),
        *[(128, 1)] * 5,
        (256, 2),
        (256, 1),
    ):
        network.add(L.DepthwiseConv2D(3, strides, padding="same", use_bias=False))
        normalized()
        network.add(L.Conv2D(filters, 1, use_bias=False))
        normalized()
    network.add(L.GlobalAveragePooling2D())
    network.add(L.Dense(2, activation="softmax"))
    return network


def plain(model, data) -> bytes:
    """What the converter's own documentation shows."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in data)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def ours(model, data) -> bytes:
    from microgen.frontends.keras.converter import convert
    from microgen.frontends.keras.loading import from_keras

    return convert(from_keras(model), [data], "int8", True)[0]


def main(runs: int) -> None:
    import numpy as np

    data = np.random.default_rng(0).normal(size=(20, 96, 96, 3)).astype(np.float32)
    model = mobilenet()
    found: dict[str, list[float]] = {"microgen": [], "TFLiteConverter.from_keras_model": []}
    for turn in range(runs + 1):
        for tool, convert in zip(found, (ours, plain), strict=True):
            started = time.perf_counter()
            convert(model, data)
            if turn:
                found[tool].append(time.perf_counter() - started)
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
