"""Reads an ONNX file: rejects what cannot be converted, fixes sizes, folds constants. Runs in a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import EngineError, InputError

Array = npt.NDArray[Any]
Proto = Any  # the classes of onnx are generated
OLDEST, NEWEST = 11, 23
_LABELS = (7, 8)  # INT64 and STRING, which a classifier's label has
_NARROWED = {10: "float16", 11: "float64", 16: "bfloat16"}
_EXPORT = "torch.onnx.export(model.eval(), (example[:1],), 'model.onnx', opset_version=18)"


@dataclass(frozen=True)
class Prepared:
    """A model with fixed sizes and folded constants.

    Attributes:
        model: the ONNX model.
        opset: the version of its operators.
        shapes, dtypes: of the inputs, as ONNX's numbers of types.
        warnings: warnings for the user.
        exported: the ONNX model before constants were folded.
        rounding: how far onnxruntime's own answers may be off, as a part of the largest, since it computes in float16.
    """

    model: Proto
    opset: int
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[int, ...]
    warnings: tuple[str, ...]
    exported: Proto
    rounding: float = 0.0

    def run(self, inputs: Sequence[Array], outputs: Sequence[str] = ()) -> list[Array]:
        """Run one sample in onnxruntime.

        Args:
            inputs: one array per input, with the batch.
            outputs: names of values to return; empty for the outputs.
        """
        import onnx

        model = self.model
        if outputs:
            model = onnx.ModelProto()
            model.CopyFrom(self.model)
            del model.graph.output[:]
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        return self._answers(model, inputs)

    def run_exported(self, inputs: Sequence[Array]) -> list[Array]:
        """Run one sample in onnxruntime, in the model before constants were folded."""
        return self._answers(self.exported, inputs)

    def _answers(self, model: Proto, inputs: Sequence[Array]) -> list[Array]:
        import onnx
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString(), _options(fold=False), _PROVIDERS)
        kinds = [onnx.helper.tensor_dtype_to_np_dtype(kind) for kind in self.dtypes]
        names = [i.name for i in self.model.graph.input]
        fed = {n: np.asarray(a, k) for n, a, k in zip(names, inputs, kinds, strict=True)}
        return [np.asarray(a) for a in session.run(None, fed)]


_PROVIDERS = ["CPUExecutionProvider"]


def _options(*, fold: bool) -> Any:  # noqa: ANN401
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_BASIC if fold else level.ORT_DISABLE_ALL
    return options


def prepare(path: Path) -> Prepared:
    """Read and check a file, and return its model ready to be interpreted.

    Raises:
        InputError: it is damaged, or cannot be converted.
        EngineError: onnxruntime rejects it.
    """
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # the parser raises classes of its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path.name}: not an ONNX file ({first[:200]})", f"export it again: {_EXPORT}") from None
    if not model.graph.node:
        raise InputError(f"{path.name}: a model without operators", f"export it again: {_EXPORT}")
    _load_external(path, model)
    opset = _opset(path.name, model)
    warnings = list(_without_labels(path.name, model))
    _check_domains(path.name, model)
    known = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in known]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    shapes = tuple(_fixed(path.name, i) for i in inputs)
    if not inputs:
        raise InputError(f"{path.name}: has no input", "export a model that takes a tensor")
    dtypes = tuple(i.type.tensor_type.elem_type for i in inputs)
    del model.graph.value_info[:]  # sizes that are fixed now
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    kinds = {t.data_type for t in model.graph.initializer} | {i.type.tensor_type.elem_type for i in model.graph.input}
    warnings += _narrowed(kinds)
    for i, kind in zip(inputs, dtypes, strict=True):
        if kind == onnx.TensorProto.INT64:
            warnings.append(f"input '{i.name}' is int64 in ONNX, and int32 on the device")
    if any(n.op_type == "DequantizeLinear" for n in model.graph.node):
        warnings.append(
            "the file is already quantized: its scales and zero points are kept, and the calibration data sets those "
            "that it does not have"
        )
    # Twice: what the first pass makes of functions (GroupNormalization) has sizes to compute, too.
    result = _folded(_folded(model))
    opsets = [o.version for o in result.opset_import if o.domain in ("", "ai.onnx")]
    opset = opsets[0] if opsets else opset
    return Prepared(result, opset, shapes, dtypes, tuple(warnings), model, max(map(_rounding, kinds)))


def _folded(model: Proto) -> Proto:
    """Return a model after onnxruntime has computed what depends on constants only."""
    import onnx
    import onnxruntime

    # What moves pairs of QuantizeLinear and DequantizeLinear would need operators of onnxruntime's own. What makes one
    # of two pairs gives it a scale that the file does not have. What becomes LayerNormalization is squared, whatever
    # the exponent was.
    disabled = ["QDQS8ToU8Transformer", "QDQPropagationTransformer", "ConstantFoldingDQ", "TransposeOptimizer"]
    disabled += ["DoubleQDQPairsRemover"]
    disabled += [] if _only_squares(model) else ["LayerNormFusionL1"]
    with tempfile.TemporaryDirectory(prefix="microgen-onnx-") as folder:
        path = Path(folder) / "folded.onnx"
        options = _options(fold=True)
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, _PROVIDERS, disabled_optimizers=disabled)
        except Exception as error:
            reason = (str(error).splitlines() or ["no reason"])[0][:300]
            raise EngineError("onnxruntime", reason, f"export it again: {_EXPORT}") from None
        return onnx.load(str(path))


def _only_squares(model: Proto) -> bool:
    """Return whether the exponent of each Pow is a constant 2."""
    import onnx

    constants = {t.name: t for t in model.graph.initializer}
    exponents = [constants.get(n.input[1]) for n in model.graph.node if n.op_type == "Pow"]
    return all(t is not None and (onnx.numpy_helper.to_array(t) == 2).all() for t in exponents)


def _load_external(path: Path, model: Proto) -> None:
    """Read weights that lie in other files, of the model's own folder only."""
    from onnx import external_data_helper as external

    for tensor in external._get_all_tensors(model):
        if not external.uses_external_data(tensor):
            continue
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        place = PurePosixPath(location)
        target = path.parent / location
        is_inside = bool(location) and not place.is_absolute() and ".." not in place.parts and "\\" not in location
        if not is_inside or target.is_symlink():
            raise InputError(f"{path.name}: its weights lie outside its folder ({location})", "put them next to it")
        if not target.is_file():
            raise InputError(
                f"{path.name}: its weights are in {location}, which is missing", "put the file next to the model"
            )
        try:
            external.load_external_data_for_tensor(tensor, str(path.parent))
        except Exception as error:
            raise InputError(f"{path.name}: {location} cannot be read ({error})", "export both again") from None
        tensor.data_location = 0
        del tensor.external_data[:]


