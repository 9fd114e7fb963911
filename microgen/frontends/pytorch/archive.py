"""Reads a .pt2 archive, which torch.export.save writes, without running anything that it brings.

PyTorch's own loader unpickles parts of such a file and evaluates text in it, either of which runs code. Here the
archive's JSON is read as JSON and its weights as numbers; each operator must be one of `operators.KNOWN`. The sample
inputs, a pickle that nothing needs, are not read.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from . import operators
from .program import DTYPES, NARROWED, Array, DType, Input, Node, Program, Ref, computed, elements, item_bytes

EXPORT = "torch.export.save(torch.export.export(model.eval(), (example[:1],)), 'model.pt2')"
_AGAIN = f"export it again: {EXPORT}"
# No description of a model for a microcontroller is near this size; an archive may claim any.
_JSON_BYTES = 64 * 2**20
_WEIGHT_BYTES = 512 * 2**20
_MODEL = "models/model.json"
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
# What an archive may hold besides; nothing reads it.
_UNREAD = re.compile(
    r"archive_format|archive_version|byteorder|\.data/\w+|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|data/sample_inputs/model\.pt|extra/.*|\.format_version"
)
_DROPOUT = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout")
_EVAL = "call model.eval() before torch.export.export"
_STRIDED = 7


def read_program(path: Path) -> Program:
    """Read a .pt2 archive, and check everything in it that is used.

    Raises:
        InputError: it is another kind of file of PyTorch's, damaged, of a program that cannot be converted, or holds
            what is not read from files.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path.name, archive)
    except zipfile.BadZipFile:
        raise InputError(f"{path}: {_what_else(path)}", _AGAIN, path=path) from None
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, RecursionError,
            NotImplementedError, RuntimeError, EOFError, zipfile.error) as error:  # fmt: skip
        raise InputError(f"{path}: a damaged .pt2 ({type(error).__name__}: {error})", _AGAIN, path=path) from None


def _what_else(path: Path) -> str:
    """Say what a file is that is no archive."""
    with path.open("rb") as stream:
        head = stream.read(2)
    if head[:1] == b"\x80":
        return "a pickle of PyTorch's old kind, which holds Python code or weights without a graph, and is not read"
    return "not a .pt2 archive"


def _read(file: str, archive: zipfile.ZipFile) -> Program:
    names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    _check_kind(file, names)
    if len(roots) != 1:
        raise ValueError("its entries are not in one folder")
    root = roots.pop() + "/"
    inside = {name.removeprefix(root): name for name in names}
    for name in inside:
        if name in (_MODEL, *_CONFIGS) or _UNREAD.fullmatch(name):
            continue
        if name.startswith("models/"):
            raise InputError(f"{file}: has more than one program", "export one program per file")
        raise InputError(f"{file}: holds '{name}', which a converted model does not need", _AGAIN)
    with archive.open(inside["byteorder"]) as stream:
        if stream.read(8).strip() != b"little":
            raise ValueError("it was written on a big-endian machine")
    document = _json(archive, inside[_MODEL])
    if not isinstance(document, dict) or "graph_module" not in document:
        raise ValueError("its model.json has no graph")
    return _Reader(file, archive, inside, document).program()


def _check_kind(file: str, names: list[str]) -> None:
    """Reject the other kinds of PyTorch's archives."""
    ends = {name.partition("/")[2] for name in names}
    if any(name.startswith("code/") for name in ends):
        raise InputError(f"{file}: is TorchScript, which is Python code that PyTorch runs", _AGAIN)
    if _MODEL in ends:
        return
    if "data.pkl" in ends:
        raise InputError(
            f"{file}: is a pickle: a state_dict, which has weights but no graph, or a whole module, which is Python "
            "code; microgen reads neither",
            f"load it into its module, then {_AGAIN}",
        )
    if any(name.startswith("serialized_exported_program") for name in (*names, *ends)):
        raise InputError(f"{file}: was written by PyTorch older than 2.8", f"with a newer version, {_AGAIN}")
    raise InputError(f"{file}: not a program of torch.export", _AGAIN)


def _json(archive: zipfile.ZipFile, name: str) -> Any:  # noqa: ANN401 - JSON
    if (size := archive.getinfo(name).file_size) > _JSON_BYTES:
        raise ValueError(f"its {name} has {size:,} bytes")
    return json.loads(archive.read(name))


