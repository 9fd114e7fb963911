"""What people read of a model before it is in a project: quantize, train, inspect, recipes, boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tflite import float_cost
from .text import Pairs, counted, place, size, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..applications.application import Application
    from ..boards import Board
    from ..quantization import Quantized
    from ..quantization.quality import Quality
    from ..recipes import Recipe
    from ..tflite import TfliteModel
    from ..training.train import Trained
    from ..workflows.count import ApplicationCounts, Counts
    from ..workflows.inspect import Inspection, RuntimeFigures
    from ..workflows.memory_map import MemoryMap


def quantized_lines(quantized: Quantized, path: str) -> Pairs:
    """Return what `microgen quantize` says."""
    model = quantized.model
    lines = [("model", f"{model.name}: {len(model.data):,} bytes, {counted(model.ops)}")]
    if quantized.is_float:
        lines.append(("float32", f"nothing was quantized; it {float_cost(model)}"))
    elif quantized.float_bytes:
        lines.append(
            ("size", f"float {quantized.float_bytes:,} bytes, {quantized.float_bytes / len(model.data):.2f} times")
        )
    else:
        lines.append(("quantized", "already, by the model's author"))
    lines += quality_lines(quantized)
    if requantized := quantized.record.get("requantized"):
        lines.append(("requantized", f"from one integer scale to another: {', '.join(requantized)}"))
    if int4 := quantized.record.get("int4"):
        left = f"SQNR {int4['sqnr_db']:g} dB at the output, relative to int8"
        lines.append(("four bits", f"the weights of {', '.join(int4['layers'])}; {left}"))
    lines += [("warning", text) for text in quantized.warnings]
    return [*lines, ("written", path)]


def trained_rows(trained: Trained) -> tuple[list[str], list[list[str]]]:
    """Return the table of `microgen train`: its heads and rows."""
    sizes = (trained.quantized.float_bytes, len(trained.quantized.model.data))
    ratio = f"{trained.compression:.2f}"
    rows = [
        ["float", f"{trained.float_score:.4f}", f"{sizes[0]:,}", "1.00"],
        ["int8 in LiteRT", f"{trained.litert_score:.4f}", f"{sizes[1]:,}", ratio],
        ["int8 in TFLM", f"{trained.tflm_score:.4f}", f"{sizes[1]:,}", ratio],
    ]
    return ["model", trained.recipe.metric.name, "bytes", "compression"], rows


def trained_lines(trained: Trained, path: str) -> Pairs:
    """Return what `microgen train` says below its table."""
    return [
        ("tested on", f"{trained.tested} {_held_out(trained)}; seed {trained.seed}, {trained.epochs} epochs"),
        *([("labels", ", ".join(trained.recipe.labels))] if trained.data and trained.recipe.labels else []),
        *([("input", trained.recipe.input)] if trained.data else []),
        *(
            ("scaled", f"({s['column']} {'-' if s['offset'] >= 0 else '+'} {abs(s['offset']):g}) * {s['scale']:g}")
            for s in trained.prepared.get("scaling", [])
        ),
        *(
            [
                (
                    "validation",
                    f"{trained.recipe.metric.name} {trained.validation_score:.4f} on the validation data",
                )
            ]
            if trained.validation_score is not None
            else []
        ),
        *((key, f"{value:.6g}") for key, value in trained.parameters.items()),
        *([("SQNR, lowest", _worst(trained.quantized.quality))] if trained.quantized.quality else []),
        ("written", path),
    ]


def _held_out(trained: Trained) -> str:
    return trained.held_out or "held-out samples"


def recipe_lines(recipe: Recipe) -> Pairs:
    """Return what `microgen recipes NAME` says."""
    return [
        ("name", recipe.name),
        ("recipe", f"{recipe.title}: {recipe.task}"),
        ("data", recipe.source),
        ("input", recipe.input),
        ("labels", ", ".join(recipe.labels) or "-"),
        ("reaches", f"{recipe.metric.name} {recipe.bound:g} or {'more' if recipe.metric.higher_is_better else 'less'}"),
        ("epochs", str(recipe.epochs)),
        *([("own data", recipe.takes)] if recipe.takes else []),
    ]


def inspect_lines(inspection: Inspection) -> Pairs:
    """Return the head of `microgen inspect`."""
    document = inspection.to_json()
    lines = [
        (
            "model",
            f"{document['name']}: {document['bytes']:,} bytes, {document['weight_bytes']:,} of them weights; "
            f"{document['flash_bytes']:,} without the names and metadata that no device reads",
        )
    ]
    for kind in ("inputs", "outputs"):
        for tensor in document[kind]:
            real = f", {tensor['affine']}" if tensor["affine"] else ""
            lines.append((kind[:-1], f"{tensor['name']}: {tensor['dtype']} {tensor['shape']}{real}"))
    return [
        *lines,
        *(
            [
                (
                    "edges",
                    f"float32 inputs and outputs take {more:,} bytes more RAM than integers; the copies for the serial "
                    "commands take the same again",
                )
            ]
            if (more := document["float_edges_bytes"])
            else []
        ),
        *([("float32", document["float_cost"])] if document["float_cost"] else []),
        ("operators", counted(document["ops"])),
        ("MACs", f"{document['macs']:,}"),
        ("sha256", document["sha256"]),
        *(("fault", text) for text in document["faults"]),
        *([("project", document["project"])] if document.get("project") else []),
        *_deployed_lines(inspection, document),
        *_runtime_lines(inspection),
    ]


def _deployed_lines(inspection: Inspection, document: dict[str, Any]) -> Pairs:
    deployment = inspection.deployment
    if deployment is None:
        return []
    stack, uncounted = _stack_there(deployment.board), inspection.uncounted or "it does not fit"
    lines = _fit_lines(document, deployment.arena.origin, stack, uncounted)
    if inspection.application is None:
        return lines
    application = application_lines(deployment.application, inspection.model)
    return [*lines, *application, *_listening_lines(inspection.application)]


def parts_text(parts: Iterable[tuple[str, int, str]]) -> str:
    """Return the parts of a memory, each by name, bytes and source; one without bytes says where it is."""
    return ", ".join(f"{name} {size:,}" if size or not source.startswith("in ") else f"{name} {source}"
                     for name, size, source in parts)  # fmt: skip


def release_text(release: Mapping[str, int]) -> str:
    """Say what a release build takes."""
    return (
        f"flash {release['flash_bytes']:,} +-{release['flash_error_bytes']:,}, RAM {release['ram_bytes']:,} "
        f"+-{release['ram_error_bytes']:,} bytes, without serial commands and golden vectors"
    )


def _stack_there(board: Board) -> str:
    core = board.core
    if core.stack_bytes:
        return f"the core reserves {core.stack_bytes:,} bytes"
    return f"the stack is in {core.stack_in}"


def _fit_lines(document: dict[str, Any], origin: str, stack_there: str, uncounted: str) -> Pairs:
    """Return how a model lies on a board.

    Args:
        document: the inspection as plain data.
        origin: what the arena consists of.
        stack_there: what the board's core has of stack.
        uncounted: why no inference was counted; "" where one was.
    """
    memory, fit = document["memory"], document["fit"]
    peak = memory["peak"]
    lines = [
        ("board", f"{document['board']}: {fit['outcome']}"),
        (
            "arena",
            f"{memory['arena_bytes']:,} bytes: {origin}",
        ),
        (
            "needed",
            f"{memory['arena_min_bytes']:,} bytes: {memory['head_bytes']:,} activations and scratch, "
            f"{memory['persistent_bytes']:,} structures, {memory['planning_bytes']:,} while allocating",
        ),
        ("peak", f"operator {peak['operator']} ({peak['op']}): {peak['bytes']:,} bytes"),
    ]
    if shared := memory.get("shared"):
        others = f"{', '.join(document['models'])} together: {shared['bytes']:,} bytes of arena"
        lines.append(("models", f"{others}, {shared['shared_bytes']:,} of them shared"))
    for m in fit["memories"]:
        parts = parts_text((p["name"], p["bytes"], p["source"]) for p in m["parts"])
        total = f"{m['bytes']:,} of {m['limit_bytes']:,} bytes, +-{m['error_bytes']:,}: {m['outcome']}"
        lines.append((m["name"], f"{total} ({parts})"))
    lines.append(("release", release_text(fit["release"])))
    if counts := document["counts"]:
        needed = f"{counts['stack_bytes']:,} bytes per inference, {counts['firmware_stack_bytes']:,} the whole firmware"
        lines.append(("stack", f"{needed}, on an emulated {counts['cpu']}; {stack_there}"))
    else:
        lines.append(("stack", f"not counted ({uncounted}); {stack_there}"))
    if counts:
        lines.append(
            (
                "time",
                f"{counts['estimated_ms']:.3g} ms per inference, +-{counts['estimate_error_percent']} % "
                f"({counts['instructions']:,} instructions on an emulated {counts['cpu']})",
            )
        )
    lines += [("change", text) for text in document["advice"]]
    return [*lines, *(("warning", text) for text in document["warnings"])]


def runtimes_table(inspection: Inspection) -> None:
    """Print what a model takes on each runtime; `inspect_lines` has the reasons for what is missing."""
    runtimes = inspection.runtimes
    rows = [
        ["library", *(r.title or "-" for r in runtimes)],
        *([name, *(_filled(r, k) for r in runtimes)] for k, name in enumerate(("flash", "RAM"))),
        [
            "the model: code",
            *(f"{r.memory.code_bytes:,} bytes, {r.memory.source}" if r.memory else "-" for r in runtimes),
        ],
        ["  weights", *(f"{r.memory.weights_bytes:,} bytes" if r.memory else "-" for r in runtimes)],
        ["  RAM", *(f"{r.memory.ram_bytes:,} bytes" if r.memory else "-" for r in runtimes)],
        ["  stack", *(f"{r.counts.stack_bytes:,} bytes" if r.counts else "-" for r in runtimes)],
        ["instructions", *(f"{r.counts.instructions:,}" if r.counts else "-" for r in runtimes)],
        ["time", *(_time(r.counts) if r.counts else "-" for r in runtimes)],
    ]
    table(["", *(r.runtime for r in runtimes)], rows)


def _time(counts: Counts) -> str:
    """Return the estimated time of an inference with its error."""
    return f"{counts.estimated_ms:.3g} ms, +-{counts.estimate_error_percent} %"


def _filled(figures: RuntimeFigures, position: int) -> str:
    """Return how full one of the board's memories is."""
    if figures.fit is None:
        return "-"
    memory = figures.fit.memories[position]
    return f"{memory.bytes:,} +-{memory.error_bytes:,} bytes: {memory.outcome}"


