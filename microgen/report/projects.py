"""What people read of a project and its firmware: build, verify, bench, tune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from ..devices import HOST
from ..projects import PROJECTS
from ..tflite import float_cost
from .accuracy import changed_line
from .models import application_lines, parts_text, quality_lines
from .text import Pairs, counted, microseconds, place, short_name, table

if TYPE_CHECKING:
    from ..deployment.fit import Fit, Memory
    from ..errors import Spelling
    from ..projects.drift import Drift
    from ..quantization import Quantized
    from ..verification import Device, Layer, Verdict
    from ..workflows.bench import Bench
    from ..workflows.build_all import BoardResult
    from ..workflows.build_result import BuildResult, BuiltModel
    from ..workflows.tune import Tuned


def build_lines(result: BuildResult) -> Pairs:
    """Return what `microgen build` says in the end."""
    d = result.deployment
    arena = d.arena
    lines = [
        *(("model", f"{m.name}: {len(m.model.data):,} bytes, {counted(m.model.ops)}") for m in d.models),
        ("board", f"{d.board.title}, {d.firmware.library.title}"),
        ("arena", f"{arena.bytes:,} bytes: {arena.origin}"),
    ]
    if cost := float_cost(d.model):
        lines.append(("float32", cost))
    if result.runtime_reason:
        lines.append(("runtime", f"{d.plan.runtime}: {result.runtime_reason}"))
    lines += fit_lines(result.fit)
    lines += application_lines(d.application, d.model)
    lines += _per_model(result, lambda m: [("stored", line) for line in m.deployment.plan.stored()])
    if result.compiled and result.compiled.flash_bytes is not None:
        c = result.compiled
        lines.append(
            ("compiled", f"flash {c.flash_bytes:,} of {c.flash_limit:,} bytes, RAM {c.ram_bytes:,} of {c.ram_limit:,}")
        )
    lines += _per_model(result, lambda m: _quality_lines(m.source))
    lines += _per_model(result, lambda m: [("warning", text) for text in m.source.warnings])
    lines += [("warning", text) for text in d.warnings]
    lines += _per_model(result, lambda m: [("warning", text) for text in m.verdict.warnings])
    lines += _per_model(result, lambda m: _layer_lines(m.verdict))
    lines.append(("project", str(result.project)))
    lines += _per_model(result, lambda m: [("verdict", m.verdict.summary())])
    if result.drift is not None:
        return [*lines, *_drift_lines(result.drift)]
    kind = PROJECTS.get(result.project_kind)
    if kind.tool is None:
        return [*lines, ("next", f"{kind.built_by}: {quote(str(result.project / 'README.md'))} has the commands")]
    return [*lines, ("upload", f"microgen flash {quote(str(result.project))}")]


def _per_model(result: BuildResult, lines_of: Callable[[BuiltModel], Pairs]) -> Pairs:
    """Return the lines of each model, which begin with its name if there are several."""
    named = [(m, f"{m.deployment.name}: " if result.further else "") for m in result.models]
    return [(what, f"{name}{text}") for m, name in named for what, text in lines_of(m)]


def _quality_lines(source: Quantized) -> Pairs:
    if not source.metrics:
        return quality_lines(source)
    return [
        *(("held-out data", f"{k}: {v:.4f}") for k, v in source.metrics.items()),
        *(("held-out data", f"{k}: {v:.6g}") for k, v in source.record.get("parameters", {}).items()),
    ]


def _drift_lines(drift: Drift) -> Pairs:
    if not drift:
        return [("drift", "none: the project matches a new build")]
    return [
        *(("cause", cause.summary()) for cause in drift.causes),
        *(("drift", change.summary()) for change in drift.changes),
    ]


def fit_lines(fit: Fit) -> Pairs:
    """Return how full the board's memories are."""
    return [
        (
            m.name,
            f"{m.outcome}: {m.bytes:,} of {m.limit_bytes:,} bytes, +-{m.error_bytes:,} ("
            + parts_text((p.name, p.bytes, p.source) for p in m.parts)
            + ")",
        )
        for m in fit.memories
    ]


BOARDS_HEADS = ("board", "fits", "flash", "RAM", "verdict or error")


