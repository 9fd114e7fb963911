"""Code of operators that move elements, and of reductions, for any CPU."""

from __future__ import annotations

import numpy as np

from ..path import Code
from ..steps import Move, Reduce
from ..values import Loops
from .elementwise import loops_constant
from .matrix import Channels, clamp_call
from .text import struct


def move(step: Move) -> Code:
    """SLICE, TRANSPOSE, CONCATENATION and others: a call per part."""
    k, size = step.index, int(np.dtype(step.output.dtype).itemsize)
    calls, constants = [], []
    if step.fill is not None:
        calls.append(f"mg_fill({{output0}}, {step.output.elements}, {size}, {step.fill});")
    for n, part in enumerate(step.parts):
        run, loops = _runs(part.loops)
        source, target = f"{{input{part.source}}}", f"{{output{part.target}}}"
        name = f"loops{k}_{n}"
        constants.append(loops_constant(name, loops, size))
        calls.append(f"mg_move({source} + {part.offsets[0]}, {target} + {part.offsets[1]}, {name}, {run * size});")
    return Code(call=" ".join(calls), constants=tuple(constants), headers=("move.h",), files=("move.c",))


def _runs(loops: Loops) -> tuple[int, Loops]:
    """Return how many elements lie side by side in both, and the loops over such runs."""
    if any(s[-1] != 1 for s in loops.strides):
        return 1, loops
    dims, strides = loops.dims[:-1], tuple(s[:-1] for s in loops.strides)
    return loops.dims[-1], Loops(dims, strides) if dims else Loops((1,), ((0,),) * len(strides))


def reduce(step: Reduce) -> Code:
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN."""
    k = step.index
    is_wide = step.output.dtype == "int16"
    outer, inner = (
        loops_constant(f"{name}{k}", Loops(loops.dims, loops.strides * 2), 2 if is_wide else 1)
        for name, loops in (("outer", step.outer), ("inner", step.inner))
    )
    if step.requantization is None:
        return Code(
            call=f"mg_reduce_{step.kind}({{input0}}, {{output0}}, outer{k}, inner{k});",
            constants=(outer, inner),
            headers=("reduce.h",),
            files=(f"reduce_{step.kind}.c",),
        )
    channel = Channels.of(step.requantization, cheap=not is_wide)
    count = int(np.prod(step.inner.dims))
    row = channel.constant(f"channel{k}", np.array([-step.zero_point * count], np.int64))
    params = struct("mg_reduce_params", f"parameters{k}", {
        "outer": f"outer{k}", "inner": f"inner{k}",
        "channel": f"channel{k}", "zero": channel.zero,
    })  # fmt: skip
    suffix, files, clamp = channel.suffix, channel.files("reduce_sum"), clamp_call(step, step.requantization)
    if is_wide:
        suffix, files, clamp = "16", ("reduce16.c",), ""
    return Code(
        call=f"mg_reduce_sum{suffix}({{input0}}, {{output0}}, &parameters{k});" + clamp,
        constants=(outer, inner, row),
        declarations=(params,),
        headers=("reduce.h",),
        files=files,
        proven=channel.proven,
        exact=channel.exact,
    )
