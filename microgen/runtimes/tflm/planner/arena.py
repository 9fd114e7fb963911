"""The arena while TFLM allocates a model in it, step by step, without running TFLM.

Source: `micro_allocator.cc`, `micro_interpreter.cc` and `single_arena_buffer_allocator.cc` of TensorFlow Lite Micro.
The head of the arena holds what is needed for some operators only, the tail grows down with what stays; temporary
memory lies above the head. The arena that a model needs is the largest sum of them at any moment: for small models
that is a moment of the allocation, not of the inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....tflite import Operator, Subgraph, Tensor, TfliteModel, variables
from ....tflite.kept import kept_for_model
from ...memory import Buffer, MemoryLayout, align, tops, totals
from . import kernels
from .layout import place
from .lifetimes import Lifetimes, with_offsets
from .structs import Structs, Target

# kMaxScratchBuffersPerOp: room that is held for the requests of the next operator.
_REQUESTS = 12
_PLANNER_BYTES_PER_BUFFER = 40  # GreedyMemoryPlanner::per_buffer_size(): ints only, the same on each target

# Measured on a Cortex-M4 (QEMU), the smallest arenas of three models were 4 bytes above what this adds up to, for a
# reason not found; one step of the alignment covers it.
_ALLOWANCE = {Target.DEVICE_SHORT_ENUMS: 16}

KernelBytes = Callable[[Subgraph, Operator], Sequence[int]]


@dataclass(frozen=True)
class MemoryPlan(MemoryLayout):
    """The arena of a model on one target; its buffers share the head.

    Attributes:
        arena_min_bytes: the smallest arena that works, a multiple of 16.
        head_bytes: activations and scratch memory, as laid out.
        persistent_bytes: structures, variable tensors and what kernels keep.
        planning_bytes: what the allocation needs for a moment beyond head and persistent memory.
        allocation_bytes: the most that the allocation needs at any moment before the head is laid out.
        bottom_bytes: the most that the head and the temporary memory above it take at any moment.
    """

    arena_min_bytes: int
    head_bytes: int
    persistent_bytes: int
    planning_bytes: int
    allocation_bytes: int
    bottom_bytes: int

    def tensor_peak(self) -> tuple[int, tuple[int, int]]:
        """Return the most bytes of tensors that are alive at once, and the first operator that has as many.

        Kernels and versions of TFLM differ in what they need on top; no arena below this works with any of them.
        """
        alive = totals([b for b in self.buffers if b.kind == "tensor"], len(self.scopes))
        sizes = [(alive[i], scope) for i, scope in enumerate(self.scopes) if scope is not None]
        size, scope = max(sizes, key=lambda bytes_and_scope: bytes_and_scope[0])
        # A plan that came with the file may have tensors overlap.
        return min(size, self.head_bytes), scope


class _Arena:
    """How many bytes are in use at both ends of the arena, and how many were needed at the fullest moment.

        | head | temporary ->          free          <- tail |

    The methods have the names of TFLM's own (`SingleArenaBufferAllocator`).

    Attributes:
        needed: the largest sum of both ends at any moment so far.
        highest: the largest `bottom` so far.
        bottom: the bytes in use from the bottom: the head, and the temporary memory above it.
        tail: the bytes in use from the top: persistent memory, which is never freed.
        requests: the sizes of the scratch buffers that kernels have requested, in their order.
    """

    def __init__(self, structs: Structs) -> None:
        self.needed = self.highest = self.bottom = self.tail = 0
        self.structs = structs
        self.requests: list[int] = []

    def allocate_persistent(self, size: int, alignment: int) -> None:
        """Grow the tail."""
        self.tail = align(self.tail + size, alignment)
        # TFLM checks against the head only, and would overwrite temporary memory that is still read.
        self.needed = max(self.needed, self.bottom + self.tail)

    def allocate_temporary(self, size: int, alignment: int) -> None:
        """Take memory above the head, until the head is resized."""
        self.bottom = align(self.bottom, alignment) + size
        self.needed = max(self.needed, self.bottom + self.tail)
        self.highest = max(self.highest, self.bottom)

    def resize_head(self, size: int) -> None:
        """Free all temporary memory, and give the head another size; the next allocation counts it."""
        self.bottom = size
        self.highest = max(self.highest, self.bottom)

    def hold_requests(self) -> None:
        """Let the head hold the requests for scratch buffers so far, and room for those of the next operator."""
        self.resize_head((len(self.requests) + _REQUESTS) * self.structs.size("ScratchBufferRequest"))

    def allocate_structure(self, name: str, count: int = 1) -> None:
        """Keep structures of TFLM."""
        self.allocate_persistent(self.structs.size(name) * count, self.structs.pointer)

    def allocate_tensor(self, tensor: Tensor) -> None:
        """Keep the full structure of an input or output of the model."""
        self.allocate_structure("TfLiteTensor")
        if tensor.quantization is not None:
            self.allocate_structure("TfLiteAffineQuantization")
            self.allocate_persistent(4 + 4 * len(tensor.quantization.scales), 4)

    # What a kernel asks for in Prepare; see microgen.runtimes.tflm.planner.kernels.

    def keep(self, size: int) -> None:
        self.allocate_persistent(size, 16)

    def scratch(self, size: int) -> None:
        self.requests.append(size)

    def look(self, tensor: Tensor) -> None:
        self.allocate_temporary(self.structs.size("TfLiteTensor"), self.structs.pointer)
        if tensor.quantization is not None:
            self.allocate_temporary(self.structs.size("TfLiteAffineQuantization"), self.structs.pointer)
            self.allocate_temporary(4 + 4 * len(tensor.quantization.scales), 4)


def plan(
    model: TfliteModel,
    target: Target,
    scratch: KernelBytes | None = None,
    persistent: KernelBytes | None = None,
    temporary: KernelBytes | None = None,
    structs: tuple[tuple[str, int], ...] = (),
) -> MemoryPlan:
    """Lay a model out in the arena as TFLM does, in the order of `MicroInterpreter::AllocateTensors`.

    Args:
        model: the model.
        target: what to compute it for.
        scratch: what a board's own kernel of an operator asks for on top of the reference kernel's while it runs.
        persistent: the same for what it keeps.
        temporary: the same for what it takes only while it is prepared.
        structs: names and bytes of the interpreter's structures that a board's library compiles in another size.
    """
    arena = _Arena(Structs.of(target, structs))
    _allocate_graphs(arena, model)
    requests = _prepare_operators(arena, model, scratch, persistent, temporary)
    head = _lay_out(model, tuple(requests.items()))
    _allocate_for_planning(arena, model, len(head.buffers))
    size = max((b.offset + b.size for b in head.buffers), default=0)
    allocation = arena.needed
    arena.resize_head(size)
    _allocate_edges(arena, model)
    needed = align(arena.needed) + _ALLOWANCE.get(target, 0)
    planning = needed - size - arena.tail
    highest = align(arena.highest)
    return MemoryPlan(head.buffers, head.scopes, head.peak, needed, size, arena.tail, planning, allocation, highest)


@kept_for_model
def _lay_out(model: TfliteModel, requests: tuple[tuple[tuple[int, int], tuple[int, ...]], ...]) -> MemoryLayout:
    """Lay out the head, which targets share: all but a few operators request the same scratch buffers on each."""
    lifetimes = Lifetimes(model, dict(requests))
    buffers = with_offsets(lifetimes.buffers, place(lifetimes.buffers, [b.fixed for b in lifetimes.buffers]))
    scopes = tuple(lifetimes.scopes)
    return MemoryLayout(buffers, scopes, _peak(buffers, scopes))


def _allocate_graphs(arena: _Arena, model: TfliteModel) -> None:
    """Keep TFLM's own objects, and what describes tensors and operators."""
    for name in ("SingleArenaBufferAllocator", "GreedyMemoryPlanner", "MicroAllocator"):
        arena.allocate_structure(name)
    if count := len(variables.names(model)):
        arena.keep(arena.structs.size("MicroResourceVariables"))
        arena.keep(arena.structs.size("MicroResourceVariable") * count)
    arena.allocate_structure("MicroBuiltinDataAllocator")
    arena.hold_requests()
    arena.allocate_structure("SubgraphAllocations", len(model.subgraphs))
    for graph in model.subgraphs:
        arena.allocate_structure("TfLiteEvalTensor", len(graph.tensors))
    for graph in model.subgraphs:
        arena.allocate_structure("NodeAndRegistration", len(graph.operators))


