"""A model compiled: C files, the kernels that they need, memory, and what was proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...tflite import TfliteModel
from ...tflite.macs import operator_macs
from . import emit, order, pack, storing
from .analyse import analyse
from .coding import Coding
from .emit import LayerRow
from .lower import lower
from .memory import Layout, plan
from .pack import GenericPath
from .path import Code, CpuPath, Options, Program
from .sharing import share_constants
from .steps import Alias, Conv, FullyConnected, Nothing

__all__ = ["CompiledModel", "GenericPath", "LayerRow", "Options", "Proofs", "compile_model"]


@dataclass(frozen=True)
class Proofs:
    """How many channels are requantized by a cheap form that is proven, and how many by TFLM's own arithmetic."""

    proven: int
    exact: int


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A model as C.

    Attributes:
        files: the generated files, by name.
        kernel_files: files of firmware/runtimes/compiled/ to compile with them; `headers`: those to lie beside them.
        ram_bytes: the static buffer. weights_bytes: constant arrays in flash. Where memory is shared with other models,
            `layout` has what is shared and what is not.
        calls: how many of kernels an inference makes.
        instructions: about how many an inference takes; `instructions_error_percent` how far that may be off.
        layers: MACs and bytes of each operator.
        proofs: how requantization was proven.
        program, layout: what the layer proof needs: values, which channels of them are stored, and where.
    """

    files: Mapping[str, bytes]
    kernel_files: tuple[str, ...]
    ram_bytes: int
    weights_bytes: int
    calls: int
    instructions: int
    instructions_error_percent: int
    layers: tuple[LayerRow, ...]
    proofs: Proofs
    program: Program
    layout: Layout


def compile_model(
    model: TfliteModel,
    path: CpuPath | None = None,
    options: Options | None = None,
    prefix: str = "model",
    observer: str = "",
    shared: str = "",
) -> CompiledModel:
    """Compile a model for one kind of CPU.

    Args:
        model: a full-int8 model.
        path: code for the CPU; plain C where None, and for the steps that the path leaves.
        options: what the code is to be good at.
        prefix: what public names begin with, a C identifier; two models in one firmware need two.
        observer: a C function that the code calls after each operator, with the operator's number; "" for none.
            Defining MODEL_OBSERVE when compiling takes its place.
        shared: the name of an array, defined elsewhere, that other models use between inferences too: all but what
            the model keeps lies there; "" for a buffer of its own.

    Raises:
        InputError: the model has an operator that the compiled runtime lacks; the message names it.
    """
    path, options = path or GenericPath(), options or Options()
    program = order.early(analyse(lower(model)))
    codes, layout = _placed(program, path, options, bool(shared))
    dense_bytes = {k: sum(c.bytes for c in code.constants) for k, code in codes.items()}
    chosen = storing.choose(program, codes, layout, path.costs, options)
    program, codes, layout = _stored(program, codes, layout, chosen, (path, options, bool(shared)))
    layers = _layers(model, program, codes, dense_bytes)
    text = emit.Text(prefix, model.sha256, layers, _comment(model, path), observer, shared)
    files = {
        f"{prefix}.c": emit.source(program, codes, layout, text).encode(),
        f"{prefix}.h": emit.header(program, layout, text).encode(),
    }
    for code in codes.values():
        files |= {name: data.encode() for name, data in code.sources}
    return CompiledModel(
        files=files,
        kernel_files=tuple(sorted({f for c in codes.values() for f in c.files})),
        ram_bytes=layout.bytes + layout.state_bytes,
        weights_bytes=sum(row.weight_bytes for row in layers),
        calls=sum(bool(code.call) for code in codes.values()),
        instructions=round(
            sum(path.costs.step(s, row.weight_bytes) for s, row in zip(program.steps, layers, strict=True))
        ),
        instructions_error_percent=path.costs.error_percent,
        layers=layers,
        proofs=Proofs(sum(c.proven for c in codes.values()), sum(c.exact for c in codes.values())),
        program=program,
        layout=layout,
    )


def _placed(program: Program, path: CpuPath, options: Options, state_apart: bool) -> tuple[dict[int, Code], Layout]:
    """Return the code of all steps, and where values lie."""
    codes = dict(path.codes(program, options))
    rest = [s for s in program.steps if s.index not in codes and not isinstance(s, Alias | Nothing)]
    codes |= pack.codes(rest, options)
    codes = share_constants(dict(sorted(codes.items())))
    return codes, plan(program, codes, state_apart=state_apart)


def _stored(
    program: Program,
    codes: dict[int, Code],
    layout: Layout,
    chosen: Mapping[int, Coding],
    how: tuple[CpuPath, Options, bool],
) -> tuple[Program, dict[int, Code], Layout]:
    """Return the program with weights stored as chosen, as far as there is RAM for that."""
    most = layout.bytes + layout.state_bytes + storing.EXTRA_RAM
    options = how[1]
    while chosen:
        stored = storing.with_codings(program, chosen)
        new_codes, new_layout = _placed(stored, *how)
        if options.storage == "coded" or new_layout.bytes + new_layout.state_bytes <= most:
            return stored, new_codes, new_layout
        chosen = storing.without_largest(chosen, stored, new_codes)
    return program, codes, layout


def _comment(model: TfliteModel, path: CpuPath) -> str:
    return (
        f"Generated by microgen from a model with SHA-256\n * {model.sha256},\n"
        f" * for CPUs of the kind {path.name}; do not edit."
    )


def _layers(
    model: TfliteModel, program: Program, codes: Mapping[int, Code], dense_bytes: Mapping[int, int]
) -> tuple[LayerRow, ...]:
    rows = []
    for step in program.steps:
        code = codes.get(step.index)
        op = model.main.operators[step.index]
        rows.append(
            LayerRow(
                operator=step.index,
                name=step.name,
                macs=operator_macs(model.main, op),
                weight_bytes=sum(c.bytes for c in code.constants) if code else 0,
                scratch_bytes=code.scratch_bytes if code else 0,
                output_bytes=sum(v.bytes for v in step.outputs),
                stored=str(step.coding) if isinstance(step, Conv | FullyConnected) and step.coding else "",
                dense_bytes=dense_bytes.get(step.index, 0),
            )
        )
    return tuple(rows)
