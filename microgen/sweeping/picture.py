"""The picture of a sweep: the metric against what it costs, with the Pareto front of each cost."""

from __future__ import annotations

import io
from typing import Any

from ..errors import SetupError, option
from .table import AXES, Row, Sweep, pareto_front

# Colours that people with any kind of colour vision tell apart (Okabe and Ito).
_FRONT, _GREY, _RED = "#0072B2", "#8A8A8A", "#D55E00"
_ON_FRONT, _DOMINATED, _DOES_NOT_FIT = "on the front", "beaten", "does not fit the board"
_LOOKS: dict[str, dict[str, Any]] = {
    _ON_FRONT: {"facecolors": _FRONT, "edgecolors": _FRONT, "zorder": 3},
    _DOMINATED: {"facecolors": _GREY, "edgecolors": _GREY},
    _DOES_NOT_FIT: {"facecolors": "none", "edgecolors": _RED, "marker": "s"},
}
# Text stays text in an SVG, and its ids depend on nothing but what is drawn.
_STYLE = {"svg.hashsalt": "microgen", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.25}


def check_matplotlib() -> None:
    """Raise SetupError where Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SetupError(
            "the picture needs Matplotlib, which is not installed",
            f"pip install 'microgen[sweep]', or omit the picture: {option('picture', None)}",
            option="picture",
        ) from None


def draw(sweep: Sweep, kind: str) -> bytes:
    """Return the picture; the same sweep gives the same bytes.

    Args:
        sweep: what to draw.
        kind: "svg" or "png".
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measured = [row for row in sweep.rows if row.price is not None]
    numbers = {row.name: k for k, row in enumerate(measured, 1)}
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(17, 8), layout="constrained")
        FigureCanvasAgg(figure)
        panels: dict[str, Any] = figure.subplot_mosaic(
            [["0", "1", "2", "list"], ["3", "4", "5", "list"]], width_ratios=[4, 4, 4, 3]
        )
        drawn = [(axis, title) for axis, title in AXES.items() if axis != "tflite_bytes"]
        for k, (axis, title) in enumerate(drawn):
            best = pareto_front(sweep.rows, axis, sweep.metric)
            _panel(panels[str(k)], measured, best, axis, title, sweep, numbers)
        _list(panels["list"], measured, numbers)
        panels["list"].legend(*panels["0"].get_legend_handles_labels(), loc="lower left", frameon=False)
        figure.suptitle(f"{sweep.name} on {sweep.board.title}: {sweep.what}, and what it costs")
        written = io.BytesIO()
        metadata: dict[str, Any] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[kind]
        figure.savefig(written, format=kind, metadata=metadata, dpi=130)
    return written.getvalue()


def _panel(
    panel: Any,  # noqa: ANN401 - Matplotlib's axes
    measured: list[Row],
    best: list[Row],
    axis: str,
    title: str,
    sweep: Sweep,
    numbers: dict[str, int],
) -> None:
    """Draw one cost, and what nothing beats in it."""
    names = {row.name for row in best}
    measured = [row for row in measured if row.has(axis)]
    for label, look in _LOOKS.items():
        rows = [r for r in measured if _standing(r, names) == label]
        panel.scatter([r.value(axis) for r in rows], [r.score for r in rows], s=36, label=label, **look)
    # What lies below and to the right of the steps is beaten by something on the front.
    steps = {"drawstyle": "steps-post", "color": _FRONT, "linewidth": 1, "zorder": 2}
    panel.plot([r.value(axis) for r in best], [r.score for r in best], **steps)
    for together in _close(measured, axis):
        color = _LOOKS[min((_standing(r, names) for r in together), key=list(_LOOKS).index)]["edgecolors"]
        text = ", ".join(str(numbers[r.name]) for r in together)
        at = (max(r.value(axis) for r in together), max(r.score for r in together))
        panel.annotate(text, at, xytext=(5, 4), textcoords="offset points", fontsize=8, color=color)
    panel.margins(x=0.14, y=0.08)  # the numbers are to the right of their points
    panel.set_xlabel(title)
    panel.set_ylabel(sweep.metric.name)
    panel.locator_params(axis="x", nbins=6)
    panel.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    if not sweep.metric.higher_is_better:
        panel.invert_yaxis()


def _close(rows: list[Row], axis: str) -> list[list[Row]]:
    """Put rows together whose numbers would lie on each other."""
    if not rows:
        return []
    wide, high = (
        (max(values) - min(values)) * share or 1e-9
        for values, share in (([r.value(axis) for r in rows], 0.04), ([r.score for r in rows], 0.02))
    )
    groups: list[list[Row]] = []
    for row in rows:
        near = (
            group
            for group in groups
            if abs(group[0].value(axis) - row.value(axis)) <= wide and abs(group[0].score - row.score) <= high
        )
        group = next(near, None)
        if group is None:
            groups.append([row])
        else:
            group.append(row)
    return groups


def _standing(row: Row, on_front: set[str]) -> str:
    return _ON_FRONT if row.name in on_front else _DOMINATED if row.fits else _DOES_NOT_FIT


def _list(panel: Any, measured: list[Row], numbers: dict[str, int]) -> None:  # noqa: ANN401
    """Write the names of the candidates beside their numbers."""
    panel.axis("off")
    lines = [f"{numbers[r.name]:>2}  {r.score:.4f}  {r.name}" for r in measured]
    text = "\n".join(lines).replace("$", r"\$")
    panel.text(0, 1, text, va="top", family="monospace", fontsize=8, linespacing=1.6, transform=panel.transAxes)
