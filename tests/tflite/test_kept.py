"""What is kept for a model is asked for again by the same model only."""

from __future__ import annotations

import dataclasses

import pytest

from microgen.errors import InputError
from microgen.tflite import parse
from microgen.tflite.kept import kept_for_model
from tests.support import models


def test_a_result_is_kept_for_the_same_model_and_arguments():
    asked = []

    @kept_for_model
    def count(model, more=0):
        asked.append((model.name, more))
        return len(model.main.tensors) + more

    model = parse(models.two_by_two())
    assert count(model) == count(model) and count(model, more=1) == count(model) + 1
    assert asked == [(model.name, 0), (model.name, 1)]
    renamed, again = dataclasses.replace(model, name="other"), parse(models.two_by_two())
    changed = dataclasses.replace(model, subgraphs=(dataclasses.replace(model.main, tensors=()),))
    assert count(renamed) == count(again) == count(model) and count(changed) == 0
    assert len(asked) == 5


def test_a_refusal_is_not_kept():
    answers = iter([InputError("no", "hint"), 7])

    @kept_for_model
    def ask(model):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    model = parse(models.two_by_two())
    with pytest.raises(InputError):
        ask(model)
    assert ask(model) == 7