def _prepare_operators(
    arena: _Arena,
    model: TfliteModel,
    scratch: KernelBytes | None,
    persistent: KernelBytes | None,
    temporary: KernelBytes | None,
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Prepare all kernels: read the options of the operators (Parse), then Init, then Prepare.

    Returns:
        The sizes of the scratch buffers that each operator requests, by (subgraph, operator).
    """
    structs = arena.structs
    operators = [(graph, op) for graph in model.subgraphs for op in graph.operators]
    for _, op in operators:
        if size := structs.options(op.name):
            # The names of a variable are pointers, all other options are integers and bytes.
            number = structs.pointer if op.name == variables.HANDLE else 4
            arena.allocate_persistent(size, 1 if size % 4 else number)
    for _, op in operators:
        if size := structs.user_data(op.name):
            arena.keep(size)
    requests: dict[tuple[int, int], tuple[int, ...]] = {}
    kept = set[str | None]()
    for graph, op in operators:
        before = len(arena.requests)
        node = kernels.Node(graph, op, structs, arena)
        kernels.prepare(node)
        if op.name == variables.ASSIGN and (name := variables.name_of(graph, op)) not in kept:
            value = node.input(1)
            arena.keep(value.bytes if value is not None else 0)  # the first that assigns a variable makes room for it
            kept.add(name)
        for size in scratch(graph, op) if scratch else ():
            arena.scratch(size)
        for size in persistent(graph, op) if persistent else ():
            arena.keep(size)
        for size in temporary(graph, op) if temporary else ():
            arena.allocate_temporary(size, structs.pointer)
        requests[graph.index, op.index] = tuple(arena.requests[before:])
        arena.hold_requests()
    if arena.requests:
        arena.allocate_persistent(structs.pointer * len(arena.requests), structs.pointer)  # ScratchBufferHandle
    return requests


def _allocate_for_planning(arena: _Arena, model: TfliteModel, buffers: int) -> None:
    """Take what TFLM needs while it lays out so many buffers: a record per tensor and request, the planner's arrays.

    Variable tensors are kept meanwhile.
    """
    structs = arena.structs
    records = sum(len(g.tensors) for g in model.subgraphs) + len(arena.requests)
    arena.allocate_temporary(structs.pointer * len(model.subgraphs), structs.pointer)
    arena.allocate_temporary(structs.size("AllocationInfo") * records, structs.pointer)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.is_variable and tensor.offline_offset < 0:
                arena.keep(tensor.bytes)
    top = align(arena.bottom) + buffers * _PLANNER_BYTES_PER_BUFFER
    arena.needed = max(arena.needed, top + align(arena.tail))
    arena.highest = max(arena.highest, top)


def _allocate_edges(arena: _Arena, model: TfliteModel) -> None:
    """Keep the model's inputs and outputs."""
    for tensors in (model.inputs, model.outputs):
        arena.allocate_persistent(arena.structs.pointer * len(tensors), 16)
        for tensor in tensors:
            arena.allocate_tensor(tensor)


def _peak(buffers: Sequence[Buffer], scopes: Sequence[tuple[int, int] | None]) -> tuple[int, int]:
    """Return the operator during which the head is used furthest, the fullest of them where several are."""

    used, alive = tops(buffers, len(scopes)), totals(buffers, len(scopes))
    steps = [(scope, operator) for scope, operator in enumerate(scopes) if operator is not None]
    return max(steps, key=lambda step: (used[step[0]], alive[step[0]]))[1]
