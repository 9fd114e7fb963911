"""How both interpreters are asked, and what is made of their answers; what they reply is given."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from microgen import workers
from microgen.errors import EngineError
from microgen.runtimes.tflm.planner import Target, plan
from microgen.tflite import parse
from microgen.tflite.normalise import normalise
from microgen.verification import EngineRun, EngineRuns, make_samples
from microgen.verification import run as compare
from microgen.workers import LITERT, TFLM, litert, tflm
from microgen.workers.layer_jobs import LitertRequest, OperatorAlone, Stepwise, run_litert
from microgen.workers.litert import OPTIMIZED, REFERENCE
from microgen.workers.samples import Answers
from microgen.workers.shrink import ShrinkRequest, shrink
from microgen.workers.tflm import ArenaReply
from tests.support import models


class Workers:
    """Stands in for `workers.start` and `workers.run`: replies by job, and how each was asked."""

    def __init__(self, **replies):
        self.replies, self.asked, self.ended = replies, {}, []

    @contextlib.contextmanager
    def start(self, engine, target, request):
        job = JOBS[target]
        self.asked[job] = (engine, request)
        yield SimpleNamespace(result=lambda deadline: self.reply(job, deadline))
        self.ended.append(job)

    def run(self, engine, target, request, deadline):
        with self.start(engine, target, request) as job:
            return job.result(deadline)

    def reply(self, job, deadline):
        assert 8 < deadline < 20, "seconds, by the size of the model"
        reply = self.replies[job]
        if isinstance(reply, Exception):
            raise reply
        return reply


JOBS = {tflm.measure_arena: "tflm_arena", tflm.run: "tflm_run", litert.run: "litert_run"}


@pytest.fixture
def stand_in(monkeypatch):
    def make(**replies):
        outputs = tuple(np.zeros((3, n), np.int8) for n in (6, 12))
        usual = {"tflm_arena": ArenaReply(999, outputs), "tflm_run": Answers(outputs), "litert_run": Answers(outputs)}
        found = Workers(**usual | replies)
        for name in ("start", "run"):
            monkeypatch.setattr(workers, name, getattr(found, name))
        return found

    return make


def plain(request):
    """The fields of a request, arrays as lists."""
    return {k: [a.tolist() for a in v] if k == "inputs" else v for k, v in vars(request).items()}


def fed(model, inputs, data=None):
    return {"model": data or model.data, "inputs": [a.tolist() for a in inputs]}


def test_each_interpreter_gets_its_copy_of_the_model_and_all_samples(stand_in):
    model = parse(models.quirky_bias())
    inputs = make_samples(model, 20, 0)
    answers = np.arange(20 * 27, dtype=np.int16).astype(np.int8).reshape(20, 27)
    found = stand_in(
        tflm_arena=ArenaReply(999, (answers[:8],)),
        tflm_run=Answers((answers,)), litert_run=Answers((-answers,)),
    )  # fmt: skip
    with EngineRun(model, inputs) as running:
        engines = running.result()
        assert running.result() is engines and running.arena_min_bytes == engines.arena_min_bytes == 999
        asked = {job: (engine, plain(request)) for job, (engine, request) in found.asked.items()}
        assert asked["litert_run"] == (LITERT, {**fed(model, inputs, normalise(model).data), "sequence": 0, "steps": 1})
        assert asked["tflm_run"] == (TFLM, {**fed(model, inputs), "arena_bytes": 999, "sequence": 0, "steps": 1})
        predicted = {"predicted_bytes": plan(model, Target.HOST).arena_min_bytes, "steps": 1}
        assert asked["tflm_arena"] == (TFLM, fed(model, [a[:1] for a in inputs]) | predicted)
        assert np.array_equal(running.first[0], engines.reference.outputs[0][:8])
        assert running.first[0].shape[1:] == (1, 3, 3, 3)
        assert engines.reference.outputs[0].shape == (20, 1, 3, 3, 3)
        assert np.array_equal(engines.litert.outputs[0], -engines.reference.outputs[0])
        assert engines.normalised == normalise(model).changes and engines.refusal == ""
        assert engines.reference.sequence == engines.litert.sequence == ()
    assert set(found.ended) == {"tflm_arena", "tflm_run", "litert_run"}


def test_a_model_with_state_is_also_run_without_a_reset(stand_in):
    model = parse(models.stateful())
    inputs = make_samples(model, 40, 0)
    replies = Answers((np.zeros((40, 6), np.int8),), (np.ones((32, 6), np.int8),))
    arena = ArenaReply(9, replies.outputs)
    found = stand_in(tflm_arena=arena, tflm_run=replies, litert_run=replies)
    with EngineRun(model, inputs) as running:
        engines = running.result()
    assert found.asked["litert_run"][1].sequence == found.asked["tflm_run"][1].sequence == 32
    for answers in (engines.reference, engines.litert):
        assert answers.sequence[0].shape == (32, 1, 6) and answers.sequence[0].all() and not answers.outputs[0].any()
    stand_in(tflm_arena=arena, tflm_run=replies, litert_run=EngineError("LiteRT", "no", "-"))
    with EngineRun(model, inputs) as running:
        engines = running.result()
    assert engines.refusal == "LiteRT: no" and engines.litert == Answers(())
    assert len(engines.reference.outputs) == len(engines.reference.sequence) == 1


def test_where_both_refuse_the_reason_is_litert_s(stand_in):
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    crashed, refused = EngineError("TFLM", "crashed", "-"), EngineError("LiteRT", "this is why", "-")
    for reply, says in ((refused, "LiteRT: this is why"), (Answers(()), "TFLM: crashed")):
        found = stand_in(tflm_arena=crashed, litert_run=reply)
        with EngineRun(model, inputs) as running:
            for _ in range(2):
                with pytest.raises(EngineError, match=says):
                    running.result()
            assert "litert_run" in found.ended, "no process is left"


@pytest.mark.parametrize("job", ["tflm_arena", "tflm_run", "litert_run"])
@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([np.zeros((3, 6), np.int8)], "it does not return all outputs"),
        ([np.zeros((3, 6), np.int8), np.zeros((3, 13), np.int8)],
         r"output 'both' is int8 \[13\], but int8 \[1, 12\] in the file"),
        ([np.zeros((3, 6), np.int16), np.zeros((3, 12), np.int8)],
         r"output 'total' is int16 \[6\], but int8 \[1, 6\] in the file"),
    ],
)  # fmt: skip
def test_answers_that_are_not_the_files_outputs_are_an_engines_error(stand_in, job, outputs, says):
    model = parse(models.two_by_two())
    stand_in(**{job: ArenaReply(9, tuple(outputs)) if job == "tflm_arena" else Answers(tuple(outputs))})
    engine = "LiteRT" if job == "litert_run" else "TFLM"
    with (
        pytest.raises(EngineError, match=f"^{engine}: {says}") as caught,
        EngineRun(model, make_samples(model, 3, 0)) as run,
    ):
        run.result()
    assert caught.value.hint not in ("", "None")


def test_one_sample_is_enough(stand_in):
    model = parse(models.fully_connected())
    outputs = (np.zeros((1, 4), np.int8),)
    stand_in(tflm_arena=ArenaReply(9, outputs), tflm_run=Answers(outputs), litert_run=Answers(outputs))
    with EngineRun(model, tuple(a[:1] for a in make_samples(model, 2, 0))) as running:
        assert running.result().reference.outputs[0].shape == (1, 1, 4)


def test_what_tflm_runs_in_no_arena_is_refused_with_its_reason():
    request = tflm.ArenaRequest(models.one_operator("GELU"), (np.zeros((1, 1, 4), np.int8),), 1000)
    with pytest.raises(EngineError, match=r"TFLM: .*GELU"):
        workers.run(TFLM, tflm.measure_arena, request)


def test_an_operator_that_litert_does_not_run_alone_or_not_step_by_step_is_named():
    whole, other = models.fully_connected(rows=2), models.fully_connected(weights=np.full((4, 8), 99))
    broken = OperatorAlone(b"none of its models", 0, (0,), (1,), OPTIMIZED)
    stepwise = OperatorAlone(whole, 0, (0,), (1,), OPTIMIZED, Stepwise(other, axis=0, count=2, state=0))
    inputs = ((np.zeros((1, 2, 8), np.int8),), (np.arange(16, dtype=np.int8).reshape(1, 2, 8),))
    request = LitertRequest((broken, stepwise), inputs, 1, False)
    refused, unfaithful = workers.run(LITERT, run_litert, request).answers
    assert refused.refusal and refused.outputs == () and not refused.unfaithful
    assert unfaithful.unfaithful == 1 and not unfaithful.refusal and unfaithful.states.shape == (1, 2, 1, 8)


def test_an_input_that_shows_no_difference_is_not_made_plainer():
    """A choice between two tensors by a bool, which has no zero point."""
    choice = ([1, 4], "bool"), ([1, 4], "int8"), ([1, 4], "int8")
    model = models.layer("SELECT_V2", choice, [([1, 4], "int8", 0.05)], "SelectV2")
    inputs = (
        np.array([[[True, False, True, False]]]),
        np.array([[[1, 2, 3, 4]]], np.int8),
        np.array([[[5, 6, 7, 8]]], np.int8),
    )
    found = workers.run(LITERT, shrink, ShrinkRequest(model, inputs, (0, 0, 0), 0, REFERENCE, 4096, 60))
    assert all(np.array_equal(a, b[0]) for a, b in zip(found.inputs, inputs, strict=True))
    assert found.changed == 10 and found.tflm[0].tolist() == [[1, 6, 3, 8]]


def test_the_same_model_on_the_same_samples_is_run_once(stand_in):
    found = stand_in()
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    with EngineRuns() as runs:
        first = runs.get(model, inputs)
        assert first.model is model and first.inputs is inputs
        assert runs.get(model, tuple(a.copy() for a in inputs)) is first
        assert runs.get(model, make_samples(model, 3, 1)) is first, "three samples are edges, whatever the seed"
        assert runs.get(model, tuple(a + 1 for a in inputs)) is not first
        assert runs.get(parse(models.two_by_two(width=6, mover="RELU")), inputs) is not first
        assert "litert_run" not in found.ended
    assert found.ended.count("litert_run") == 3


def test_the_layer_proof_is_made_once_and_knows_what_differs_how(stand_in, monkeypatch):
    stand_in()
    asked = []
    monkeypatch.setattr(compare, "prove_layers", lambda *given: asked.append(given) or "proof")
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    differs, drift = np.zeros(3, bool), np.ones(3, bool)
    with EngineRun(model, inputs) as running:
        assert running.prove(differs, drift) == running.prove(differs, drift) == "proof"
    (given,) = asked
    assert given[0] is model and given[1] is inputs and given[3] == 999
    assert given[2] is differs and given[4] is drift


@pytest.mark.parametrize("step", [0, 3])
def test_the_layer_proof_begins_early_only_where_answers_differ(stand_in, monkeypatch, step):
    outputs = tuple(np.full((3, n), step, np.int8) for n in (6, 12))
    stand_in(litert_run=Answers(outputs))
    asked = []
    monkeypatch.setattr(compare, "prove_layers", lambda *given: asked.append(given) or "proof")
    model = parse(models.two_by_two())
    with EngineRun(model, make_samples(model, 3, 0)) as running:
        running.prove_early()
        running._early_proof.result(10)
        assert [given[2].tolist() for given in asked] == ([[True] * 3] if step else [])
        assert running.prove(*running.result().differences()) == "proof" and len(asked) == 1


def test_answers_that_do_not_fit_are_asked_for_once(stand_in):
    model = parse(models.two_by_two())
    found = stand_in(litert_run=Answers((np.zeros((3, 6), np.int8),)))
    with EngineRun(model, make_samples(model, 3, 0)) as running:
        with pytest.raises(EngineError) as first:
            running.result()
        found.replies.clear()
        with pytest.raises(EngineError) as second:
            running.result()
    assert second.value is first.value


def test_tensors_of_a_model_of_more_than_tflm_keeps_are_the_same(monkeypatch):
    model = parse(models.chain(["RESHAPE", "BATCH_MATMUL", "RESHAPE", "BATCH_MATMUL"]))
    numbers = [op.outputs[0] for op in model.main.operators]
    with EngineRun(model, make_samples(model, 3, 0)) as running:
        kept = running.tensors(numbers)
        monkeypatch.setattr(tflm, "MOST_KEPT", 1)
        shown = running.tensors(numbers)
        proof = running.prove(np.array([True, False, False]), np.zeros(0, np.bool_))
    assert len(kept) == len(shown) == 3 and any(value.any() for sample in kept for value in sample)
    for ours, theirs in zip(kept, shown, strict=True):
        assert [a.tobytes() for a in ours] == [b.tobytes() for b in theirs]
    assert not proof.layers and "does not keep the tensors of a model of more than 1" in proof.objection