def _opset(file: str, model: Proto) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    opset = max(versions, default=0)
    if not OLDEST <= opset <= NEWEST:
        remedy = "export it with another opset_version"
        # The version converter gives these another coordinate transformation.
        if opset > NEWEST or not {"Resize", "Upsample"} & {n.op_type for n in model.graph.node}:
            remedy += f", or onnx.version_converter.convert_version(model, {NEWEST})"
        raise InputError(f"{file}: has the operators of opset {opset}; microgen reads {OLDEST} to {NEWEST}", remedy)
    return opset


def _without_labels(file: str, model: Proto) -> Iterator[str]:
    """Take off what scikit-learn's exporter puts behind a classifier: the label as an output, and a map of names."""
    graph = model.graph
    for node in [n for n in graph.node if n.op_type == "ZipMap"]:
        for output in graph.output:
            if output.name == node.output[0]:
                output.name = node.input[0]
                output.ClearField("type")
                output.type.tensor_type.elem_type = 1
        graph.node.remove(node)
        yield "the names of the classes (ZipMap) are omitted: the model returns their probabilities"
    if len(graph.output) > 1:
        kinds = {o.name: o.type.tensor_type.elem_type for o in graph.output}
        labels = [o for o in graph.output if kinds[o.name] in _LABELS]
        if len(labels) < len(graph.output):
            for output in labels:
                graph.output.remove(output)
                yield f"the output '{output.name}', the label, is omitted: it is the class with the largest probability"
    _remove_unused(graph)


def _remove_unused(graph: Proto) -> None:
    """Remove nodes of which nobody reads anything."""
    needed = {o.name for o in graph.output}
    kept = []
    for node in reversed(list(graph.node)):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            for attribute in node.attribute:  # what a branch reads of its surroundings
                for inner in attribute.g.node:
                    needed.update(inner.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))


def _check_domains(file: str, model: Proto) -> None:
    from .operators import OPERATORS, REMEDIES

    for node in model.graph.node:
        if node.op_type in REMEDIES:
            raise InputError(
                f"{file}: {node.op_type} '{node.name}' is not supported",
                REMEDIES[node.op_type],
                operator=node.op_type,
            )
        if node.domain not in ("", "ai.onnx") and node.op_type not in OPERATORS:
            raise InputError(
                f"{file}: has the custom operator {node.domain}.{node.op_type}",
                "use operators of ONNX",
                operator=node.op_type,
            )


def _fixed(file: str, value: Proto) -> tuple[int, ...]:
    """Fix the batch of an input to 1, and return its shape."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise InputError(f"{file}: input '{value.name}' has no shape", f"export it again: {_EXPORT}")
    dims = value.type.tensor_type.shape.dim
    for axis, dim in enumerate(dims):
        if dim.dim_value > 0:
            continue
        if axis:
            raise InputError(
                f"{file}: input '{value.name}' has a dynamic size in dimension {axis}",
                "export it with a fixed size, without dynamic_axes for that dimension",
                tensor=value.name,
            )
        dim.ClearField("dim_param")
        dim.dim_value = 1
    shape = tuple(int(d.dim_value) for d in dims)
    if not shape or shape[0] != 1:
        batch = f"a batch of {shape[0]}" if shape else "no batch"
        raise InputError(
            f"{file}: input '{value.name}' has {batch}, but a microcontroller processes one sample at a time",
            "export it with an example of one sample (example[:1])",
            tensor=value.name,
        )
    return shape


def _rounding(kind: int) -> float:
    return {10: 2.0**-8, 16: 2.0**-5}.get(kind, 0.0)  # eight roundings of float16 and bfloat16


def _narrowed(kinds: Set[int]) -> Iterator[str]:
    found = sorted(_NARROWED[k] for k in kinds & _NARROWED.keys())
    if found:
        yield f"computes in {' and '.join(found)} in ONNX, and in float32 before quantization"
