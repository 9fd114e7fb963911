"""What people read on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmark import Bench
    from .boards import Board
    from .compression.run import Compressed
    from .drift import Drift
    from .fit import Fit, Memory
    from .fleet import BoardResult
    from .merging import Merged
    from .pipeline import BuildResult
    from .quality import Quality
    from .quantization import Quantized
    from .recipes import Recipe
    from .sweeping.run import Sweep
    from .training import Trained
    from .tuning import Tuned
    from .verification import Device, Verdict

Pairs = list[tuple[str, str]]


def size(count: int) -> str:
    """Return a number of bytes for people, in binary units where it is a round one: "4 MiB", "320 KiB", "983,040 B"."""
    for unit, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor and count % (factor // 4) == 0:
            return f"{count / factor:g} {unit}"
    return f"{count:,} B"


def build_lines(result: BuildResult) -> Pairs:
    """Return what `microgen build` says in the end."""
    d = result.deployment
    arena = d.arena
    lines = [
        ("model", f"{d.name}: {len(d.model.data):,} bytes, {_counted(d.model.ops)}"),
        ("board", f"{d.board.title}, {d.board.snapshot.title}"),
        ("arena", f"{arena.bytes:,} bytes: {arena.origin}"),
    ]
    lines += fit_lines(result.fit)
    if result.compiled and result.compiled.flash_bytes is not None:
        c = result.compiled
        lines.append(
            ("compiled", f"flash {c.flash_bytes:,} of {c.flash_limit:,} bytes, RAM {c.ram_bytes:,} of {c.ram_limit:,}")
        )
    if result.source.metrics:
        lines += [("held-out data", f"{k}: {v:.4f}") for k, v in result.source.metrics.items()]
    elif result.source.quality:
        lines += _quality_lines(result.source.quality)
    lines += [("warning", text) for text in (*result.source.warnings, *d.warnings)]
    lines += _layer_lines(result.verdict)
    lines += [("project", str(result.project)), ("verdict", result.verdict.summary())]
    if result.drift is not None:
        return [*lines, *_drift_lines(result.drift)]
    return [*lines, ("upload", f"microgen flash {_shell(str(result.project))}")]


def _drift_lines(drift: Drift) -> Pairs:
    if not drift:
        return [("drift", "none: the project is what a build makes now")]
    return [
        *(("cause", cause.summary()) for cause in drift.causes),
        *(("drift", change.summary()) for change in drift.changes),
        ("next", "the same without --check builds it again; --force drops what was edited"),
    ]


def fit_lines(fit: Fit) -> Pairs:
    """Return how full the board's memories are."""
    return [
        (
            m.name,
            f"{m.outcome}: {m.bytes:,} of {m.limit_bytes:,} bytes, +-{m.error_bytes:,} ("
            + ", ".join(f"{p.name} {p.bytes:,}" for p in m.parts)
            + ")",
        )
        for m in fit.memories
    ]


FLEET_HEADS = ("board", "fits", "flash", "RAM", "verdict, or why not")


def fleet_rows(results: Sequence[BoardResult]) -> list[list[str]]:
    """Return the rows of the table over several boards."""
    return [
        [
            r.board,
            r.fit.outcome if r.fit else "-",
            _share(r.fit.flash) if r.fit else "-",
            _share(r.fit.ram) + (f", arena in {r.fit.region.name}" if r.fit.region else "") if r.fit else "-",
            r.error.message if r.error else _outcome(r.result) if r.result else "",
        ]
        for r in results
    ]


def _outcome(result: BuildResult) -> str:
    count = len(result.drift.changes) if result.drift else 0
    drifted = f", {count} file{'s' if count > 1 else ''} drifted" if count else ""
    return f"{result.verdict.status}{drifted}"


def _share(memory: Memory) -> str:
    return f"{memory.bytes:,} +-{memory.error_bytes:,} ({100 * memory.bytes / memory.limit_bytes:.0f} %)"