def boards_rows(results: Sequence[BoardResult], spelling: Spelling) -> list[list[str]]:
    """Return the rows of the table over several boards."""
    return [
        [
            r.board,
            r.fit.outcome if r.fit else "-",
            _share(r.fit.flash) if r.fit else "-",
            _share(r.fit.ram) + (f", arena in {r.fit.region.name}" if r.fit.region else "") if r.fit else "-",
            r.error.spelled(spelling)[0] if r.error else _outcome(r.result) if r.result else "",
        ]
        for r in results
    ]


def _outcome(result: BuildResult) -> str:
    count = len(result.drift.changes) if result.drift else 0
    drifted = f", {count} file{'s' if count > 1 else ''} drifted" if count else ""
    statuses = ", ".join(dict.fromkeys(m.verdict.status for m in result.models))
    return f"{statuses}{', destroyed by quantization' if result.is_destroyed else ''}{drifted}"


def _share(memory: Memory) -> str:
    return f"{memory.bytes:,} +-{memory.error_bytes:,} ({100 * memory.bytes / memory.limit_bytes:.0f} %)"


def verdict_lines(verdict: Verdict) -> Pairs:
    """Return what `microgen verify` says."""
    engines = verdict.engines or {}
    lines = [
        ("engines", ", ".join(f"{k} {v}" for k, v in engines.items()) or "none"),
        *_device_lines(verdict.device),
        *_layer_lines(verdict),
    ]
    lines += [("normalised", text) for text in verdict.normalised]
    lines += [("fault", text) for text in verdict.faults]
    if verdict.accuracy:
        accuracy = verdict.accuracy
        in_float = f"{accuracy['float']['accuracy']:.4f} in float, " if "float" in accuracy else ""
        in_tflm = f"{accuracy['accuracy']:.4f} in TFLM, on {accuracy['samples']} labeled samples"
        lines.append(("accuracy", in_float + in_tflm))
        if in_float:
            lines.append(("changed", changed_line(accuracy["float"])))
    lines += [("warning", text) for text in verdict.warnings]
    if verdict.counterexample:
        lines.append(("counterexample", verdict.counterexample))
    return [*lines, ("verdict", verdict.summary())]


def layer_table(verdict: Verdict) -> None:
    """Print the layer proof of a verification."""
    rows = [
        [
            place(x.subgraph, x.index),
            x.op,
            short_name(x.tensor),
            f"{list(x.shape)} {x.dtype}",
            f"{x.scale:.4g}, {x.zero_point}" if x.scale else "",
            f"{x.max_abs_diff_lsb:.4g} of {x.bound_lsb:.4g}",
            f"{x.differing_elements:,} of {x.elements:,}",
            _from_exact(x),
            "" if x.is_within else "BEYOND",
        ]
        for x in verdict.layers
    ]
    counted_in = "LSB" if not verdict.layers or any(x.unit for x in verdict.layers) else "difference"
    heads = ["", "operator", "output", "shape", "scale, zero", counted_in, "differing", "from exact", ""]
    table(heads, rows, right=(0, 5, 6, 7), whole=(3,), optional=(4, 7, 3))


def _from_exact(layer: Layer) -> str:
    """Return how far both interpreters are from the exact result, and what is allowed."""
    if layer.exact_error_lsb is None:
        return ""
    digits = ".4f" if layer.unit else ".4g"
    return f"{layer.exact_error_lsb:{digits}} of {layer.exact_allowed_lsb:{digits}}"