class _Reader:
    """An archive on its way to a program."""

    def __init__(
        self, file: str, archive: zipfile.ZipFile, inside: Mapping[str, str], document: dict[str, Any]
    ) -> None:
        self._file = file
        self._archive = archive
        self._inside = inside
        self._document = document
        self._graph: dict[str, Any] = document["graph_module"]["graph"]
        self._narrowed: set[str] = set()

    def program(self) -> Program:
        signature = self._document["graph_module"]["signature"]
        nodes = tuple(self._nodes())
        weights: dict[str, Array] = {}
        stored = self._stored()
        inputs: list[Input] = []
        for spec in signature["input_specs"]:
            ((kind, value),) = spec.items()
            if kind == "user_input":
                inputs.append(self._input(value["arg"]))
            elif kind in ("parameter", "buffer", "tensor_constant"):
                key = value["parameter_name" if kind == "parameter" else f"{kind}_name"]
                if key in stored:
                    weights[str(value["arg"]["name"])] = stored[key]
            elif kind == "constant_input":
                raise InputError(
                    f"{self._file}: its input '{value['name']}' is not a tensor", "give it a default in forward()"
                )
            else:
                raise InputError(f"{self._file}: has a Python object as an input ({kind})", _AGAIN)
        outputs = tuple(self._outputs(signature["output_specs"], nodes))
        read = {name for node in nodes for _, value in node.arguments for name in _names(value)} | set(outputs)
        weights = {name: values for name, values in weights.items() if name in read}
        self._check_references({*weights, *(i.name for i in inputs)}, nodes, outputs)
        if not inputs:
            raise InputError(f"{self._file}: has no input", "export a model that takes a tensor")
        return Program(tuple(inputs), outputs, nodes, weights, tuple(self._warnings(inputs)))

    def _warnings(self, inputs: list[Input]) -> Iterator[str]:
        if self._narrowed:
            yield f"computes in {' and '.join(sorted(self._narrowed))} in PyTorch, and in float32 before quantization"
        for one in inputs:
            if one.dtype == "int64":
                yield f"input '{one.name}' is int64 in PyTorch, and int32 on the device"

    def _stored(self) -> dict[str, Array]:
        """Return the weights and constants of the archive."""
        found: dict[str, Array] = {}
        total = 0
        for name, folder in zip(_CONFIGS, ("data/weights/", "data/constants/"), strict=True):
            if name not in self._inside:
                continue
            for key, entry in _json(self._archive, self._inside[name])["config"].items():
                if entry["use_pickle"]:
                    raise InputError(
                        f"{self._file}: its weight '{key}' is pickled, and microgen does not unpickle files",
                        "save plain tensors, on the CPU and without subclasses of your own",
                    )
                place = self._inside[folder + str(entry["path_name"])]
                total += self._archive.getinfo(place).file_size
                if total > _WEIGHT_BYTES:
                    raise InputError(
                        f"{self._file}: has more than {_WEIGHT_BYTES:,} bytes of weights", "use a smaller model"
                    )
                found[key] = self._tensor(key, self._archive.read(place), entry["tensor_meta"])
        return found

    def _tensor(self, key: str, data: bytes, meta: Mapping[str, Any]) -> Array:
        dtype = self._dtype(meta["dtype"])
        if meta["layout"] != _STRIDED:
            raise InputError(f"{self._file}: its weight '{key}' is sparse", "make it dense: weight.to_dense()")
        shape = [_whole(d["as_int"]) for d in meta["sizes"]]
        strides = [_whole(d["as_int"]) for d in meta["strides"]]
        offset = _whole(meta["storage_offset"]["as_int"])
        values = elements(data[: len(data) // item_bytes(dtype) * item_bytes(dtype)], dtype)
        if math.prod(shape) == 0:
            return np.zeros(shape, values.dtype)
        last = offset + sum((d - 1) * s for d, s in zip(shape, strides, strict=True))
        if last >= len(values) or math.prod(shape) > max(len(values), 1):
            raise ValueError(f"weight '{key}': reaches beyond its bytes")
        width = values.itemsize
        view = np.lib.stride_tricks.as_strided(values[offset:], shape, [s * width for s in strides])
        return np.ascontiguousarray(view)

    def _dtype(self, number: int) -> str:
        name = DTYPES.get(number)
        if name is None:
            raise InputError(f"{self._file}: has values of an unsupported type", "use float32")
        if name in NARROWED:
            self._narrowed.add(name)
        return name

    def _input(self, arg: Mapping[str, Any]) -> Input:
        if "as_tensor" not in arg:
            raise InputError(f"{self._file}: an input is not a tensor", "export a model that takes tensors")
        name = str(arg["as_tensor"]["name"])
        meta = self._graph["tensor_values"][name]
        shape = []
        for axis, size in enumerate(meta["sizes"]):
            if "as_int" in size:
                shape.append(_whole(size["as_int"]))
            elif axis == 0:
                shape.append(1)  # a batch of any size holds for one
            else:
                raise InputError(
                    f"{self._file}: input '{name}' has a dynamic size in dimension {axis}",
                    "export it with a fixed size, without dynamic_shapes for that dimension",
                    tensor=name,
                )
        if not shape or shape[0] != 1:
            batch = f"a batch of {shape[0]}" if shape else "no batch"
            raise InputError(
                f"{self._file}: input '{name}' has {batch}, but a microcontroller processes one sample at a time",
                "export it with an example of one sample (example[:1])",
                tensor=name,
            )
        dtype = self._dtype(meta["dtype"])
        return Input(name, tuple(shape), dtype)

    def _outputs(self, specs: list[dict[str, Any]], nodes: tuple[Node, ...]) -> Iterator[str]:
        for spec in specs:
            ((kind, value),) = spec.items()
            if kind == "user_output":
                arg = value["arg"]
                if arg.get("as_none"):
                    continue
                if "as_tensor" not in arg:
                    raise InputError(f"{self._file}: returns something other than tensors", "return tensors only")
                yield str(arg["as_tensor"]["name"])
            elif kind in ("buffer_mutation", "user_input_mutation", "parameter_mutation"):
                changed = value.get("buffer_name") or value.get("user_input_name") or value.get("parameter_name")
                raise InputError(
                    f"{self._file}: changes '{changed}' while it runs, which is state",
                    "make that state an input and an output of the model",
                )
            else:
                raise InputError(f"{self._file}: returns more than tensors ({kind})", _AGAIN)

    def _nodes(self) -> Iterator[Node]:
        for entry in self._graph["nodes"]:
            path = _module_path(entry.get("metadata", {}))
            operator = self._operator(str(entry["target"]), path)
            arguments = tuple((str(a["name"]), self._argument(a["arg"])) for a in entry["inputs"])
            outputs = tuple(name for out in entry["outputs"] for name in _written(out))
            node = Node(operator, arguments, outputs, path)
            self._check_node(node)
            yield node

    def _operator(self, target: str, path: str) -> str:
        where = f"{self._file}: {_at(path)}"
        match = re.fullmatch(r"_operator\.(\w+)", target)
        if match and (match[1] in operators.SIZES or match[1] == "getitem"):
            return f"operator.{match[1]}"
        if re.fullmatch(r"torch\.sym_\w+|math\.\w+", target):
            raise InputError(f"{where}computes with sizes ({target})", "export it with fixed sizes")
        match = re.fullmatch(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?", target)
        if match is None:
            raise InputError(f"{where}calls {target[:80]}, which is not an operator of PyTorch", _AGAIN)
        namespace, name, overload = match.groups()
        if namespace == "higher_order":
            remedy = "branch and loop with fixed conditions, and remove torch.no_grad() from forward()"
            raise InputError(f"{where}has a nested program ({name})", remedy)
        if namespace != "aten":
            raise InputError(
                f"{where}calls the custom operator {namespace}.{name}", "use operators of PyTorch", operator=name
            )
        if name in operators.REFUSED:
            because, remedy = operators.REFUSED[name]
            raise InputError(f"{where}{name} {because}", remedy, operator=name)
        if name not in operators.KNOWN:
            raise InputError(
                f"{where}calls aten.{name}, which is not supported in files",
                "use layers of torch.nn; microgen.build(module, example=...) reads the module itself",
                operator=name,
            )
        return f"aten.{name}.{overload or 'default'}"

    def _check_node(self, node: Node) -> None:
        """Reject a program that was exported as it trains, and what is converted wrongly."""
        name, given = operators.base_name(node.operator), dict(node.arguments)
        where = f"{self._file}: {_at(node.path)}"
        if name == "batch_norm" and given.get("training") is True:
            raise InputError(f"{where}was exported in train mode: its normalization uses the batch", _EVAL)
        if name in _DROPOUT and given.get("train") is True and given.get("p") != 0:
            raise InputError(f"{where}was exported in train mode: its dropout draws random numbers", _EVAL)
        if name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and given.get("train") is True and given.get("dropout"):
            raise InputError(f"{where}was exported in train mode: its dropout draws random numbers", _EVAL)
        # Of the whole operator, transposed or not, the padding of the output is the argument before the groups.
        if "transpose" in name and any(_numbers(given.get("output_padding"))):
            raise InputError(
                f"{where}{name} has output_padding, which the converter does not support",
                "use output_padding=0 with a kernel as large as the stride, or nn.Upsample and a convolution",
                operator=name,
            )

    def _argument(self, arg: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of many kinds
        ((kind, value),) = arg.items()
        if kind == "as_none":
            return None
        if kind == "as_tensor":
            return Ref(str(value["name"]))
        if kind == "as_tensors":
            return [Ref(str(v["name"])) for v in value]
        if kind in ("as_optional_tensors", "as_optional_tensor"):
            listed = [Ref(str(v["as_tensor"]["name"])) if "as_tensor" in v else None for v in _listed(value)]
            return listed if kind == "as_optional_tensors" else listed[0]
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            return _symbol(value)
        if kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools"):
            return [_symbol(v) for v in value]
        if kind in ("as_int", "as_bool", "as_string", "as_float"):
            return _plain(value)
        if kind in ("as_ints", "as_bools", "as_floats", "as_strings"):
            return [_plain(v) for v in value]
        if kind == "as_scalar_type":
            return DType(computed(self._dtype(value)))
        if kind in ("as_memory_format", "as_layout", "as_device"):
            return None  # all is dense, and on the CPU
        raise InputError(
            f"{self._file}: an operator has an argument of the unsupported type {kind.removeprefix('as_')}", _AGAIN
        )

    def _check_references(self, known: set[str], nodes: tuple[Node, ...], outputs: tuple[str, ...]) -> None:
        for node in nodes:
            for _, value in node.arguments:
                for name in _names(value):
                    if name not in known:
                        raise ValueError(f"{node.operator} reads '{name}', which nothing computes")
            known.update(node.outputs)
        for name in outputs:
            if name not in known:
                raise ValueError(f"it returns '{name}', which nothing computes")


def _names(value: Any) -> list[str]:  # noqa: ANN401
    from .program import references

    return references(value)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


def _symbol(value: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return a size: a number, or what a node computes it as."""
    return Ref(str(value["as_name"])) if "as_name" in value else _plain(next(iter(value.values())))


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a number, a truth value or a text; text for numbers that JSON lacks ("Infinity")."""
    if isinstance(value, str) and value in ("Infinity", "-Infinity", "NaN"):
        return float(value)
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"a {type(value).__name__} where a number was expected")
    return value


def _numbers(value: Any) -> list[float]:  # noqa: ANN401
    return [v for v in _listed(value) if isinstance(v, (int, float)) and not isinstance(v, bool)]


def _written(out: Mapping[str, Any]) -> list[str]:
    """Return the names of an output of a node."""
    ((kind, value),) = out.items()
    if kind == "as_tensors":
        return [str(v["name"]) for v in value]
    if kind == "as_none":
        return [""]
    if kind in ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"):
        return [str(value.get("name") or value.get("as_name") or "")]
    if kind == "as_optional_tensor":
        return [str(value["as_tensor"]["name"]) if "as_tensor" in value else ""]
    raise ValueError(f"a node returns {kind}")


def _whole(value: Any) -> int:  # noqa: ANN401
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise ValueError(f"{value!r} is no size")
    return value


def _module_path(metadata: Mapping[str, Any]) -> str:
    """Return the path of the innermost module, "features.0", from "L__self__,,M;L__self___c,c,torch...Conv2d"."""
    stack = str(metadata.get("nn_module_stack", ""))
    parts = stack.rpartition(";")[2].split(",")
    return parts[1] if len(parts) > 2 else ""


def _at(path: str) -> str:
    return f"module '{path}': " if path else ""