def quantized_lines(found: Quantized, path: str) -> Pairs:
    """Return what `microgen quantize` says."""
    model = found.model
    lines = [("model", f"{model.name}: {len(model.data):,} bytes, {_counted(model.ops)}")]
    if found.float_bytes:
        lines.append(("size", f"float {found.float_bytes:,} bytes, {found.float_bytes / len(model.data):.2f} times"))
    else:
        lines.append(("quantized", "already: taken as it is"))
    if found.quality:
        lines += _quality_lines(found.quality)
    if requantized := found.record.get("requantized"):
        lines.append(("requantized", f"from one integer scale to another: {', '.join(requantized)}"))
    lines += [("warning", text) for text in found.warnings]
    return [*lines, ("written", path)]


def trained_rows(found: Trained) -> tuple[list[str], list[list[str]]]:
    """Return the table of `microgen train`: its heads and rows."""
    sizes = (found.quantized.float_bytes, len(found.quantized.model.data))
    ratio = f"{found.compression:.2f}"
    rows = [
        ["float", f"{found.float_score:.4f}", f"{sizes[0]:,}", "1.00"],
        ["int8 in LiteRT", f"{found.litert_score:.4f}", f"{sizes[1]:,}", ratio],
        ["int8 in TFLM", f"{found.tflm_score:.4f}", f"{sizes[1]:,}", ratio],
    ]
    return ["model", found.recipe.metric.name, "bytes", "compression"], rows


def trained_lines(found: Trained, path: str) -> Pairs:
    """Return what `microgen train` says below its table."""
    name = found.recipe.name
    labels = f" --labels {_shell(f'{path}/labels.txt')}" if found.recipe.labels else ""
    return [
        ("tested on", f"{found.tested} held-out samples; seed {found.seed}, {found.epochs} epochs"),
        *(
            [("validation", f"{found.recipe.metric.name} {found.validation_score:.4f} on the data it was chosen by")]
            if found.validation_score is not None
            else []
        ),
        *((key, f"{value:.6g}") for key, value in found.parameters.items()),
        *([("worst layers", _worst(found.quantized.quality))] if found.quantized.quality else []),
        ("written", path),
        (
            "next",
            f"microgen build {_shell(f'{path}/{name}.tflite')}{labels} "
            f"--calibration {_shell(f'{path}/calibration.npy')} --board esp32",
        ),
    ]


def method_rows() -> list[list[str]]:
    """Return the table of the compression methods."""
    from .compression.methods import load_method, method_names

    rows = []
    for method in map(load_method, method_names()):
        a = method.amount
        amount = f"{a.default:g} ({a.low:g} to {a.high:g}): {a.meaning}" if a else "none"
        rows.append([method.name, amount, str(method.epochs), method.title])
    return rows


def compressed_rows(found: Compressed) -> tuple[list[str], list[list[str]]]:
    """Return the table of `microgen compress`: its heads and rows."""
    before, after, name = found.before, found.after, found.metric.name
    rows = [
        [what, f"{old:.4f}", f"{new:.4f}", f"{new - old:+.4f}"]
        for what, old, new in (
            (f"{name}, float", before.float_score, after.float_score),
            (f"{name}, int8 in TFLM", before.tflm_score, after.tflm_score),
        )
    ]
    rows += [
        [what, f"{old:,}", f"{new:,}", f"{new / old:.3f} times" if old else "-"]
        for what, old, new in (
            ("parameters", before.parameters, after.parameters),
            ("  not zero", before.nonzero, after.nonzero),
            (".tflite, bytes", before.tflite_bytes, after.tflite_bytes),
            ("  under gzip", before.gzip_bytes, after.gzip_bytes),
            ("MACs", before.macs, after.macs),
            ("arena, bytes", before.arena_bytes, after.arena_bytes),
        )
    ]
    return ["", "before", "after", "change"], rows


def compressed_lines(found: Compressed, path: str) -> Pairs:
    """Return what `microgen compress` says below its table."""
    model = path.removesuffix(".keras") + ".tflite"
    return [
        ("methods", " + ".join(map(str, found.steps))),
        ("pruning ratio", f"{found.pruning_ratio:.3f} of the original's parameters are zero or gone"),
        ("compression ratio", f"{found.compression_ratio:.3f}: compressed over original size, under gzip"),
        ("tested on", f"{found.tested} held-out samples; seed {found.seed}"),
        *(("warning", text) for text in found.quantized.warnings),
        ("written", f"{path}, and in int8 {model}"),
        ("next", f"microgen build {_shell(model)} --board esp32"),
    ]


