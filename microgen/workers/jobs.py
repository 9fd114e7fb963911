"""The two interpreters, as jobs for a worker process: LiteRT's reference kernels and TFLM's Python wheel.

Nothing here is called in microgen's own process; see `workers.process`. Arrays named "in0", "in1", ... hold the
samples of each input with the sample number first: shape (samples, *input shape). Results are "out0", ...
"""

from __future__ import annotations

import functools
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import largest
from .process import Arrays, Values

# The wheel crashes, instead of refusing, on arenas of 400 bytes and less.
_SMALLEST_ARENA = 512
_ARENA_STEP = 16


def litert_run(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run samples through LiteRT's BUILTIN_REF kernels, which is what "the Python interpreter says" means here.

    Args:
        values: "sequence": how many samples to run once more, one after the other without a reset.
        arrays: "model" (bytes of the .tflite) and the inputs; without inputs the model is only checked.
    """
    interpreter = _litert(arrays["model"].tobytes())
    return {}, _run(values, arrays, lambda inputs, fresh: _litert_once(interpreter, inputs, fresh))


def tflm_arena(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Find the smallest arena, a multiple of 16 bytes, with which TFLM allocates a model and runs it once.

    Args:
        values: "predicted_bytes", where to begin.
        arrays: "model" and a few samples.

    Returns:
        values "arena_min_bytes", and what TFLM answers to the samples.
    """
    inputs = _pick(arrays, "in", 0)
    found = _smallest_arena(arrays["model"].tobytes(), inputs, int(values["predicted_bytes"]))
    return {"arena_min_bytes": found}, tflm_run({"arena_bytes": found}, arrays)[1]


def tflm_run(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run samples through TFLM.

    Args:
        values: "arena_bytes", and "sequence" as in `litert_run`.
        arrays: "model" and the inputs.
    """
    interpreter = _tflm(arrays["model"].tobytes(), int(values["arena_bytes"]))
    return {}, _run(values, arrays, lambda inputs, fresh: _tflm_once(interpreter, inputs, fresh))


def tflm_layers(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run every operator alone in TFLM, on the inputs that it has in the whole model.

    Args:
        values: "arena_bytes" (for the whole model with all tensors kept), "keep_state" (whether the samples are one
            sequence) and "operators": a list of {"key", "subgraph", "inputs", "outputs"} with the tensor numbers
            that each one-operator model takes and gives, and {"axis", "count", "state"} where it is run step by step.
        arrays: "model", the inputs, "cut<key>", the bytes of each one-operator model, and "step<key>", of the same
            for one step.

    Returns:
        values "unfaithful", the operators whose cut-out gave other bytes than the whole model, and for each
        operator "op<key>_in<k>", "op<key>_out<k>" and "op<key>_state", the state after each step, samples first.
    """
    arena = int(values["arena_bytes"])
    whole = _tflm(arrays["model"].tobytes(), arena, keep_all=True)
    results: dict[str, list[npt.NDArray[Any]]] = {}
    unfaithful: dict[str, int] = {}
    alone = {op["key"]: _tflm(arrays[f"cut{op['key']}"].tobytes(), arena) for op in values["operators"]}
    stepping = {
        op["key"]: _tflm(arrays[f"step{op['key']}"].tobytes(), arena, keep_all=True)
        for op in values["operators"]
        if "axis" in op
    }
    samples = _samples(arrays)
    for sample in range(samples):
        fresh = sample == 0 or not values["keep_state"]
        _tflm_once(whole, _pick(arrays, "in", sample), fresh)
        for op in values["operators"]:
            key, graph = op["key"], op["subgraph"]
            inputs = [_tflm_tensor(whole, i, graph) for i in op["inputs"]]
            outputs = _tflm_once(alone[key], inputs, fresh)
            same = True
            for k, (value, tensor) in enumerate(zip(outputs, op["outputs"], strict=True)):
                results.setdefault(f"op{key}_out{k}", []).append(value)
                same &= value.tobytes() == _tflm_tensor(whole, tensor, graph).tobytes()
            if "axis" in op:
                one = stepping[key]
                run, read = functools.partial(_tflm_once, one), functools.partial(_tflm_tensor, one)
                same &= _stepwise(results, op, inputs, outputs, run, read, fresh)
            if not same:
                unfaithful[key] = unfaithful.get(key, 0) + 1
            for k, value in enumerate(inputs):
                results.setdefault(f"op{key}_in{k}", []).append(value)
    # A branch that control flow does not take on some sample keeps what it had, and says nothing there.
    found = [
        op["key"] for op in values["operators"] if unfaithful.get(op["key"], 0) >= (samples if op["subgraph"] else 1)
    ]
    return {"unfaithful": found}, {k: np.stack(v) for k, v in results.items()}


def litert_layers(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Run every operator alone in LiteRT, on given inputs.

    Args:
        values: "operators": as for `tflm_layers`, with "kernels", the OpResolverType to use; "samples": how many;
            "keep_state".
        arrays: "cut<key>", "step<key>" and "op<key>_in<k>".

    Returns:
        values "refused": {key: reason} for operators that LiteRT does not run alone, "unfaithful": those that compute
        something else step by step, and "op<key>_out<k>" and "op<key>_state".
    """
    results: Arrays = {}
    refused: dict[str, str] = {}
    unfaithful = []
    for op in values["operators"]:
        key, same, states = op["key"], True, dict[str, list[npt.NDArray[Any]]]()
        try:
            interpreter = _litert(arrays[f"cut{key}"].tobytes(), op["kernels"])
            one = _litert(arrays[f"step{key}"].tobytes(), op["kernels"]) if "axis" in op else None
            runs = []
            for sample in range(int(values["samples"])):
                inputs, fresh = _pick(arrays, f"op{key}_in", sample), sample == 0 or not values["keep_state"]
                runs.append(_litert_once(interpreter, inputs, fresh))
                if one is not None:
                    run = functools.partial(_litert_once, one)
                    same &= _stepwise(states, op, inputs, runs[-1], run, one.get_tensor, fresh)
        except (RuntimeError, ValueError) as error:
            refused[key] = str(error)
            continue
        if not same:
            unfaithful.append(key)
        results.update(_stack(runs, f"op{key}_out"))
        results.update({k: np.stack(v) for k, v in states.items()})
    return {"refused": refused, "unfaithful": unfaithful}, results


def litert_noise(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Compare tensors of a quantized model with those of its float twin, in LiteRT on the same samples.

    Args:
        values: "tensors", one list a pair: numbers in the quantized and the float model, scale, zero point and
            the least and greatest quantized value; "samples" to compare; "classify" to name each sample's class.
        arrays: "model", "float" (both models), "in0", ... and "float0", ... (their inputs).

    Returns:
        One element a pair: "signal" and "noise", sums of squares in real units; "outside", how many values the
        quantized tensor cannot represent, of "seen". "float_class" and "class", the largest output of each sample.
    """
    engines = [
        _litert(arrays[name].tobytes(), "BUILTIN_WITHOUT_DEFAULT_DELEGATES", keep_all=True)
        for name in ("float", "model")
    ]
    sums = np.zeros((4, len(values["tensors"])))
    classes: list[list[int]] = [[], []]
    for sample in range(_samples(arrays)):
        for engine, prefix, found in zip(engines, ("float", "in"), classes, strict=True):
            outputs = _litert_once(engine, _pick(arrays, prefix, sample))
            if values["classify"]:
                found.append(int(outputs[0].argmax()))
        if sample >= values["samples"]:
            continue
        for k, (ours, theirs, scale, zero, low, high) in enumerate(values["tensors"]):
            real = engines[0].get_tensor(theirs).astype(np.float64)
            stored = (engines[1].get_tensor(ours).astype(np.float64) - zero) * scale
            outside = (real < (low - zero - 1) * scale) | (real > (high - zero + 1) * scale)
            sums[:, k] += (real**2).sum(), ((real - stored) ** 2).sum(), outside.sum(), real.size
    named = dict(zip(("signal", "noise", "outside", "seen"), sums, strict=True))
    named |= {name: np.array(found, np.int64) for name, found in zip(("float_class", "class"), classes, strict=True)}
    return {}, named


def _stepwise(
    results: dict[str, list[npt.NDArray[Any]]],
    op: Values,
    inputs: list[npt.NDArray[Any]],
    outputs: list[npt.NDArray[Any]],
    once: Callable[[list[npt.NDArray[Any]], bool], list[npt.NDArray[Any]]],
    state: Callable[[int], npt.NDArray[Any]],
    fresh: bool,
) -> bool:
    """Run one inference of an operator step by step, and note its state after each.

    Returns:
        Whether the steps gave what the operator gave at once.
    """
    answers, states = [], []
    for step in range(op["count"]):
        piece = np.take(inputs[0], [step], axis=op["axis"])
        answers.append(once([piece], fresh and step == 0)[0])
        states.append(state(op["state"]).copy())
    results.setdefault(f"op{op['key']}_state", []).append(np.stack(states))
    return bool(np.array_equal(np.concatenate(answers, axis=op["axis"]), outputs[0]))


def shrink(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Make an input that an operator answers differently in both interpreters as plain as possible.

    Elements are set to the zero point of their input, in ever smaller groups, as long as the difference stays
    beyond the bound (delta debugging, Zeller and Hildebrandt 2002).

    Args:
        values: "bound_lsb", "zero_points" (one an input), "kernels" (OpResolverType), "arena_bytes", "seconds"
            (when to stop).
        arrays: "model", the operator alone, and "in<k>", one sample of each input.

    Returns:
        "in<k>", "tflm<k>" and "litert<k>"; values "changed", how many elements are not at their zero point.
    """
    model = arrays["model"].tobytes()
    litert, tflm = _litert(model, values["kernels"]), _tflm(model, int(values["arena_bytes"]))
    inputs = _pick(arrays, "in", 0)

    def answers(candidate: list[npt.NDArray[Any]]) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
        return _tflm_once(tflm, candidate), _litert_once(litert, candidate)

    def is_beyond(candidate: list[npt.NDArray[Any]]) -> bool:
        return any(largest(a, b) > values["bound_lsb"] for a, b in zip(*answers(candidate), strict=True))

    stop = time.monotonic() + float(values["seconds"])
    for k, zero in enumerate(values["zero_points"]):
        flat = inputs[k].reshape(-1)
        if flat.dtype.kind not in "iuf":
            continue
        group = flat.size
        while group and time.monotonic() < stop:
            for start in range(0, flat.size, group):
                kept = flat[start : start + group].copy()
                if (kept != zero).any() and time.monotonic() < stop:
                    flat[start : start + group] = zero
                    if not is_beyond(inputs):
                        flat[start : start + group] = kept
            group //= 2
    changed = sum(int((a != z).sum()) for a, z in zip(inputs, values["zero_points"], strict=True))
    ours, theirs = answers(inputs)
    named = (("in", inputs), ("tflm", ours), ("litert", theirs))
    return {"changed": changed}, {f"{name}{k}": a for name, found in named for k, a in enumerate(found)}


def _run(values: Values, arrays: Arrays, once: Callable[[list[npt.NDArray[Any]], bool], list[Any]]) -> Arrays:
    """Run all samples, each from a fresh state, then the first ones as a sequence: "out<k>" and "seq<k>"."""
    found = _stack([once(_pick(arrays, "in", s), True) for s in range(_samples(arrays))], "out")
    steps = range(int(values.get("sequence", 0)))
    return {**found, **_stack([once(_pick(arrays, "in", s), s == 0) for s in steps], "seq")}


def _samples(arrays: Arrays) -> int:
    return len(arrays["in0"]) if "in0" in arrays else 0


def _pick(arrays: Arrays, prefix: str, sample: int) -> list[npt.NDArray[Any]]:
    picked: list[npt.NDArray[Any]] = []
    while f"{prefix}{len(picked)}" in arrays:
        picked.append(arrays[f"{prefix}{len(picked)}"][sample])
    return picked


def _stack(runs: list[list[npt.NDArray[Any]]], prefix: str) -> Arrays:
    return {f"{prefix}{k}": np.stack([run[k] for run in runs]) for k in range(len(runs[0]))} if runs else {}


def _litert(model: bytes, kernels: str = "BUILTIN_REF", keep_all: bool = False) -> Any:  # noqa: ANN401 - has no types
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType[kernels],
        experimental_preserve_all_tensors=keep_all,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def _litert_once(
    interpreter: Any,  # noqa: ANN401
    inputs: list[npt.NDArray[Any]],
    fresh: bool = True,
) -> list[npt.NDArray[Any]]:
    if fresh:
        interpreter.reset_all_variables()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def _tflm(model: bytes, arena_bytes: int, keep_all: bool = False) -> Any:  # noqa: ANN401
    from tflite_micro.python.tflite_micro import runtime

    kinds = runtime.InterpreterConfig
    config = kinds.kPreserveAllTensors if keep_all else kinds.kAllocationRecording
    return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes, intrepreter_config=config)


def _tflm_tensor(interpreter: Any, tensor: int, graph: int = 0) -> npt.NDArray[Any]:  # noqa: ANN401
    return np.array(interpreter.GetTensor(tensor, graph)["tensor_data"])


def _tflm_once(
    interpreter: Any,  # noqa: ANN401
    inputs: list[npt.NDArray[Any]],
    fresh: bool = True,
) -> list[npt.NDArray[Any]]:
    if fresh:
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


def _smallest_arena(model: bytes, inputs: list[npt.NDArray[Any]], predicted: int) -> int:
    # Before the first fork, or each child would load it again.
    importlib.import_module("tflite_micro.python.tflite_micro.runtime")

    def works(arena: int) -> bool:
        # In a child of its own: TFLM crashes, on some models, in an arena that is a little too small.
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _tflm_once(_tflm(model, arena), inputs)
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(child, 0)[1] == 0

    enough = max(-(-predicted // _ARENA_STEP) * _ARENA_STEP, _SMALLEST_ARENA)
    largest = 8 * enough + 2**20
    # What fails here does not fail for want of memory: TFLM's reason is the exception's.
    _tflm_once(_tflm(model, largest), inputs)
    too_small = enough - _ARENA_STEP
    while not works(enough):
        too_small, enough = enough, min(2 * enough, largest)
    if too_small >= _SMALLEST_ARENA and works(too_small):
        too_small, enough = _SMALLEST_ARENA - _ARENA_STEP, too_small
    while enough - too_small > _ARENA_STEP:
        middle = (too_small + enough) // 2 // _ARENA_STEP * _ARENA_STEP
        if works(middle):
            enough = middle
        else:
            too_small = middle
    return enough
