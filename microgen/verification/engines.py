"""The two interpreters, as jobs for a worker process: LiteRT's reference kernels and TFLM's Python wheel.

Nothing here is called in microgen's own process; see `microgen.worker`. Arrays named "in0", "in1", ... hold the
samples of each input with the sample number first: shape (samples, *input shape). Results are "out0", ...
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EngineError
from ..worker import Arrays, Values

# The wheel crashes, instead of refusing, on arenas of 400 bytes and less.
_SMALLEST_ARENA = 512
_LARGEST_ARENA = 256 * 2**20
_ARENA_STEP = 16


def litert_run(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run samples through LiteRT's BUILTIN_REF kernels, which is what "the Python interpreter says" means here.

    Args:
        values: nothing.
        arrays: "model" (bytes of the .tflite) and the inputs; without inputs the model is only checked.
    """
    interpreter = _litert(arrays["model"].tobytes())
    samples = _samples(arrays)
    return {}, _stack([_litert_once(interpreter, _pick(arrays, "in", s)) for s in range(samples)], "out")


def tflm_arena(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Find the smallest arena, a multiple of 16 bytes, with which TFLM allocates a model and runs it once.

    Args:
        values: nothing.
        arrays: "model" and a few samples.

    Returns:
        values "arena_min_bytes", and what TFLM answers to the samples.
    """
    found = {"arena_bytes": _smallest_arena(arrays["model"].tobytes(), _pick(arrays, "in", 0))}
    return {"arena_min_bytes": found["arena_bytes"]}, tflm_run(found, arrays)[1]


def tflm_run(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run samples through TFLM.

    Args:
        values: "arena_bytes".
        arrays: "model" and the inputs.
    """
    interpreter = _tflm(arrays["model"].tobytes(), int(values["arena_bytes"]))
    samples = _samples(arrays)
    return {}, _stack([_tflm_once(interpreter, _pick(arrays, "in", s)) for s in range(samples)], "out")


def tflm_layers(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run every operator alone in TFLM, on the inputs that it has in the whole model.

    Args:
        values: "arena_bytes" (for the whole model with all tensors kept) and "operators": a list of
            {"index", "inputs", "outputs"} with the tensor numbers that each one-operator model takes and gives.
        arrays: "model", the inputs, and "cut<index>", the bytes of each one-operator model.

    Returns:
        values "unfaithful", the operators whose cut-out gave other bytes than the whole model, and for each
        operator "op<index>_in<k>" and "op<index>_out<k>", samples first.
    """
    from tflite_micro.python.tflite_micro import runtime

    whole = runtime.Interpreter.from_bytes(
        arrays["model"].tobytes(),
        arena_size=int(values["arena_bytes"]),
        intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )
    results: dict[str, list[npt.NDArray[Any]]] = {}
    unfaithful: set[int] = set()
    alone = {
        op["index"]: _tflm(arrays[f"cut{op['index']}"].tobytes(), int(values["arena_bytes"]))
        for op in values["operators"]
    }
    for sample in range(_samples(arrays)):
        _tflm_once(whole, _pick(arrays, "in", sample))
        for op in values["operators"]:
            index = op["index"]
            inputs = [np.array(whole.GetTensor(i, 0)["tensor_data"]) for i in op["inputs"]]
            outputs = _tflm_once(alone[index], inputs)
            for k, (value, tensor) in enumerate(zip(outputs, op["outputs"], strict=True)):
                results.setdefault(f"op{index}_out{k}", []).append(value)
                if value.tobytes() != np.array(whole.GetTensor(tensor, 0)["tensor_data"]).tobytes():
                    unfaithful.add(index)
            for k, value in enumerate(inputs):
                results.setdefault(f"op{index}_in{k}", []).append(value)
    return {"unfaithful": sorted(unfaithful)}, {k: np.stack(v) for k, v in results.items()}


def litert_layers(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run every operator alone in LiteRT, on given inputs.

    Args:
        values: "operators": the indices; "samples": how many.
        arrays: "cut<index>" and "op<index>_in<k>".

    Returns:
        values "refused": {index: reason} for operators that LiteRT does not run alone, and "op<index>_out<k>".
    """
    results: Arrays = {}
    refused: dict[str, str] = {}
    for index in values["operators"]:
        try:
            interpreter = _litert(arrays[f"cut{index}"].tobytes())
            runs = [_litert_once(interpreter, _pick(arrays, f"op{index}_in", s)) for s in range(int(values["samples"]))]
        except (RuntimeError, ValueError) as error:
            refused[str(index)] = str(error)
            continue
        results.update(_stack(runs, f"op{index}_out"))
    return {"refused": refused}, results


def _samples(arrays: Arrays) -> int:
    return len(arrays["in0"]) if "in0" in arrays else 0


def _pick(arrays: Arrays, prefix: str, sample: int) -> list[npt.NDArray[Any]]:
    picked: list[npt.NDArray[Any]] = []
    while f"{prefix}{len(picked)}" in arrays:
        picked.append(arrays[f"{prefix}{len(picked)}"][sample])
    return picked


def _stack(runs: list[list[npt.NDArray[Any]]], prefix: str) -> Arrays:
    return {f"{prefix}{k}": np.stack([run[k] for run in runs]) for k in range(len(runs[0]))} if runs else {}


def _litert(model: bytes) -> Any:  # noqa: ANN401 - the engine has no types
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    return interpreter


def _litert_once(interpreter: Any, inputs: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:  # noqa: ANN401
    interpreter.reset_all_variables()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def _tflm(model: bytes, arena_bytes: int) -> Any:  # noqa: ANN401
    from tflite_micro.python.tflite_micro import runtime

    return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)


def _tflm_once(interpreter: Any, inputs: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:  # noqa: ANN401
    interpreter.reset()
    for k, value in enumerate(inputs):
        interpreter.set_input(value.reshape(interpreter.get_input_details(k)["shape"]), k)
    interpreter.invoke()
    outputs: list[npt.NDArray[Any]] = []
    while True:
        try:
            outputs.append(np.array(interpreter.get_output(len(outputs))))
        except (IndexError, RuntimeError):
            return outputs


def _smallest_arena(model: bytes, inputs: list[npt.NDArray[Any]]) -> int:
    # Before the first fork, or each child would load it again.
    importlib.import_module("tflite_micro.python.tflite_micro.runtime")

    def works(arena: int, invoke: bool = False) -> bool:
        # In a child of its own: TFLM crashes, on some models, in an arena that is a little too small.
        child = os.fork()
        if child == 0:
            code = 1
            try:
                interpreter = _tflm(model, arena)
                if invoke:
                    _tflm_once(interpreter, inputs)
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(child, 0)[1] == 0

    enough = 16 * 1024
    while not works(enough):
        enough *= 2
        if enough > _LARGEST_ARENA:
            # Not for want of memory: run once more so that the reason is the last thing that TFLM prints.
            _tflm_once(_tflm(model, 16 * 2**20), inputs)
            raise EngineError("TFLM", "the model does not run in an arena of 256 MiB", "use a smaller model")
    too_small = max(enough // 2, _SMALLEST_ARENA) if enough > 16 * 1024 else _SMALLEST_ARENA - _ARENA_STEP
    while enough - too_small > _ARENA_STEP:
        middle = (too_small + enough) // 2 // _ARENA_STEP * _ARENA_STEP
        if works(middle):
            enough = middle
        else:
            too_small = middle
    # All memory is planned when tensors are allocated; that it suffices is still tried, not assumed.
    while not works(enough, invoke=True):
        enough += _ARENA_STEP
        if enough > 2 * too_small + 2**16:
            _tflm_once(_tflm(model, enough), inputs)
    return enough
