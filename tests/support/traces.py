"""Traces of applications with a sensor, compared."""

from __future__ import annotations

import microgen


def assert_same(first: microgen.Simulation, second: microgen.Simulation) -> None:
    """Hold two runs of one recording against each other, bit by bit: features, scores, detections and their times."""
    one, other = first.trace, second.trace
    assert one.frames == other.frames and one.detected == other.detected
    for name in ("frame_positions", "score_positions", "scores", "means"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.shape == b.shape and (a == b).all(), name