def merged_rows(found: Merged) -> list[list[str]]:
    """Return the rows of `microgen merge`: the models alone, their sum, and the merged one."""
    costs = {name: tuple(vars(part).values()) for name, part in zip(found.names, found.parts, strict=True)}
    total = tuple(map(sum, zip(*costs.values(), strict=True)))
    whole = tuple(vars(found.whole).values())
    rows = [
        [name, *(f"{x:,}" for x in cost)] for name, cost in (*costs.items(), ("together", total), ("merged", whole))
    ]
    return [
        *rows,
        ["", *(f"{100 * (new / old - 1):+.0f} %" if old else "-" for new, old in zip(whole, total, strict=True))],
    ]


def merged_lines(found: Merged, path: str) -> Pairs:
    """Return what `microgen merge` says below its table."""
    lines = [("outputs", ", then those of ".join(found.names)), ("shared", f"{found.shared} are there once")]
    if found.samples:
        lines.append(
            ("compared", f"every byte of every output, with the models alone in TFLM, on {found.samples} samples")
        )
    calibrate = "" if found.whole else " --calibration DATA"
    return [*lines, ("written", path), ("next", f"microgen build {_shell(path)}{calibrate} --board esp32")]


SWEEP_HEADS = ("candidate", "score", "change", ".tflite", "gzip", "arena", "MACs", "fits", "best for, or why not")


def sweep_rows(found: Sweep) -> list[list[str]]:
    """Return the rows of `microgen sweep`."""
    original = found.rows[0].price
    rows = []
    for row in found.rows:
        last = row.error[0] or ", ".join(_SHORT[axis] for axis in row.best_for)
        if row.price is None or original is None:
            rows.append([row.name, *["-"] * 7, last])
            continue
        score = row.price.tflm_score
        sizes = (row.price.tflite_bytes, row.price.gzip_bytes, row.arena_bytes, row.price.macs)
        fits = row.fit.outcome if row.fit else "-"
        cells = [f"{score:.4f}", f"{score - original.tflm_score:+.4f}", *(f"{x:,}" for x in sizes), fits]
        rows.append([row.name, *cells, last])
    return rows


_SHORT = {"tflite_bytes": ".tflite", "gzip_bytes": "gzip", "arena_bytes": "arena", "macs": "MACs"}


def sweep_lines(found: Sweep) -> Pairs:
    """Return what `microgen sweep` says below its table."""
    failed = sum(1 for row in found.rows if row.error[0])
    # What is the best in most; of those what scores best, of those the first named.
    best = max((r for r in found.rows[1:] if r.best_for), key=lambda r: (len(r.best_for), found.merit(r)), default=None)
    return [
        ("score", f"{found.metric.name} in int8 on TFLM; sizes in bytes, for {found.board.title}"),
        ("candidates", f"{len(found.rows)}: {found.resumed} were there already, {failed} failed"),
        *([("picture", str(found.picture))] if found.picture else []),
        ("written", f"{found.out}: sweep.json, and the models of each candidate"),
        *(
            [("next", f"microgen build {_shell(f'{found.out}/{best.folder}/model.tflite')} --board {found.board.name}")]
            if best
            else []
        ),
    ]


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
    ]


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
    if verdict.counterexample:
        lines.append(("shown by", verdict.counterexample))
    return [*lines, ("verdict", verdict.summary())]


def tune_lines(result: Tuned) -> Pairs:
    """Return what `microgen tune` says."""
    built = result.build
    change = result.before_bytes - result.arena_bytes
    return [
        ("device", f"{result.device} uses {result.used_bytes:,} bytes of its arena of {result.before_bytes:,}"),
        ("arena", f"{result.arena_bytes:,} bytes now: {abs(change):,} {'less' if change >= 0 else 'more'}"),
        ("project", str(built.project)),
        ("verdict", built.verdict.summary()),
        ("upload", f"microgen flash {_shell(str(built.project))}"),
    ]


