"""What people read of compress, merge and sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import Spelling, spell
from ..support.metrics import SQNR
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
            *_device_rows(compressed),
        )
    ]
    return ["", "before", "after", "change"], rows


def _device_rows(compressed: Compressed) -> list[tuple[str, int, int]]:
    """Return what the model takes where it becomes code."""
    old, new = compressed.before.device, compressed.after.device
    if old is None or new is None:
        return []
    return [
        (f"{new.runtime}: weights", old.weights_bytes, new.weights_bytes),
        ("  flash, bytes", old.flash_bytes, new.flash_bytes),
        ("  RAM, bytes", old.ram_bytes, new.ram_bytes),
        ("  instructions", old.instructions, new.instructions),
    ]


def _device_lines(compressed: Compressed) -> Pairs:
    """Return how weights are stored on the board, or that none of the forms pays."""
    cost = compressed.after.device
    if cost is None:
        return []
    about = f"for {cost.board}; instructions estimated, +-{cost.error_percent} %"
    lines = [(f"on {cost.runtime}", about)]
    if not cost.stored:
        return [*lines, ("stored", "dense: no compressed form saves flash within 10 % more instructions")]
    return [*lines, *(("stored", line) for line in cost.stored)]


def compressed_lines(compressed: Compressed, path: str) -> Pairs:
    """Return what `microgen compress` says below its table."""
    model = path.removesuffix(".keras") + ".tflite"
    return [
        ("methods", " + ".join(map(str, compressed.steps))),
        ("pruning ratio", f"{compressed.pruning_ratio:.3f} of the original's parameters are zero or removed"),
        ("compression ratio", f"{compressed.compression_ratio:.3f}: gzipped size relative to the original"),
        ("tested on", f"{compressed.tested} held-out samples; seed {compressed.seed}"),
        *_change_line(compressed),
        *_device_lines(compressed),
        *(("warning", text) for text in compressed.warnings),
        ("written", f"{path}, and in int8 {model}"),
    ]


def _change_line(compressed: Compressed) -> Pairs:
    if compressed.change_error is None:
        return []
    change = compressed.after.tflm_score - compressed.before.tflm_score
    return [("change in TFLM", f"{change:+.4f} +-{compressed.change_error:.4f}, standard error on these samples")]


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
    lines = [("outputs", ", then those of ".join(merged.names)), ("shared operators", str(merged.shared))]
    if merged.samples:
        lines.append(
            ("compared", f"every byte of every output, with the models alone in TFLM, on {merged.samples} samples")
        )
    return [*lines, ("written", path)]


SWEEP_HEADS = ("candidate", "score", "change", "gzip", "flash", "RAM", "instr.", "fits", "best in, or error")
_SHORT = {
    "tflite_bytes": ".tflite", "gzip_bytes": "gzip", "arena_bytes": "arena", "macs": "MACs", "flash_bytes": "flash",
    "ram_bytes": "RAM", "instructions": "instr.",
}  # fmt: skip


def sweep_rows(sweep: Sweep) -> list[list[str]]:
    """Return the rows of `microgen sweep`."""
    original = sweep.rows[0].price
    rows = []
    for row in sweep.rows:
        last = row.error[0] or ", ".join(_SHORT[axis] for axis in row.best_for)
        if row.price is None:
            rows.append([row.name, *["-"] * 7, last])
            continue
        score = row.price.tflm_score
        cost = row.device
        sizes = [f"{x:,}" for x in (cost.flash_bytes, cost.ram_bytes, cost.instructions)] if cost else ["-"] * 3
        change = f"{score - original.tflm_score:+.4f}" if original else "-"
        if sweep.metric is SQNR:  # of the float model, it is no number to subtract
            change = "-"
        cells = [f"{score:.4f}", change, f"{row.price.gzip_bytes:,}", *sizes, _fits(row)]
        rows.append([row.name, *cells, last])
    return rows


def _fits(row: Row) -> str:
    """Return whether a candidate fits the board and the limits, or which limit it breaks."""
    return f"no: {row.breaks}" if row.breaks else row.fit.outcome if row.fit else "-"


def sweep_lines(sweep: Sweep) -> Pairs:
    """Return what `microgen sweep` says below its table."""
    failed = sum(1 for row in sweep.rows if row.error[0])
    return [
        ("score", f"{sweep.what}; sizes in bytes, for {sweep.board.title}"),
        *_measured_line(sweep),
        *([("limits", str(sweep.limits))] if sweep.limits else []),
        ("candidates", f"{len(sweep.rows)}: {sweep.resumed} resumed, {failed} failed"),
        *([("picture", str(sweep.picture))] if sweep.picture else []),
        ("written", f"{sweep.out}: sweep.json, and the models of each candidate"),
    ]


def _measured_line(sweep: Sweep) -> Pairs:
    cost = next((row.device for row in sweep.rows if row.device), None)
    if cost is None:
        return []
    what = "flash: weights and code, RAM: of tensors, instr.: instructions of an inference, estimated"
    return [(f"on {cost.runtime}", f"{what}, +-{cost.error_percent} %")]


def best_row(sweep: Sweep) -> Row | None:
    """Return what a user would take.

    With limits, what scores best of what keeps to them; else the candidate that is the best in most, of those what
    scores best, of those the first named.
    """
    if sweep.limits:
        fitting = [row for row in sweep.rows if row.fits]
        return max(fitting, key=sweep.merit, default=None)
    rows = (row for row in sweep.rows[1:] if row.best_for)
    return max(rows, key=lambda row: (len(row.best_for), sweep.merit(row)), default=None)
