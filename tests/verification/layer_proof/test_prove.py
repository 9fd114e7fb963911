"""The layer proof: what is concluded from what each operator answered alone; the interpreters' replies are given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen import workers
from microgen.errors import EngineError
from microgen.runtimes.tflm.planner import Target, plan
from microgen.tflite import parse
from microgen.verification.counterexample import save_counterexample
from microgen.verification.deadline import deadline
from microgen.verification.layer_proof import prove as layers
from microgen.verification.layer_proof.exact import Exact
from microgen.verification.layer_proof.prove import Proof, prove_layers
from microgen.verification.verdict import Layer
from microgen.workers import LITERT, TFLM
from microgen.workers.difference import sample_differs
from microgen.workers.layer_jobs import LitertReply, OperatorAnswers, TflmReply, run_litert, run_tflm
from microgen.workers.shrink import ShrinkReply, shrink
from tests.support import models

DENSE = parse(models.fully_connected(), "m")  # FULLY_CONNECTED, [1, 8] to [1, 4], bound 1 where the exact result is met
EXACT = Exact(0.25, 0.5, 0.75, True)


class Replies:
    """Stands in for `workers.run`: TFLM answers alike for each sample; LiteRT is `off` at (operator, output).

    Operators are named by subgraph and number, as "0_2"; `unfaithful` has those of TFLM and those of LiteRT.
    """

    def __init__(self, model, off=None, refused=None, unfaithful=((), ()), answers=0):
        self.off, self.refused, self.unfaithful, self.value = off or {}, refused or {}, unfaithful, answers
        self.places = [(g, op) for g in model.subgraphs for op in g.operators if op.outputs and not op.subgraphs]
        self.asked = {}

    def run(self, engine, target, request, seconds):
        self.asked[target] = (engine, request, seconds)
        samples = len(request.inputs[0]) if target is run_tflm else request.samples
        which = 0 if target is run_tflm else 1
        answers = tuple(self.answer(*place, samples, which) for place in self.places)
        if target is run_litert:
            return LitertReply(answers)
        pairs = zip(self.places, request.operators, strict=True)
        return TflmReply(tuple(self.inputs(graph, alone, samples) for (graph, _), alone in pairs), answers)

    def inputs(self, graph, alone, samples):
        """The number of the sample, in every element."""
        tensors = [graph.tensors[i] for i in alone.inputs]
        return tuple(np.stack([np.full(t.shape, s, t.numpy_dtype) for s in range(samples)]) for t in tensors)

    def answer(self, graph, op, samples, which):
        key = f"{graph.index}_{op.index}"
        if which and key in self.refused:
            return OperatorAnswers(refusal=self.refused[key])
        outputs = []
        for k, tensor in enumerate(graph.tensors[i] for i in op.outputs):
            outputs.append(np.zeros((samples, *tensor.shape), tensor.numpy_dtype))
            outputs[-1] += np.array(self.value, tensor.numpy_dtype)
            for sample, step in self.off.get((key, k), ()) if which else ():
                outputs[-1][sample].reshape(-1)[0] += step
        return OperatorAnswers(tuple(outputs), None, int(key in self.unfaithful[which]))

    @property
    def tflm(self):
        """What TFLM was asked."""
        return self.asked[run_tflm][1]

    @property
    def litert(self):
        return self.asked[run_litert][1]


@pytest.fixture
def prove(monkeypatch):
    def proof(model, off=None, differs=(), samples=20, exact=EXACT, drift=(), **more):
        replies = Replies(model, off, **more)
        monkeypatch.setattr(workers, "run", replies.run)
        monkeypatch.setattr(layers, "_PARTS", 1)
        monkeypatch.setattr(layers.exact, "compare", lambda case: exact)
        inputs = tuple(np.stack([np.full(t.shape, s, t.numpy_dtype) for s in range(samples)]) for t in model.inputs)
        among = [np.isin(np.arange(samples), which) for which in (differs, drift)]
        found = prove_layers(model, inputs, among[0], 1000, among[1])
        return found, replies

    return proof


def test_the_samples_that_differ_are_looked_at_first(prove):
    model = parse(models.two_by_two())
    _, replies = prove(model, differs=(3, 18))
    engine, request, seconds = replies.asked[run_tflm]
    assert engine is TFLM and not request.keep_state and request.arena_bytes > 2 * 1000 + 65536
    assert seconds == deadline(model, 32) and request.model == model.data
    for array in request.inputs:
        assert array[:, 0, 0].tolist() == [3, 18, 0, 1, 2, *range(4, 15)]
    assert [(op.subgraph, op.inputs, op.outputs, op.kernels) for op in request.operators] == [
        (0, (0, 1), (2,), "BUILTIN_REF"), (0, (1,), (4,), "BUILTIN_REF"), (0, (0, 4), (3,), "BUILTIN_REF"),
    ]  # fmt: skip
    assert [op.name for op in parse(request.operators[2].model).main.operators] == ["CONCATENATION"]
    engine, alone, seconds = replies.asked[run_litert]
    assert (engine, alone.samples, seconds) == (LITERT, 16, deadline(model, 32))
    assert alone.operators is request.operators and [len(inputs) for inputs in alone.inputs] == [2, 1, 2]


def test_a_hung_engine_is_known_by_the_work_that_it_has():
    work = 32 + sum(t.bytes for t in DENSE.main.tensors)
    assert deadline(DENSE, 10) == 8 + 10 * work / 2e6


def test_operators_that_agree_prove_that_nothing_is_wrong(prove):
    found, _ = prove(parse(models.two_by_two()))
    assert [(x.op, x.differs, x.elements, x.bound_lsb, x.exact_error_lsb) for x in found.layers] == [
        ("ADD", False, 96, 0, None), ("QUANTIZE", False, 96, 0, None), ("CONCATENATION", False, 192, 0, None),
    ]  # fmt: skip
    assert found == Proof(found.layers, "", samples=16, rounded=(False,) * 16)


def test_a_difference_that_is_allowed_explains_its_sample_only(prove):
    off = {("0_0", 0): [(0, 1), (1, -1)]}
    found, _ = prove(DENSE, off, differs=(4, 9))
    (layer,) = found.layers
    assert (found.objection, found.culprit) == ("", None)
    assert (layer.max_abs_diff_lsb, layer.bound_lsb, layer.differing_elements, layer.elements) == (1, 1, 2, 64)
    assert (layer.exact_error_lsb, layer.exact_allowed_lsb, layer.exact_within) == (0.5, 0.75, True)
    assert (layer.dtype, layer.zero_point, layer.scale, layer.subgraph) == ("int8", 7, DENSE.outputs[0].scale, 0)
    found, _ = prove(DENSE, off, differs=(4, 9, 11))
    assert found.objection == "outputs differ, but on some sample no single operator does"


def test_in_a_sequence_a_difference_explains_what_comes_after_it(prove):
    model = parse(models.stateful())
    exact = dataclasses.replace(EXACT, bound_lsb=2)
    unexplained = "outputs differ, but on some sample no single operator does"
    assert prove(model, exact=dataclasses.replace(EXACT, bound_lsb=0))[0].layers[0].bound_lsb == 0
    for looked_at, objection in ((0, ""), (1, unexplained)):
        found, replies = prove(model, {("0_0", 0): [(looked_at, 2)]}, differs=(5, 9), exact=exact)
        assert replies.tflm.keep_state and replies.litert.keep_state
        assert replies.tflm.inputs[0][:3, 0, 0].tolist() == [5, 9, 0]
        assert found.layers[0].bound_lsb == 2, "computed"
        assert found.objection == objection


def test_what_differs_in_a_sequence_only_is_looked_at_after_the_samples_before_it(prove):
    model = parse(models.stateful())
    exact = dataclasses.replace(EXACT, bound_lsb=2)
    for looked_at, objection in ((17, ""), (19, "outputs differ, but on some sample no single operator does")):
        found, replies = prove(model, {("0_0", 0): [(looked_at, 2)]}, drift=(18, 19), exact=exact)
        assert replies.tflm.inputs[0][:, 0, 0].tolist() == list(range(20))
        assert found.objection == objection
    _, replies = prove(model, differs=(3,), drift=(2, 3), exact=exact)
    assert replies.tflm.inputs[0][:2, 0, 0].tolist() == [3, 0], "a fresh state shows it at once"


def test_what_cannot_be_held_against_the_exact_result_is_not_allowed(prove):
    found, _ = prove(DENSE, {("0_0", 0): [(0, 1)]}, differs=(0,), exact=None)
    assert found.layers[0].bound_lsb == 0 and found.culprit is found.layers[0]
    found, _ = prove(DENSE, exact=dataclasses.replace(EXACT, is_within=False))
    assert found.culprit is not None and "0.5 LSB from the exact result" in found.objection


def test_the_first_operator_beyond_its_bound_is_the_culprit(prove):
    model = parse(models.two_by_two())
    found, _ = prove(model, {("0_1", 0): [(5, 2)], ("0_2", 0): [(5, 9)]}, differs=(5,))
    assert found.culprit is found.layers[1] and found.objection == found.culprit.complaint()
    assert [x.differs for x in found.layers] == [False, True, True]
    assert [o.name for o in parse(found.cut).main.operators] == ["QUANTIZE"]
    assert len(found.inputs) == 1 and found.inputs[0].shape == (16, 1, 6) and found.inputs[0][3].max() == 3


def test_an_operator_that_does_not_run_alone_proves_nothing(prove):
    model = parse(models.two_by_two())
    found, _ = prove(model, refused={"0_1": "it says why"})
    assert found.objection == "operator 1 (QUANTIZE) does not run alone in LiteRT: it says why"
    assert [x.op for x in found.layers] == ["ADD", "CONCATENATION"]
    for unfaithful in ((("0_2",), ()), ((), ("0_2",))):
        found, _ = prove(model, unfaithful=unfaithful)
        assert found.objection == (
            "operator 2 (CONCATENATION) computes different values alone from those in the model, so the proof fails"
        )


def test_samples_that_run_at_the_same_time_give_the_same_proof(monkeypatch):
    model = parse(models.two_by_two())
    rng = np.random.default_rng(0)
    inputs = tuple(rng.integers(-128, 128, (5, *t.shape)).astype(np.int8) for t in model.inputs)
    places, proofs, asked, run = layers._take_apart(model), [], [], workers.run
    monkeypatch.setattr(workers, "run", lambda *args: asked.append(args[2]) or run(*args))
    for parts in (1, 2):
        monkeypatch.setattr(layers, "_PARTS", parts)
        proofs.append(layers._run(model, places, inputs, 1000))
    assert sorted(len(request.inputs[0]) for request in asked if hasattr(request, "arena_bytes")) == [2, 3, 5]
    for whole, parted in zip(*proofs, strict=True):
        for one, other in (
            (whole.inputs, parted.inputs),
            *(
                (whole_answers.outputs, answers.outputs)
                for whole_answers, answers in ((whole.tflm, parted.tflm), (whole.litert, parted.litert))
            ),
        ):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True)) and len(one[0]) == 5
        assert not (parted.tflm.unfaithful or parted.litert.unfaithful or parted.litert.refusal)


def test_what_a_part_of_the_samples_shows_holds_for_all():
    answers = [OperatorAnswers((np.zeros((n, 2)),), None, n - 1) for n in (2, 3)]
    joined = layers._joined_answers(answers)
    assert joined.outputs[0].shape == (5, 2) and joined.unfaithful == 3
    assert layers._joined_answers([answers[0], OperatorAnswers(refusal="no")]) == OperatorAnswers(refusal="no")


def test_both_get_the_copy_that_litert_takes(prove):
    model = parse(models.quirky_bias())
    _, replies = prove(model)
    alone = parse(replies.tflm.operators[0].model)
    assert alone.main.tensors[2].quantization.dimension == 0 and model.main.tensors[2].quantization.dimension == 3


def test_where_no_exact_result_is_known_for_a_type_none_is_asked_for(prove):
    wide = models.layer("SUM", [([1, 5, 3], "int16"), ([1], "int32", [1])], [([1, 3], "int16")], "Reducer")
    found, _ = prove(parse(wide))
    assert (found.layers[0].exact_error_lsb, found.layers[0].bound_lsb) == (None, 0)


def test_a_step_knows_its_state_wherever_the_operator_is(monkeypatch):
    model = schema.ModelT.InitFromPackedBuf(models.lstm(steps=3), 0)
    (graph,) = model.subgraphs
    fed = schema.ModelT.InitFromPackedBuf(models.one_operator("RELU"), 0)
    fed.operatorCodes[0].version = 1
    (relu,) = fed.subgraphs[0].operators
    relu.opcodeIndex, relu.inputs, relu.outputs = 1, [len(graph.tensors)], [0]
    graph.tensors.append(schema.ModelT.InitFromPackedBuf(models.lstm(steps=3), 0).subgraphs[0].tensors[0])
    model.operatorCodes.append(fed.operatorCodes[0])
    graph.operators.insert(0, relu)
    graph.inputs = relu.inputs
    found = parse(models.packed(model) + bytes(4))
    asked = []

    def run(engine, target, request, seconds):
        asked.append(request)
        raise EngineError(engine.name, "enough", "-")

    monkeypatch.setattr(workers, "run", run)
    with pytest.raises(EngineError):
        prove_layers(found, (np.zeros((2, 1, 3, 4), np.int8),), np.zeros(2, bool), 1000)
    (request,) = asked
    assert request.model == found.data
    first, second = request.operators
    assert first.stepwise is None and (second.stepwise.axis, second.stepwise.count) == (1, 3)
    step = parse(second.stepwise.model)
    assert step.main.tensors[second.stepwise.state].name == "cell" and step.inputs[0].shape == (1, 1, 4)


def test_an_operator_without_outputs_has_nothing_to_compare(prove):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("ASSIGN_VARIABLE", [x, x], [])
    b.op("RELU", [x], [y])
    found, _ = prove(parse(b.build([x], [y])))
    assert [(x.index, x.op) for x in found.layers] == [(1, "RELU")]


def test_a_faulty_reference_explains_every_sample(prove):
    model = parse(models.reduce("SUM"))
    found, replies = prove(model, differs=(1, 2))
    assert found.objection == "" and replies.litert.operators[0].kernels != "BUILTIN_REF"
    assert found.layers[0].faults


def test_all_outputs_of_an_operator_count(prove):
    split = models.layer(
        "SPLIT", [([], "int32", 1), ([1, 6], "int8")], [([1, 3], "int8")] * 2, "Split", numSplits=2
    )  # fmt: skip
    found, _ = prove(parse(split), {("0_0", 0): [(0, 1)], ("0_0", 1): [(1, 5), (2, 1)]}, differs=(0, 1, 2))
    (layer,) = found.layers
    assert (layer.max_abs_diff_lsb, layer.differing_elements, layer.elements, layer.tensor) == (5, 3, 96, "y0")


@pytest.mark.parametrize(("values", "part"), [([-128, 127, 0, 3], 0.5), ([-127, 126, 0, 3], 0)])
def test_saturation_is_the_part_of_tflms_integers_at_their_edges(prove, values, part):
    for off in ({}, {("0_0", 0): [(0, 1)]}):
        found, _ = prove(parse(models.one_operator("RELU")), off, answers=values)
        assert found.layers[0].saturated == part
    floats, _ = prove(parse(models.one_operator("RELU", dtype="float32")), answers=values)
    assert floats.layers[0].saturated == 0


# ---- the counterexample


def test_a_counterexample_is_taken_from_the_first_sample_that_shows_it(tmp_path, monkeypatch):
    model = parse(models.two_by_two())
    layer = Layer(1, "QUANTIZE", "moved", (1, 6), 3.0, 2)
    cut = models.one_operator("QUANTIZE") + bytes(4)  # of a size that is no multiple of 8
    fed = np.arange(18, dtype=np.int8).reshape(3, 1, 6)
    proof = Proof((layer,), "beyond", layer, (fed,), cut)
    asked = []

    def run(engine, target, request, seconds):
        asked.append((engine, target, request, seconds))
        theirs = np.zeros((1, 4), np.int8) + (len(asked) == 2)
        return ShrinkReply((request.inputs[0],), (np.zeros((1, 4), np.int8),), (theirs,), 1)

    monkeypatch.setattr(workers, "run", run)
    path = tmp_path / "deep/down/c.npz"
    assert save_counterexample(model, proof, path) == path
    assert [a[2].inputs[0].tolist() for a in asked] == [fed[:1].tolist(), fed[1:2].tolist()], "the third is not needed"
    engine, target, request, seconds = asked[0]
    assert (engine, target, seconds) == (TFLM, shrink, 3 * request.seconds)
    assert (request.model, request.bound_lsb, request.zero_points, request.kernels) == (cut, 2, (-9,), "BUILTIN_REF")
    with np.load(path) as saved:
        assert saved.files == ["model", "in0", "tflm0", "litert0"]
        assert saved["model"].tobytes() == cut and np.array_equal(saved["in0"], fed[1:2])
        assert sample_differs(saved["tflm0"], saved["litert0"]).all()
    assert request.arena_bytes > plan(parse(cut), Target.HOST).arena_min_bytes + 2**15
    # Where it is only too far from the exact result, any difference shows it.
    asked.clear()
    near = dataclasses.replace(layer, max_abs_diff_lsb=2.0, exact_within=False)
    save_counterexample(model, dataclasses.replace(proof, culprit=near), path)
    assert asked[0][2].bound_lsb == 0
    asked[:] = [()] * 9
    assert save_counterexample(model, proof, tmp_path / "none.npz") is None and not (tmp_path / "none.npz").exists()


@pytest.mark.parametrize(
    ("data", "kernels", "zero_points"),
    [
        (models.reduce("SUM"), "BUILTIN_WITHOUT_DEFAULT_DELEGATES", (-7,)),
        (models.stateful(), "BUILTIN_REF", (1,)),
        (models.fully_connected(), "BUILTIN_REF", (-5,)),
        (models.multiplied(), "BUILTIN_REF", (-5, 0)),
    ],
)
def test_a_counterexample_feeds_what_is_no_constant_and_no_state(tmp_path, monkeypatch, data, kernels, zero_points):
    model, asked = parse(data), []
    layer = Layer(0, model.main.operators[0].name, "y", (1, 1), 3.0, 0)

    def run(engine, target, request, seconds):
        asked.append(request)
        return ShrinkReply((), (np.zeros(1),), (np.ones(1),), 0)

    monkeypatch.setattr(workers, "run", run)
    proof = Proof((layer,), "beyond", layer, (np.zeros((1, 1)),), data)
    assert save_counterexample(model, proof, tmp_path / "c.npz")
    assert (asked[0].kernels, asked[0].zero_points) == (kernels, zero_points)


def test_without_a_culprit_or_its_inputs_there_is_no_counterexample(tmp_path):
    layer = Layer(0, "ADD", "total", (1, 6), 3.0, 0)
    model = parse(models.two_by_two())
    for proof in (Proof((), "objection"), Proof((layer,), "beyond", layer)):
        assert save_counterexample(model, proof, tmp_path / "c.npz") is None