def _counted_rows(results: Sequence[Bench]) -> list[list[str]]:
    """Return the rows of `bench_table` that only an emulated CPU gives."""
    if not any(b.cpu for b in results):
        return []
    # Two models need not have the same operators: a row has the instructions of its operator alone.
    counted = [{(e["index"], e["op"]): e["instructions"] for e in b.instructions_by_operator} for b in results]
    operators = sorted(dict.fromkeys(o for one in counted for o in one), key=lambda operator: operator[0])
    return [
        ["CPU", *(f"{b.cpu} ({b.emulator})" if b.cpu else "" for b in results)],
        ["instructions", *(_number(b.instructions) for b in results)],
        *(
            [f"  {place(0, index)} {op}", *(_number(one.get((index, op))) for one in counted)]
            for index, op in operators
        ),
        *([["  outside operators", *(_number(b.instructions_outside) for b in results)]] if operators else []),
        ["estimated time", *(_estimate(b) for b in results)],
        ["stack, inference", *(f"{b.stack_bytes:,} bytes" if b.cpu else "" for b in results)],
        ["stack, firmware", *(f"{b.firmware_stack_bytes:,} bytes" if b.cpu else "" for b in results)],
        ["flash, RAM as linked", *(f"{b.flash_bytes:,}, {b.ram_bytes:,} bytes" if b.cpu else "" for b in results)],
        ["  of the model", *(_model_part(b) for b in results)],
    ]


def _model_part(b: Bench) -> str:
    if b.model_code_bytes is None:
        return ""
    return f"code {b.model_code_bytes:,}, constants {b.model_constant_bytes:,}, RAM {b.model_ram_bytes:,} bytes"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _estimate(bench: Bench) -> str:
    if bench.estimated_ms is None:
        return ""
    return f"{bench.estimated_ms:.3g} ms, +-{bench.estimate_error_percent} %"


def _device_lines(device: Device | None) -> Pairs:
    if device is None:
        return []
    lines = [
        ("device", f"{device.name} on {device.on}, {_pace(device)}"),
        ("arena", f"{device.arena_used_bytes:,} of {device.arena_bytes:,} bytes used"),
        ("model", f"SHA-256 {device.model_sha256}"),
    ]
    return [*lines, ("line", f"{device.retries} damaged answers, requested again")] if device.retries else lines


def _pace(device: Device) -> str:
    """Return the time of an inference, and whose time it is where it is not the board's."""
    time = f"{microseconds(device.inference_us)} per inference"
    if device.cpu:
        return f"{time}, estimated for the board's clock"
    return f"{time} of this machine" if device.on == HOST else time


def _layer_lines(verdict: Verdict) -> Pairs:
    return [
        (
            "layer",
            f"{x.index} {x.op} '{short_name(x.tensor)}' {list(x.shape)}: {x.max_abs_diff_lsb:g}{x.unit}, "
            f"bound {x.bound_lsb:.4g}",
        )
        for x in verdict.layers
        if x.differs or not x.is_within
    ]


def tune_lines(result: Tuned) -> Pairs:
    """Return what `microgen tune` says."""
    built = result.build
    change = result.before_bytes - result.arena_bytes
    return [
        ("device", f"{result.device} uses {result.used_bytes:,} bytes of its arena of {result.before_bytes:,}"),
        ("arena", f"{result.arena_bytes:,} bytes now: {abs(change):,} {'less' if change >= 0 else 'more'}"),
        ("project", str(built.project)),
        ("verdict", built.verdict.summary()),
        ("upload", f"microgen flash {quote(str(built.project))}"),
    ]


def _rate(per_s: float) -> str:
    """Return a rate in four digits, or in all of a larger whole number."""
    return f"{per_s:,.0f}" if per_s >= 1000 else f"{per_s:.4g}"


def bench_table(results: Sequence[Bench]) -> None:
    """Print what `microgen bench` found, one column a device."""
    rows = [
        ["model", *(f"{b.model} {b.model_sha256[:12]}" for b in results)],
        ["runtime", *(f"{b.tflm}, kernels: {b.kernels}" for b in results)],
        ["inferences", *(f"{b.runs} after {b.warmups}" for b in results)],
        *(
            [what, *(microseconds(getattr(b, f"{what}_us")) for b in results)]
            for what in ("median", "p95", "min", "max")
        ),
        ["inferences/s", *(_rate(b.inferences_per_s) for b in results)],
        ["arena used", *(f"{b.arena_used_bytes:,} of {b.arena_bytes:,} bytes" for b in results)],
        *_counted_rows(results),
    ]
    if len(results) == 2:
        rows.append(["median, relative", f"{results[0].median_us / max(results[1].median_us, 1e-9):.3g} times", ""])
    devices = range(1, len(results) + 1)
    table(["", *(f"{b.device} on {b.on}" for b in results)], rows, right=devices, whole=(0,), folded=devices)