def _runtime_lines(inspection: Inspection) -> Pairs:
    """Return why a runtime was taken, and what the others cannot do."""
    lines = []
    if inspection.runtime_reason and inspection.deployment:
        lines.append(("runtime", f"{inspection.deployment.plan.runtime}: {inspection.runtime_reason}"))
    for r in inspection.runtimes:
        if r.refusal:
            lines.append((r.runtime, f"does not support the model: {r.refusal}"))
        elif r.uncounted:
            lines.append((r.runtime, f"instructions not counted: {r.uncounted}"))
        lines += [(r.runtime, note) for note in r.notes]
    return lines


def map_tables(usual: MemoryMap, release: MemoryMap) -> None:
    """Print what takes flash and RAM of a firmware and of its release build, by part, and the largest symbols."""
    heads = [f"linked for {usual.cpu}", "flash", "RAM", "flash, release", "RAM, release"]
    rows = [
        [name, f"{flash:,}", f"{ram:,}", f"{released[1]:,}", f"{released[2]:,}"]
        for (name, flash, ram), released in zip(usual.parts, release.parts, strict=True)
    ]
    table(heads, rows, right=(1, 2, 3, 4))
    symbols = [[name, f"{size:,}", memory] for name, size, memory in usual.symbols]
    table(["largest symbols", "bytes", "in"], symbols, right=(1,))


