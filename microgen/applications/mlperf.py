"""MLPerf Tiny's tasks: what the benchmark's runner sends to a firmware, and what it reads back, for each.

From the benchmark's own reference submissions (mlcommons/tiny, benchmark/reference_submissions): image tasks send
uint8 pixels, of which the firmware takes 128; anomaly detection sends float32 features and reads the mean squared
error of what the autoencoder makes of them; keyword spotting sends the tensor's own int8 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..boards import Board
from ..errors import InputError, option
from ..tflite import TfliteModel
from .application import ApplicationPart, Files
from .serial import Sensorless, firmware_files

_PIXELS = "mlperf/pixels.cc"
_RECONSTRUCTION = "mlperf/reconstruction.cc"
_BY_TASK = {
    "ad01": _RECONSTRUCTION,
    "ic01": _PIXELS,
    "kws01": "serial/application.cc",
    "vww01": _PIXELS,
}
TASKS = tuple(_BY_TASK)
_WITHOUT = f"build without {option('mlperf')}"
_TASK = "task"


@dataclass(frozen=True)
class _MlPerf(Sensorless):
    """The serial commands as one task wants them; see `Application`."""

    task: str = "kws01"
    name: str = "mlperf"

    @property
    def options(self) -> Mapping[str, str]:
        return {_TASK: self.task}

    def with_options(self, options: Mapping[str, str]) -> _MlPerf:
        for name in options:
            if name != _TASK:
                raise InputError(f"the application 'mlperf' has no option '{name}'", f"it has '{_TASK}'")
        task = options.get(_TASK, self.task)
        if task not in TASKS:
            raise InputError("no such task", f"choose one of {', '.join(TASKS)}", option="mlperf", value=task)
        return _MlPerf(task)

    def check(self, model: TfliteModel, board: Board, labels: Sequence[str] = ()) -> None:
        first = model.inputs[0]
        one_int8 = len(model.inputs) == 1 and first.dtype == "int8" and first.quantization is not None
        if self._source == _PIXELS and not one_int8:
            raise InputError("needs a model with one int8 input", _WITHOUT, option="mlperf", value=self.task)
        if self._source == _RECONSTRUCTION and not (one_int8 and model.outputs[0].elements == first.elements):
            raise InputError(
                "needs an autoencoder: one int8 input, and an output of as many elements",
                _WITHOUT,
                option="mlperf",
                value=self.task,
            )

    def sources(self) -> Files:
        return firmware_files("application.h", self._source)

    def parts(self, model: TfliteModel) -> tuple[ApplicationPart, ...]:
        if self._source != _RECONSTRUCTION:
            return ()
        return (ApplicationPart("input as float32", 0, 4 * model.inputs[0].elements),)

    @property
    def _source(self) -> str:
        return _BY_TASK[self.task]


APPLICATION = _MlPerf()