def bench_table(results: Sequence[Bench]) -> None:
    """Print what `microgen bench` found, one column a device."""
    rows = [
        ["model", *(f"{b.model} {b.model_sha256[:12]}" for b in results)],
        ["TFLM", *(f"{b.tflm}, kernels: {b.kernels}" for b in results)],
        ["inferences", *(f"{b.runs} after {b.warmups}" for b in results)],
        *(
            [what, *(microseconds(getattr(b, f"{what}_us")) for b in results)]
            for what in ("median", "p95", "min", "max")
        ),
        ["inferences/s", *(f"{b.inferences_per_s:,.4g}" for b in results)],
        ["arena used", *(f"{b.arena_used_bytes:,} of {b.arena_bytes:,} bytes" for b in results)],
    ]
    if len(results) == 2:
        rows.append(
            ["median, of the other's", f"{results[0].median_us / max(results[1].median_us, 1e-9):.3g} times", ""]
        )
    table(["", *(f"{b.device} on {b.on}" for b in results)], rows, right=range(1, len(results) + 1))


def inspect_lines(found: dict[str, Any]) -> Pairs:
    """Return the head of `microgen inspect`."""
    lines = [("model", f"{found['name']}: {found['bytes']:,} bytes, {found['weight_bytes']:,} of them weights")]
    for kind in ("inputs", "outputs"):
        for tensor in found[kind]:
            real = f", {tensor['affine']}" if tensor["affine"] else ""
            lines.append((kind[:-1], f"{tensor['name']}: {tensor['dtype']} {tensor['shape']}{real}"))
    return [
        *lines,
        ("operators", _counted(found["ops"])),
        ("MACs", f"{found['macs']:,}"),
        ("sha256", found["sha256"]),
        *(("fault", text) for text in found["faults"]),
        *(_fit_lines(found) if "fit" in found else []),
    ]


def _fit_lines(found: dict[str, Any]) -> Pairs:
    memory, fit = found["memory"], found["fit"]
    peak = memory["peak"]
    lines = [
        ("board", f"{found['board']}: {fit['outcome']}"),
        (
            "arena",
            f"{memory['arena_min_bytes']:,} bytes needed ({memory['head_bytes']:,} activations and scratch, "
            f"{memory['persistent_bytes']:,} structures, {memory['planning_bytes']:,} while allocating), "
            f"{memory['arena_bytes']:,} with margin",
        ),
        ("peak", f"operator {peak['operator']} ({peak['op']}): {peak['bytes']:,} bytes"),
    ]
    for m in fit["memories"]:
        parts = ", ".join(f"{p['name']} {p['bytes']:,}" for p in m["parts"])
        total = f"{m['bytes']:,} of {m['limit_bytes']:,} bytes, +-{m['error_bytes']:,}: {m['outcome']}"
        lines.append((m["name"], f"{total} ({parts})"))
    lines += [("change", text) for text in found["advice"]]
    return [*lines, *(("warning", text) for text in found["warnings"])]


def inspect_table(found: dict[str, Any]) -> None:
    """Print the layers of `microgen inspect`."""
    with_arena = "memory" in found
    rows = [
        [
            _place(x["subgraph"], x["index"]),
            x["op"],
            f"{x['output_shape']} {x['output_dtype']}",
            f"{x['macs']:,}",
            f"{x['weight_bytes']:,}",
            *([f"{x['arena_bytes']:,}"] if with_arena else []),
        ]
        for x in found["layers"]
    ]
    heads = ["", "operator", "output", "MACs", "weights", *(["arena"] if with_arena else [])]
    table(heads, rows, right=(0, 3, 4, 5))


