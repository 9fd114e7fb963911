"""What people read on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmark import Bench
    from .boards import Board
    from .fit import Fit, Memory
    from .fleet import BoardResult
    from .pipeline import BuildResult
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
    if result.metrics:
        lines.append(("training", ", ".join(f"{k} {v:.4f}" for k, v in result.metrics.items()) + " on held-out data"))
    lines += [("warning", text) for text in d.warnings]
    lines += _layer_lines(result.verdict)
    lines += [
        ("project", str(result.project)),
        ("verdict", result.verdict.summary()),
        ("upload", f"microgen flash {_shell(str(result.project))}"),
    ]
    return lines


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
            r.error.message if r.error else r.result.verdict.status if r.result else "",
        ]
        for r in results
    ]


def _share(memory: Memory) -> str:
    return f"{memory.bytes:,} +-{memory.error_bytes:,} ({100 * memory.bytes / memory.limit_bytes:.0f} %)"


def verdict_lines(verdict: Verdict) -> Pairs:
    """Return what `microgen verify` says."""
    engines = verdict.engines or {}
    return [
        ("engines", ", ".join(f"{k} {v}" for k, v in engines.items()) or "none"),
        *_device_lines(verdict.device),
        *_layer_lines(verdict),
        ("verdict", verdict.summary()),
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
        ("flash", f"pio run -d {_shell(str(built.project))} -t upload"),
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
    ]


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
            f"{x.index} {x.op} '{x.tensor}' {list(x.shape)}: {x.max_abs_diff_lsb:g} LSB, bound {x.bound_lsb}",
        )
        for x in verdict.layers
    ]


def _counted(ops: dict[str, int]) -> str:
    return ", ".join(f"{n} {op}" if n > 1 else op for op, n in sorted(ops.items(), key=lambda x: (-x[1], x[0])))


def _shell(path: str) -> str:
    import shlex

    return shlex.quote(path)
