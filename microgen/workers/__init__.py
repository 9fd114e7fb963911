"""What runs in processes of its own: LiteRT, TFLM, the converter and compiled firmware.

    reply = workers.run(TFLM, tflm.run, tflm.RunRequest(model, inputs, arena_bytes))

`job` starts such a process and waits for it, `child` is what it runs, `wire` what crosses. Only NumPy and the engines
are imported here: a build starts half a dozen such processes, and each pays for what it imports.
"""

from .child import report_progress
from .engine import CONVERTER, LITERT, TFLM, TRAINING, Engine
from .job import Job, OnProgress, run, start

__all__ = ["CONVERTER", "LITERT", "TFLM", "TRAINING", "Engine", "Job", "OnProgress", "report_progress", "run", "start"]