def inspect_table(inspection: Inspection) -> None:
    """Print the layers of `microgen inspect`."""
    with_arena = inspection.deployment is not None
    rows = [
        [
            place(x.subgraph, x.index),
            x.op,
            f"{list(x.output_shape)} {x.output_dtype}",
            f"{x.macs:,}",
            f"{x.weight_bytes:,}",
            *([f"{x.arena_bytes:,}"] if with_arena else []),
        ]
        for x in inspection.layers
    ]
    heads = ["", "operator", "output", "MACs", "weights", *(["arena"] if with_arena else [])]
    table(heads, rows, right=(0, 3, 4, 5), whole=(2,), optional=(2,))


def application_lines(application: Application, model: TfliteModel) -> Pairs:
    """Return what an application takes besides the serial commands and the model; nothing where that is nothing."""
    parts = []
    for part in application.parts(model):
        sizes = (part.flash_bytes, "flash"), (part.ram_bytes, "RAM")
        parts.append(f"{part.name} " + " and ".join(f"{n:,} bytes of {memory}" for n, memory in sizes if n))
    return [("application", f"{application.name}: {', '.join(parts)}")] if parts else []


def _listening_lines(counts: ApplicationCounts) -> Pairs:
    """Return what an application takes while it listens."""
    if counts.load is None:
        each = f"about {counts.instructions:,} instructions per second"
        about = f"{each} in addition to the model, estimated: {counts.uncounted}"
        return [("listening", about)]
    lines = [
        (
            "listening",
            f"{counts.instructions:,} instructions per second in addition to the model, and {counts.inferences:.3g} "
            "inferences per second: "
            f"busy {100 * counts.load:.2g} % of the time, +-{counts.estimate_error_percent} %",
        )
    ]
    if counts.lost:
        lines.append(("lost", f"{100 * counts.lost:.2g} % of the sensor's values: {why_lost(counts.load)}"))
    return lines


