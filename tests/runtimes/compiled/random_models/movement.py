"""Random operators that move elements."""

from __future__ import annotations

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .generator import MAX_ELEMENTS, Generator, Node, settings


def reshape(g: Generator) -> bool:
    x = g.any()
    n = x.elements
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    first = g.pick(*divisors)
    rest = n // first
    second = g.pick(*[d for d in divisors if rest % d == 0])
    shape = g.pick((1, n), (first, rest), (1, first, second, rest // second), (first, second, rest // second))
    y = g.node(shape, x.scale, x.zero)
    g.op("RESHAPE", [x, g.constant(np.array(shape), "int32")], [y], settings("Reshape", newShape=list(shape)))
    return True


def expand_dims(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    axis = g.whole(0, len(x.shape))
    y = g.node((*x.shape[:axis], 1, *x.shape[axis:]), x.scale, x.zero)
    number = g.pick(axis, axis - len(y.shape))
    g.op("EXPAND_DIMS", [x, g.constant(np.array(number), "int32")], [y], schema.ExpandDimsOptionsT())
    return True


def squeeze(g: Generator) -> bool:
    x = g.any(low=2)
    ones = [k for k, n in enumerate(x.shape) if n == 1] if x else []
    if x is None or not ones or len(ones) == len(x.shape):
        return False
    gone = g.pick(ones, [g.pick(*ones)])
    y = g.node([n for k, n in enumerate(x.shape) if k not in gone], x.scale, x.zero)
    g.op("SQUEEZE", [x], [y], settings("Squeeze", squeezeDims=g.pick([], gone) if gone == ones else gone))
    return True


def broadcast_to(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    more = g.pick((), (g.whole(1, 3),))
    shape = (*more, *(n if n > 1 else g.whole(1, 3) for n in x.shape))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    g.op("BROADCAST_TO", [x, g.constant(np.array(shape), "int32")], [y], schema.BroadcastToOptionsT())
    return True


def concatenation(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    like = [
        n for n in g.nodes
        if len(n.shape) == len(x.shape) and (n.scale, n.zero) == (x.scale, x.zero)
        and all(a == b for k, (a, b) in enumerate(zip(n.shape, x.shape, strict=True)) if k != axis)
    ]  # fmt: skip
    parts: list[Node] = [x] + [g.pick(*like) for _ in range(g.whole(0, 2))]
    if g.rng.random() < 0.3:
        shape = tuple(g.whole(1, 3) if k == axis else n for k, n in enumerate(x.shape))
        parts.append(
            Node(g.constant(g.rng.integers(-128, 128, shape), g.kind, x.scale, x.zero), shape, x.scale, x.zero)
        )
    g.rng.shuffle(parts)
    total = sum(p.shape[axis] for p in parts)
    shape = tuple(total if k == axis else n for k, n in enumerate(x.shape))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    g.op("CONCATENATION", parts, [y], settings("Concatenation", axis=axis - g.pick(0, 0, len(shape))))
    return True


def pad(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    bounds = np.array([[g.pick(0, 0, 1, 2, 3), g.pick(0, 0, 1, 2)] for _ in x.shape])
    shape = tuple(int(n + a + b) for n, (a, b) in zip(x.shape, bounds, strict=True))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    inputs = [x, g.constant(bounds, "int32")]
    if g.rng.random() < 0.4:
        inputs.append(g.constant(np.array([g.whole(-128, 127)]), g.kind, x.scale, x.zero))
        g.op("PADV2", inputs, [y], schema.PadV2OptionsT())
    else:
        g.op("PAD", inputs, [y], schema.PadOptionsT())
    return True


def mirror_pad(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    mode = g.whole(0, 1)
    limit = [n - 1 + mode for n in x.shape]
    bounds = np.array([[min(g.whole(0, 2), m), min(g.whole(0, 2), m)] for m in limit])
    shape = tuple(int(n + a + b) for n, (a, b) in zip(x.shape, bounds, strict=True))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    g.op("MIRROR_PAD", [x, g.constant(bounds, "int32")], [y], settings("MirrorPad", mode=mode))
    return True


def transpose(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None or len(x.shape) > 5:
        return False
    order = g.rng.permutation(len(x.shape))
    y = g.node([x.shape[k] for k in order], x.scale, x.zero)
    g.op("TRANSPOSE", [x, g.constant(order, "int32")], [y], schema.TransposeOptionsT())
    return True


def slice_(g: Generator) -> bool:
    x = g.any()
    begin = [g.whole(0, n - 1) for n in x.shape]
    size = [g.whole(1, n - b) for n, b in zip(x.shape, begin, strict=True)]
    y = g.node(size, x.scale, x.zero)
    told = [-1 if b + s == n and g.rng.random() < 0.5 else s for b, s, n in zip(begin, size, x.shape, strict=True)]
    inputs = [x, g.constant(np.array(begin), "int32"), g.constant(np.array(told), "int32")]
    g.op("SLICE", inputs, [y], schema.SliceOptionsT())
    return True


def strided_slice(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    begin, end, strides, cut = [], [], [], []
    begin_mask = end_mask = shrink = 0
    for k, n in enumerate(x.shape):
        stride = g.pick(1, 1, 2, 3, -1, -2)
        a, b = (g.whole(-n - 2, n + 1) for _ in range(2))  # what is outside is clamped
        if g.rng.random() < 0.15:
            a = g.whole(0, n - 1)
            shrink |= 1 << k
            stride = 1
            cut.append(a)
            b = a + 1
        else:
            if g.rng.random() < 0.3:
                begin_mask |= 1 << k
            if g.rng.random() < 0.3:
                end_mask |= 1 << k
            first = None if begin_mask >> k & 1 else a
            last = None if end_mask >> k & 1 else b
            cut.append(slice(first, last, stride))
        begin.append(a), end.append(b), strides.append(stride)
    shape = np.empty(x.shape)[tuple(cut)].shape
    if not shape or 0 in shape:
        return False
    y = g.node(shape, x.scale, x.zero)
    inputs = [x, *(g.constant(np.array(v), "int32") for v in (begin, end, strides))]
    g.op("STRIDED_SLICE", inputs, [y], settings(
        "StridedSlice", beginMask=begin_mask, endMask=end_mask, shrinkAxisMask=shrink))  # fmt: skip
    return True


def split(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    n = x.shape[axis]
    if g.rng.random() < 0.5:
        count = g.pick(*[d for d in range(1, n + 1) if n % d == 0])
        sizes = [n // count] * count
    else:
        sizes = []
        while sum(sizes) < n:
            sizes.append(g.whole(1, n - sum(sizes)))
    if len(sizes) > 6:
        return False
    outputs = [g.node([s if k == axis else m for k, m in enumerate(x.shape)], x.scale, x.zero) for s in sizes]
    where = g.constant(np.array(axis), "int32")
    if len(set(sizes)) == 1 and g.rng.random() < 0.7:
        g.op("SPLIT", [where, x], outputs, settings("Split", numSplits=len(sizes)))
    else:
        g.op(
            "SPLIT_V",
            [x, g.constant(np.array(sizes), "int32"), where],
            outputs,
            settings("SplitV", numSplits=len(sizes)),
        )
    return True


def pack(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 3:
        return False
    like = [n for n in g.nodes if n.shape == x.shape and (n.scale, n.zero) == (x.scale, x.zero)]
    parts = [g.pick(*like) for _ in range(g.whole(1, 3))]
    axis = g.whole(0, len(x.shape))
    y = g.node([*x.shape[:axis], len(parts), *x.shape[axis:]], x.scale, x.zero)
    g.op("PACK", parts, [y], settings("Pack", axis=axis, valuesCount=len(parts)))
    return True


def unpack(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    if x.shape[axis] > 5:
        return False
    shape = [n for k, n in enumerate(x.shape) if k != axis]
    outputs = [g.node(shape, x.scale, x.zero) for _ in range(x.shape[axis])]
    g.op("UNPACK", [x], outputs, settings("Unpack", axis=axis, num=x.shape[axis]))
    return True


def gather(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    indices = g.rng.integers(0, x.shape[axis], g.whole(1, 4))
    y = g.node([*x.shape[:axis], len(indices), *x.shape[axis + 1 :]], x.scale, x.zero)
    g.op("GATHER", [x, g.constant(indices, "int32")], [y], settings("Gather", axis=axis))
    return True


def space(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    n, h, w, c = x.shape
    block = g.pick(2, 2, 3)
    if g.rng.random() < 0.5:
        if c % (block * block):
            return False
        y = g.node((n, h * block, w * block, c // block**2), x.scale, x.zero)
        g.op("DEPTH_TO_SPACE", [x], [y], settings("DepthToSpace", blockSize=block))
    else:
        if h % block or w % block:
            return False
        y = g.node((n, h // block, w // block, c * block**2), x.scale, x.zero)
        g.op("SPACE_TO_DEPTH", [x], [y], settings("SpaceToDepth", blockSize=block))
    return True


def space_to_batch(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    n, h, w, c = x.shape
    bh, bw = g.whole(1, 2), g.whole(1, 3)
    pads = np.zeros((2, 2), int)  # TFLM fills padding from memory that it never wrote
    if h % bh or w % bw:
        return False
    shape = (n * bh * bw, h // bh, w // bw, c)
    y = g.node([int(v) for v in shape], x.scale, x.zero)
    block = g.constant(np.array([bh, bw]), "int32")
    g.op("SPACE_TO_BATCH_ND", [x, block, g.constant(pads, "int32")], [y], schema.SpaceToBatchNDOptionsT())
    if g.rng.random() < 0.7:
        crops = np.array([[g.whole(0, (h - 1) // 2) for _ in range(2)], [g.whole(0, (w - 1) // 2) for _ in range(2)]])
        back = g.node((n, h - int(crops[0].sum()), w - int(crops[1].sum()), c), x.scale, x.zero)
        g.op("BATCH_TO_SPACE_ND", [y, g.constant(np.array([bh, bw]), "int32"), g.constant(crops, "int32")], [back],
             schema.BatchToSpaceNDOptionsT())  # fmt: skip
    return True


def reverse(g: Generator) -> bool:
    x = g.any()
    y = g.node(x.shape, x.scale, x.zero)
    g.op(
        "REVERSE_V2",
        [x, g.constant(np.array([g.whole(0, len(x.shape) - 1)]), "int32")],
        [y],
        schema.ReverseV2OptionsT(),
    )
    return True


def variable(g: Generator) -> bool:
    """A ring: what was kept is joined with the input, used, and the end of it kept."""
    x = g.any(low=2)
    if x is None or len(x.shape) > 4:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    keep = g.whole(1, 3)
    kept_shape = tuple(keep if k == axis else n for k, n in enumerate(x.shape))
    name = f"variable{len(g.b.graph.tensors)}"
    handle = Node(g.b.tensor(name, [], "resource", ()), (), 0.0, 0, "resource")
    options = settings("VarHandle", sharedName=name, container="")
    g.op("VAR_HANDLE", [], [handle], options)
    old = g.node(kept_shape, x.scale, x.zero)
    g.op("READ_VARIABLE", [handle], [old], schema.ReadVariableOptionsT())
    total = x.shape[axis] + keep
    both = g.node([total if k == axis else n for k, n in enumerate(x.shape)], x.scale, x.zero)
    g.op("CONCATENATION", [old, x], [both], settings("Concatenation", axis=axis))
    fresh = g.node(kept_shape, x.scale, x.zero)
    begin = [total - keep if k == axis else 0 for k in range(len(x.shape))]
    g.op("SLICE", [both, g.constant(np.array(begin), "int32"), g.constant(np.array(kept_shape), "int32")], [fresh],
         schema.SliceOptionsT())  # fmt: skip
    g.op("ASSIGN_VARIABLE", [handle, fresh], [], schema.AssignVariableOptionsT())
    g.read.discard(both.index)
    return True


def shape(g: Generator) -> bool:
    """A reshape to what a model computes from a shape, as converters write it."""
    x = g.any(low=2)
    if x is None or len(x.shape) > 4:
        return False
    whole = Node(
        g.b.tensor(f"s{len(g.b.graph.tensors)}", [len(x.shape)], "int32", ()), (len(x.shape),), 0.0, 0, "int32"
    )
    first = Node(g.b.tensor(f"s{len(g.b.graph.tensors)}", [], "int32", ()), (), 0.0, 0, "int32")
    both = Node(g.b.tensor(f"s{len(g.b.graph.tensors)}", [2], "int32", ()), (2,), 0.0, 0, "int32")
    g.op("SHAPE", [x], [whole], settings("Shape", outType=2))
    bounds = [g.constant(np.array([v]), "int32") for v in (0, 1, 1)]
    g.op("STRIDED_SLICE", [whole, *bounds], [first], settings("StridedSlice", shrinkAxisMask=1))
    rest = g.constant(np.array(x.elements // x.shape[0]), "int32")
    g.op("PACK", [first, rest], [both], settings("Pack", axis=0, valuesCount=2))
    y = g.node((x.shape[0], x.elements // x.shape[0]), x.scale, x.zero)
    g.op("RESHAPE", [x, both], [y], settings("Reshape", newShape=[]))
    return True
