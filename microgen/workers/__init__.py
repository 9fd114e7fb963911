"""What runs in processes of its own: LiteRT, TFLM, the converter and compiled firmware.

    reply = workers.run(TFLM, tflm.run, tflm.RunRequest(model, inputs, arena_bytes))

`job` starts such a process and waits for it, `child` is what it runs, `wire` what crosses. The interpreters' processes
are forked from a server that has loaded them (`fork_server`), which `prepare` starts before there is a job. Only NumPy
and the engines are imported here, late: each process pays for what it imports.
"""

from .child import report_progress
from .engine import CONVERTER, LITERT, TFLM, TRAINING, Engine
from .fork_server import prepare
from .job import Job, OnProgress, run, start

__all__ = [
    "CONVERTER",
    "LITERT",
    "TFLM",
    "TRAINING",
    "Engine",
    "Job",
    "OnProgress",
    "prepare",
    "report_progress",
    "run",
    "start",
]