def why_lost(load: float | None) -> str:
    """Return why values of a sensor are lost: no time for all inferences, or for one while the queue fills.

    Args:
        load: the part of its time that the CPU works; None where that is not known.
    """
    if load is not None and load < 1:
        return "one inference takes longer than the queue lasts"
    return "the model is slower than the sensor"


def board_lines(board: Board) -> Pairs:
    """Return what `microgen boards NAME` says."""
    tflm = board.snapshot
    return [
        ("name", board.name),
        ("board", f"{board.title} ({board.vendor}), {board.url}"),
        ("also called", ", ".join(board.aliases) or "-"),
        ("MCU", f"{board.mcu.name}, {board.mcu.cpu} at {board.mcu.clock_hz / 1e6:g} MHz"),
        ("memory", f"{size(board.mcu.flash_bytes)} flash, {size(board.mcu.ram_bytes)} RAM"),
        ("TFLM", f"{tflm.title} of {tflm.date}, kernels: {tflm.kernels}" if tflm else "-"),
        ("PlatformIO", f"{board.platformio.platform}, board {board.platformio.board}"),
        *((sensor.kind, sensor.title) for sensor in board.sensors),
        ("status", board.status),
        *(("note", text) for text in (tflm.notes if tflm else ())),
    ]


def quality_lines(quantized: Quantized) -> Pairs:
    """Return what a model was quantized with, and what that cost; nothing where it came quantized."""
    quality = quantized.quality
    if quality is None:
        return []
    lines = [("calibration", _calibration(quantized))]
    if quality.layers:
        lines.append(("SQNR", f"{quality.output_sqnr_db:g} dB at the output, on {quality.samples} samples"))
        lines.append(("SQNR, lowest", _worst(quality)))
        saturated = max(quality.layers, key=lambda x: x.saturated)
        if saturated.saturated >= 0.001:
            where = saturated.layer or saturated.tensor
            lines.append(("saturation", f"{saturated.saturated:.1%} of the values of {saturated.op} '{where}'"))
    if quality.accuracy:
        before, after = quality.accuracy
        lines.append(("accuracy", f"{before:.4f} in float, {after:.4f} quantized, on the calibration data"))
    return lines


def _calibration(quantized: Quantized) -> str:
    """Say how many samples there were, and from where to where they go: scaling is the most frequent mistake."""
    data = quantized.calibration
    ranges = [f"{float(values.min()):.4g} to {float(values.max()):.4g}" for values in data]
    if len(ranges) > 1:
        ranges = [f"{tensor.name} {text}" for tensor, text in zip(quantized.model.inputs, ranges, strict=True)]
    return f"{len(data[0])} samples, {', '.join(ranges)}"


def _worst(quality: Quality) -> str:
    return ", ".join(f"{x.op} '{x.layer or x.tensor}' {x.sqnr_db:g} dB" for x in quality.worst)