def layer_table(verdict: Verdict) -> None:
    """Print the layer proof of `microgen verify --layers`."""
    rows = [
        [
            _place(x.subgraph, x.index),
            x.op,
            short_name(x.tensor),
            f"{list(x.shape)} {x.dtype}",
            f"{x.scale:.4g}, {x.zero_point}" if x.scale else "",
            f"{x.max_abs_diff_lsb:g} of {x.bound_lsb}",
            f"{x.differing_elements:,} of {x.elements:,}",
            "" if x.exact_error_lsb is None else f"{x.exact_error_lsb:.4f} of {x.exact_allowed_lsb:.4f}",
            "" if x.is_within else "BEYOND",
        ]
        for x in verdict.layers
    ]
    heads = ["", "operator", "output", "shape", "scale, zero", "LSB", "differing", "from exact", ""]
    table(heads, rows, right=(0, 5, 6, 7))


def board_lines(board: Board) -> Pairs:
    """Return what `microgen boards NAME` says."""
    return [
        ("name", board.name),
        ("board", f"{board.title} ({board.vendor}), {board.url}"),
        ("also called", ", ".join(board.aliases) or "-"),
        ("MCU", f"{board.mcu.name}, {board.mcu.cpu} at {board.mcu.clock_hz / 1e6:g} MHz"),
        ("memory", f"{size(board.mcu.flash_bytes)} flash, {size(board.mcu.ram_bytes)} RAM"),
        ("TFLM", f"{board.snapshot.title} of {board.snapshot.date}, kernels: {board.snapshot.kernels}"),
        ("PlatformIO", f"{board.platformio.platform}, board {board.platformio.board}"),
        ("status", board.status),
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print a table; on a pipe its columns are not cut."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(80, math.ceil(sum(max(map(len, c)) + 3 for c in zip(heads, *rows, strict=True)))))
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(heads):
        grid.add_column(head, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


def _device_lines(device: Device | None) -> Pairs:
    if device is None:
        return []
    lines = [
        ("device", f"{device.name} on {device.on}, {microseconds(device.inference_us)} per inference"),
        ("arena", f"{device.arena_used_bytes:,} of {device.arena_bytes:,} bytes used"),
        ("model", f"SHA-256 {device.model_sha256}"),
    ]
    return [*lines, ("line", f"damaged and sent again: {device.retries} times")] if device.retries else lines


def microseconds(value: float) -> str:
    """Return a time for people: "830 us", "12.4 ms", "1.25 s"."""
    for limit, unit in ((1e3, "us"), (1e6, "ms")):
        if value < limit:
            return f"{value / limit * 1e3:.3g} {unit}"
    return f"{value / 1e6:.3g} s"


def _layer_lines(verdict: Verdict) -> Pairs:
    return [
        (
            "layer",
            f"{x.index} {x.op} '{short_name(x.tensor)}' {list(x.shape)}: {x.max_abs_diff_lsb:g} LSB, "
            f"bound {x.bound_lsb}",
        )
        for x in verdict.layers
        if x.differs or not x.is_within
    ]


def _quality_lines(quality: Quality) -> Pairs:
    lines = []
    if quality.layers:
        lines.append(("noise", f"{quality.output_sqnr_db:g} dB at the output, on {quality.samples} samples"))
        lines.append(("worst layers", _worst(quality)))
        saturated = max(quality.layers, key=lambda x: x.saturated)
        if saturated.saturated >= 0.001:
            where = saturated.layer or saturated.tensor
            lines.append(("saturation", f"{saturated.saturated:.1%} of the values of {saturated.op} '{where}'"))
    if quality.accuracy:
        before, after = quality.accuracy
        lines.append(("accuracy", f"{before:.4f} in float, {after:.4f} quantized, on the calibration data"))
    return lines


def _worst(quality: Quality) -> str:
    return ", ".join(f"{x.op} '{x.layer or x.tensor}' {x.sqnr_db:g} dB" for x in quality.worst)


def short_name(name: str) -> str:
    """Return the first of the names that a converter joined with semicolons, at most 40 characters."""
    first = name.split(";")[0]
    return first if len(first) <= 40 else f"...{first[-37:]}"


def _place(subgraph: int, index: int) -> str:
    return f"{subgraph}.{index}" if subgraph else str(index)


def _counted(ops: dict[str, int]) -> str:
    return ", ".join(f"{n} {op}" if n > 1 else op for op, n in sorted(ops.items(), key=lambda x: (-x[1], x[0])))


def _shell(path: str) -> str:
    import shlex

    return shlex.quote(path)
