"""MLPerf Tiny's tasks: what the benchmark's runner sends to a firmware, and what it reads back, for each.

From the benchmark's own reference submissions (mlcommons/tiny, benchmark/reference_submissions): image tasks send
uint8 pixels, of which the firmware takes 128; anomaly detection sends float32 features and reads the mean squared
error of what the autoencoder makes of them; keyword spotting sends the tensor's own int8 bytes.
"""

from __future__ import annotations

from ..errors import InputError
from ..tflite import TfliteModel
from .serial import Options

TASKS = {
    "ad01": Options(reconstruction_error=True),
    "ic01": Options(uint8_pixels=True),
    "kws01": Options(),
    "vww01": Options(uint8_pixels=True),
}


def task_options(task: str, model: TfliteModel) -> Options:
    """Return what a task of MLPerf Tiny asks of the serial commands.

    Args:
        task: the benchmark's code for it, "ic01" say.
        model: the model that is to answer.

    Raises:
        InputError: there is no such task, or the model's inputs and outputs are not such as the task's.
    """
    if task not in TASKS:
        raise InputError(f"--mlperf {task}: no such task", f"choose one of {', '.join(TASKS)}")
    options = TASKS[task]
    first = model.inputs[0]
    one_int8 = len(model.inputs) == 1 and first.dtype == "int8" and first.quantization is not None
    if options.uint8_pixels and not one_int8:
        raise InputError(f"--mlperf {task}: needs a model with one int8 input", "build without --mlperf")
    if options.reconstruction_error and not (one_int8 and model.outputs[0].elements == first.elements):
        raise InputError(
            f"--mlperf {task}: needs an autoencoder: one int8 input, and an output of as many elements",
            "build without --mlperf",
        )
    return options
