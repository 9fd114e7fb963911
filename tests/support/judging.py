"""The verdict on a model, without a project."""

from __future__ import annotations

from microgen.tflite import parse
from microgen.verification import EngineRun, judge, make_samples
from microgen.verification.judge import Judgement


def judged(data: bytes, all_layers: bool = True, samples: int = 40, seed: int = 0) -> Judgement:
    """Run a .tflite in both interpreters and compare them; no firmware is asked."""
    model = parse(data)
    inputs = make_samples(model, samples, seed)
    with EngineRun(model, inputs) as running:
        return judge(running, None, 0, "not asked", all_layers)
