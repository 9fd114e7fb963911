"""The arena while TFLM allocates a model in it, step by step, without running TFLM.

Source: `micro_allocator.cc`, `micro_interpreter.cc` and `single_arena_buffer_allocator.cc` of TensorFlow Lite Micro.
The head of the arena holds what is needed for some operators only, the tail grows down with what stays; temporary
memory lies above the head. The arena that a model needs is the largest sum of them at any moment: for small models
that is a moment of the allocation, not of the inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....tflite import Operator, Subgraph, Tensor, TfliteModel
from . import kernels
from .layout import place
from .lifetimes import Buffer, Lifetimes, align, with_offsets
from .structs import Structs, Target

# kMaxScratchBuffersPerOp: room that is held for the requests of the next operator.
_REQUESTS = 12
_PLANNER_BYTES_PER_BUFFER = 40  # GreedyMemoryPlanner::per_buffer_size(): ints only, the same on each target

# Measured on a Cortex-M4 (QEMU), the smallest arenas of three models were 4 bytes above what this adds up to, for a
# reason not found; one step of the alignment covers it.
_ALLOWANCE = {Target.DEVICE_SHORT_ENUMS: 16}

KernelBytes = Callable[[Subgraph, Operator], Sequence[int]]


@dataclass(frozen=True)
class MemoryPlan:
    """The arena of a model on one target.

    Attributes:
        target: what it was computed for.
        arena_min_bytes: the smallest arena that works, a multiple of 16.
        head_bytes: activations and scratch memory, as laid out.
        persistent_bytes: structures, variable tensors and what kernels keep.
        planning_bytes: what the allocation needs for a moment beyond head and persistent memory.
        buffers: all that shares the head, each with its place.
        scopes: the operator, as (subgraph, operator), of each scope of the lifetimes.
        peak: the operator during which the head is full, as (subgraph, operator).
    """

    target: Target
    arena_min_bytes: int
    head_bytes: int
    persistent_bytes: int
    planning_bytes: int
    buffers: tuple[Buffer, ...]
    scopes: tuple[tuple[int, int] | None, ...]
    peak: tuple[int, int]

    def live(self, subgraph: int, operator: int) -> tuple[Buffer, ...]:
        """Return the buffers that are alive while an operator runs."""
        scopes = [i for i, scope in enumerate(self.scopes) if scope == (subgraph, operator)]
        return tuple(b for b in self.buffers if any(b.first <= scope <= b.last for scope in scopes))

    def top(self, subgraph: int, operator: int) -> int:
        """Return how far the head is used while an operator runs, in bytes."""
        return max((b.offset + b.size for b in self.live(subgraph, operator)), default=0)

    def tensor_peak(self) -> tuple[int, tuple[int, int]]:
        """Return the most bytes of tensors that are alive at once, and the first operator that has as many.

        Kernels and versions of TFLM differ in what they need on top; no arena below this works with any of them.
        """
        tensors = [b for b in self.buffers if b.kind == "tensor"]
        scopes = [(i, scope) for i, scope in enumerate(self.scopes) if scope is not None]
        sizes = [(sum(b.size for b in tensors if b.first <= i <= b.last), scope) for i, scope in scopes]
        size, scope = max(sizes, key=lambda found: found[0])
        # A plan that came with the file may have tensors overlap.
        return min(size, self.head_bytes), scope


class _Arena:
    """Bytes in use, counted from both ends, and the most that there were."""

    def __init__(self, structs: Structs) -> None:
        self.needed = self.head = self.temp = self.tail = 0
        self.structs = structs
        self.requests: list[int] = []
        # What stays while the requests for scratch memory are collected in the head.
        self._request_bytes = structs.size("ScratchBufferRequest")

    def persistent(self, size: int, alignment: int) -> None:
        self.tail = align(self.tail + size, alignment)
        # TFLM checks against the head only, and would overwrite temporary memory that is still read.
        self.needed = max(self.needed, self.temp + self.tail)

    def temporary(self, size: int, alignment: int) -> None:
        self.temp = align(self.temp, alignment) + size
        self.needed = max(self.needed, self.temp + self.tail)

    def reserve_head(self, size: int) -> None:
        # What is asked for next counts it.
        self.head = self.temp = size

    def reserve_requests(self) -> None:
        self.reserve_head((len(self.requests) + _REQUESTS) * self._request_bytes)

    def structure(self, name: str, count: int = 1, alignment: int | None = None) -> None:
        self.persistent(self.structs.size(name) * count, alignment or self.structs.pointer)

    # What a kernel asks for in Prepare; see microgen.runtimes.tflm.planner.kernels.

    def keep(self, size: int) -> None:
        self.persistent(size, 16)

    def scratch(self, size: int) -> None:
        self.requests.append(size)

    def look(self, tensor: Tensor) -> None:
        self.temporary(self.structs.size("TfLiteTensor"), self.structs.pointer)
        if tensor.quantization is not None:
            self.temporary(self.structs.size("TfLiteAffineQuantization"), self.structs.pointer)
            self.temporary(4 + 4 * len(tensor.quantization.scales), 4)

    def edge(self, tensor: Tensor) -> None:
        """Keep the full structure of an input or output of the model."""
        self.structure("TfLiteTensor")
        if tensor.quantization is not None:
            self.structure("TfLiteAffineQuantization")
            self.persistent(4 + 4 * len(tensor.quantization.scales), 4)


def plan(
    model: TfliteModel, target: Target, scratch: KernelBytes | None = None, persistent: KernelBytes | None = None
) -> MemoryPlan:
    """Lay a model out in the arena as TFLM does.

    Args:
        model: the model.
        target: what to compute it for.
        scratch: what a board's own kernel of an operator asks for on top of the reference kernel's while it runs.
        persistent: the same for what it keeps.
    """
    structs = Structs.of(target)
    arena = _Arena(structs)
    graphs = model.subgraphs
    for name in ("SingleArenaBufferAllocator", "GreedyMemoryPlanner", "MicroAllocator", "MicroBuiltinDataAllocator"):
        arena.structure(name)
    arena.reserve_requests()
    arena.structure("SubgraphAllocations", len(graphs))
    for graph in graphs:
        arena.structure("TfLiteEvalTensor", len(graph.tensors))
    for graph in graphs:
        arena.structure("NodeAndRegistration", len(graph.operators))
    operators = [(graph, op) for graph in graphs for op in graph.operators]
    for _, op in operators:
        if size := structs.options(op.name):
            arena.persistent(size, 1 if size % 4 else 4)
    for _, op in operators:
        if size := structs.user_data(op.name):
            arena.keep(size)
    asked: dict[tuple[int, int], list[int]] = {}
    for graph, op in operators:
        before = len(arena.requests)
        kernels.prepare(kernels.Node(graph, op, structs, arena))
        for size in scratch(graph, op) if scratch else ():
            arena.scratch(size)
        for size in persistent(graph, op) if persistent else ():
            arena.keep(size)
        asked[graph.index, op.index] = arena.requests[before:]
        arena.reserve_requests()
    if arena.requests:
        arena.persistent(structs.pointer * len(arena.requests), structs.pointer)  # ScratchBufferHandle
    lifetimes = Lifetimes(model, asked)
    _plan_moment(arena, model, lifetimes)
    buffers = with_offsets(lifetimes.buffers, place(lifetimes.buffers, [b.fixed for b in lifetimes.buffers]))
    head = max((b.offset + b.size for b in buffers), default=0)
    arena.reserve_head(head)
    for tensors in (model.inputs, model.outputs):
        arena.persistent(structs.pointer * len(tensors), 16)
        for tensor in tensors:
            arena.edge(tensor)
    needed = align(arena.needed) + _ALLOWANCE.get(target, 0)
    scopes = tuple(lifetimes.scopes)
    return MemoryPlan(
        target,
        needed,
        head,
        arena.tail,
        needed - head - arena.tail,
        buffers,
        scopes,
        _peak(buffers, scopes),
    )


def _plan_moment(arena: _Arena, model: TfliteModel, lifetimes: Lifetimes) -> None:
    """Take what TFLM needs while it plans: a record for each tensor and request, and the planner's own arrays."""
    structs = arena.structs
    records = sum(len(g.tensors) for g in model.subgraphs) + len(arena.requests)
    arena.temporary(structs.pointer * len(model.subgraphs), structs.pointer)
    arena.temporary(structs.size("AllocationInfo") * records, structs.pointer)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.is_variable and tensor.offline_offset < 0:
                arena.keep(tensor.bytes)
    start = align(arena.temp)
    arena.needed = max(arena.needed, start + len(lifetimes.buffers) * _PLANNER_BYTES_PER_BUFFER + align(arena.tail))


def _peak(buffers: Sequence[Buffer], scopes: Sequence[tuple[int, int] | None]) -> tuple[int, int]:
    """Return the operator during which the head is used furthest, the fullest of them where several are."""

    def use(scope: int) -> tuple[int, int]:
        live = [b for b in buffers if b.first <= scope <= b.last]
        return max((b.offset + b.size for b in live), default=0), sum(b.size for b in live)

    steps = [(scope, operator) for scope, operator in enumerate(scopes) if operator is not None]
    return max(steps, key=lambda step: use(step[0]))[1]
