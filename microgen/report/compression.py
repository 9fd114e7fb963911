"""What people read of compress, merge and sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import Spelling, spell
from .text import Pairs

if TYPE_CHECKING:
    from ..compression.base import Method
    from ..compression.run import Compressed
    from ..sweeping.table import Row, Sweep
    from ..workflows.merge import Merged


def method_rows(methods: Iterable[Method], spelling: Spelling) -> list[list[str]]:
    """Return the table of compression methods."""
    rows = []
    for method in methods:
        a = method.amount
        amount = f"{a.default:g} ({a.low:g} to {a.high:g}): {a.meaning}" if a else "none"
        rows.append([method.name, amount, str(method.epochs), spell(method.title, spelling)])
    return rows


def compressed_rows(compressed: Compressed) -> tuple[list[str], list[list[str]]]:
    """Return the table of `microgen compress`: its heads and rows."""
    before, after, name = compressed.before, compressed.after, compressed.metric.name
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


def compressed_lines(compressed: Compressed, path: str) -> Pairs:
    """Return what `microgen compress` says below its table."""
    model = path.removesuffix(".keras") + ".tflite"
    return [
        ("methods", " + ".join(map(str, compressed.steps))),
        ("pruning ratio", f"{compressed.pruning_ratio:.3f} of the original's parameters are zero or gone"),
        ("compression ratio", f"{compressed.compression_ratio:.3f}: compressed over original size, under gzip"),
        ("tested on", f"{compressed.tested} held-out samples; seed {compressed.seed}"),
        *_change_line(compressed),
        *(("warning", text) for text in compressed.warnings),
        ("written", f"{path}, and in int8 {model}"),
    ]


def _change_line(compressed: Compressed) -> Pairs:
    if compressed.change_error is None:
        return []
    change = compressed.after.tflm_score - compressed.before.tflm_score
    return [("change in TFLM", f"{change:+.4f} +-{compressed.change_error:.4f}, the standard error from these samples")]


def merged_rows(merged: Merged) -> list[list[str]]:
    """Return the rows of `microgen merge`: the models alone, their sum, and the merged one."""
    costs = {name: tuple(vars(part).values()) for name, part in zip(merged.names, merged.parts, strict=True)}
    total = tuple(map(sum, zip(*costs.values(), strict=True)))
    whole = tuple(vars(merged.whole).values())
    rows = [
        [name, *(f"{x:,}" for x in cost)] for name, cost in (*costs.items(), ("together", total), ("merged", whole))
    ]
    return [
        *rows,
        ["", *(f"{100 * (new / old - 1):+.0f} %" if old else "-" for new, old in zip(whole, total, strict=True))],
    ]


def merged_lines(merged: Merged, path: str) -> Pairs:
    """Return what `microgen merge` says below its table."""
    lines = [("outputs", ", then those of ".join(merged.names)), ("shared", f"{merged.shared} are there once")]
    if merged.samples:
        lines.append(
            ("compared", f"every byte of every output, with the models alone in TFLM, on {merged.samples} samples")
        )
    return [*lines, ("written", path)]


SWEEP_HEADS = ("candidate", "score", "change", ".tflite", "gzip", "arena", "MACs", "fits", "best for, or why not")
_SHORT = {"tflite_bytes": ".tflite", "gzip_bytes": "gzip", "arena_bytes": "arena", "macs": "MACs"}


def sweep_rows(sweep: Sweep) -> list[list[str]]:
    """Return the rows of `microgen sweep`."""
    original = sweep.rows[0].price
    rows = []
    for row in sweep.rows:
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


def sweep_lines(sweep: Sweep) -> Pairs:
    """Return what `microgen sweep` says below its table."""
    failed = sum(1 for row in sweep.rows if row.error[0])
    return [
        ("score", f"{sweep.metric.name} in int8 on TFLM; sizes in bytes, for {sweep.board.title}"),
        ("candidates", f"{len(sweep.rows)}: {sweep.resumed} were there already, {failed} failed"),
        *([("picture", str(sweep.picture))] if sweep.picture else []),
        ("written", f"{sweep.out}: sweep.json, and the models of each candidate"),
    ]


def best_row(sweep: Sweep) -> Row | None:
    """Return the candidate that is the best in most; of those what scores best, of those the first named."""
    rows = (row for row in sweep.rows[1:] if row.best_for)
    return max(rows, key=lambda row: (len(row.best_for), sweep.merit(row)), default=None)
