"""TFLM of the tflite-micro wheel, in a forked process: some models take it down."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import packed

ARENA = 1 << 22


class Crashed(Exception):
    """TFLM refused the model, or crashed on it."""


def with_all_outputs(data: bytes) -> tuple[bytes, list[int]]:
    """The same model with everything that its operators write as an output, and the tensors in the order of outputs."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    outputs = list(graph.outputs)
    for op in graph.operators:
        outputs += [i for i in op.outputs if i not in outputs and graph.tensors[i].type != 13]
    graph.outputs = outputs
    model.signatureDefs = []
    return packed(model), outputs


def run(models: Sequence[tuple[bytes, Sequence[Sequence[np.ndarray]]]]) -> list[list[list[np.ndarray]] | Crashed]:
    """The outputs of each model for its samples, one after the other: [model][sample][output]."""
    results: list[Any] = []
    while len(results) < len(models):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _child(models[len(results) :], write)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            while True:
                try:
                    results.append(pickle.load(stream))
                except EOFError:
                    break
        status = os.waitpid(pid, 0)[1]
        if len(results) < len(models):
            results.append(Crashed(f"TFLM ended with status {status}"))
    return results


def _child(models: Sequence[tuple[bytes, Sequence[Sequence[np.ndarray]]]], write: int) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    if "TFLM_LOG" not in os.environ:
        os.dup2(silent, 1)
        os.dup2(silent, 2)
    from tflite_micro.python.tflite_micro import runtime

    with os.fdopen(write, "wb") as stream:
        for data, samples in models:
            try:
                interpreter = runtime.Interpreter.from_bytes(data, arena_size=ARENA)
                outputs = len(schema.Model.GetRootAs(data, 0).Subgraphs(0).OutputsAsNumpy())
                answer: Any = []
                for sample in samples:
                    for k, x in enumerate(sample):
                        interpreter.set_input(x, k)
                    interpreter.invoke()
                    answer.append([interpreter.get_output(k).copy() for k in range(outputs)])
            except Exception as error:
                answer = Crashed(str(error))
            pickle.dump(answer, stream)
            stream.flush()
    os._exit(0)
