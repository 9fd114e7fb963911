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
        *_change_line(found),
        *(("warning", text) for text in found.quantized.warnings),
        ("written", f"{path}, and in int8 {model}"),
    ]


def _change_line(found: Compressed) -> Pairs:
    if found.change_error is None:
        return []
    change = found.after.tflm_score - found.before.tflm_score
    return [("change in TFLM", f"{change:+.4f} +-{found.change_error:.4f}, the standard error from these samples")]


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
    return [*lines, ("written", path)]


SWEEP_HEADS = ("candidate", "score", "change", ".tflite", "gzip", "arena", "MACs", "fits", "best for, or why not")
_SHORT = {"tflite_bytes": ".tflite", "gzip_bytes": "gzip", "arena_bytes": "arena", "macs": "MACs"}


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


def sweep_lines(found: Sweep) -> Pairs:
    """Return what `microgen sweep` says below its table."""
    failed = sum(1 for row in found.rows if row.error[0])
    return [
        ("score", f"{found.metric.name} in int8 on TFLM; sizes in bytes, for {found.board.title}"),
        ("candidates", f"{len(found.rows)}: {found.resumed} were there already, {failed} failed"),
        *([("picture", str(found.picture))] if found.picture else []),
        ("written", f"{found.out}: sweep.json, and the models of each candidate"),
    ]


def best_row(found: Sweep) -> Row | None:
    """Return the candidate that is the best in most; of those what scores best, of those the first named."""
    rows = (row for row in found.rows[1:] if row.best_for)
    return max(rows, key=lambda row: (len(row.best_for), found.merit(row)), default=None)
