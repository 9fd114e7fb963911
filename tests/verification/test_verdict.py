"""How answers become a verdict: no engine and no firmware runs here, their answers are given."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import microgen
from microgen import workers
from microgen.applications import APPLICATIONS
from microgen.devices import DeviceError, Sources
from microgen.devices.connection import HostFiles
from microgen.errors import EngineError
from microgen.projects import PROJECTS
from microgen.tflite import flashed, parse
from microgen.verification import judge
from microgen.verification import run as compare
from microgen.verification.deadline import deadline
from microgen.verification.golden import golden_fault
from microgen.verification.judge import engine_versions
from microgen.verification.layer_proof.prove import Proof
from microgen.verification.run import Engines, FirmwareRun, ask_firmware, run_firmware
from microgen.verification.verdict import Device, Layer, Verdict
from microgen.workers import TFLM, tflm
from microgen.workers.difference import differing_elements, largest, sample_differs
from microgen.workers.samples import Answers
from tests.support import models

MODEL = parse(models.two_by_two(), "m")  # outputs total [1, 6] and both [1, 12], int8
SHA = hashlib.sha256(MODEL.data).hexdigest()
DEVICE = Device("board", "host", SHA, 100, 200, 5.0, 0)
LAYER = Layer(2, "ADD", "total", (1, 6), 1.0, 1)


def answers(model=MODEL, samples=5, **steps):
    """Zeros for each output; `total=(2, 3)` adds 3 somewhere in sample 2 of that output."""
    found = [np.zeros((samples, *t.shape), t.numpy_dtype) for t in model.outputs]
    for tensor, array in zip(model.outputs, found, strict=True):
        if tensor.name in steps:
            sample, step = steps[tensor.name]
            array[sample].reshape(-1)[3] += step
    return tuple(found)


class Running:
    """What an `EngineRun` has to say, and which samples it was asked to look at."""

    bounds = None

    def __init__(self, model=MODEL, proof=None, litert=None, samples=5, sequences=((), ()), **more):
        outputs = (answers(model, samples), answers(model, samples) if litert is None else litert)
        reference, litert = (Answers(*both) for both in zip(outputs, sequences, strict=True))
        self.model, self.inputs = model, tuple(np.zeros((samples, *t.shape), t.numpy_dtype) for t in model.inputs)
        self.engines, self.proof, self.suspects = Engines(reference, litert, 1024, **more), proof, None

    def result(self):
        return self.engines

    def prove(self, differs, drift):
        assert self.proof is not None, "no layer proof was needed"
        self.suspects, self.drift = differs.tolist(), drift.tolist()
        return self.proof


# ---- judge


def test_equal_answers_are_bit_exact_without_a_layer_proof():
    verdict = judge(Running(normalised=("a quirk",)), FirmwareRun(Answers(answers()), MODEL.data, DEVICE), 7).verdict
    assert verdict == Verdict(
        "bit-exact", samples=5, seed=7, firmware="equal", device=DEVICE, normalised=("a quirk",),
        engines=engine_versions(),
    )  # fmt: skip
    assert verdict.passed and verdict.engines["litert"].endswith(" BUILTIN_REF")
    assert set(verdict.engines) == {"litert", "tflm"}
    assert verdict.summary() == "bit-exact on 5 samples (firmware = TFLM, every byte; TFLM = LiteRT, every byte)"


def test_a_firmware_that_could_not_run_is_said_with_its_reason():
    verdict = judge(Running(), None, 0, "no compiler").verdict
    assert (verdict.status, verdict.firmware, verdict.reason, verdict.device) == (
        "bit-exact",
        "not-run",
        "no compiler",
        None,
    )
    assert verdict.summary() == ("bit-exact on 5 samples (firmware not run: no compiler; TFLM = LiteRT, every byte)")
    assert judge(Running(), FirmwareRun(Answers(answers()), None, DEVICE), 0, "no compiler").verdict.reason == ""


def test_differences_that_every_operator_is_allowed_are_within_bound():
    equal = dataclasses.replace(LAYER, op="MUL", max_abs_diff_lsb=0)
    proof = Proof((equal, LAYER, dataclasses.replace(LAYER, op="ABS", index=3), LAYER), "")
    running = Running(proof=proof, litert=answers(total=(1, 2), both=(3, -3)))
    judgement = judge(running, FirmwareRun(Answers(answers()), MODEL.data, DEVICE), 0)
    verdict = judgement.verdict
    assert (verdict.status, verdict.differing_samples, verdict.max_abs_diff_lsb) == ("within-bound", 2, 3.0)
    assert verdict.ops == ("ABS", "ADD") and verdict.layers == proof.layers[1:] and judgement.proof is proof
    assert running.suspects == [False, True, False, True, False] and running.drift == [] and verdict.passed
    assert verdict.summary() == (
        "within-bound on 5 samples (firmware = TFLM, every byte; TFLM and LiteRT differ on 2, by at most 3 LSB at the "
        "output, from rounding in ABS, ADD)"
    )
    assert judge(running, None, 0, all_layers=True).verdict.layers == proof.layers
    fault = Verdict("within-bound", samples=5, firmware="equal").summary()
    assert fault.endswith("from a known fault of LiteRT's reference kernels)")


@pytest.mark.parametrize("culprit", [None, LAYER])
def test_differences_that_are_not_proven_are_diverged(culprit):
    running = Running(proof=Proof((LAYER,), "this stands against it", culprit), litert=answers(both=(0, 1)))
    judgement = judge(running, None, 0, "no compiler")
    verdict = judgement.verdict
    assert (verdict.status, verdict.reason, verdict.passed) == ("diverged", "this stands against it", False)
    assert judgement.proof is running.proof
    assert verdict.summary() == "diverged: this stands against it"


def test_equal_answers_prove_nothing_where_an_operator_is_beyond_its_bound():
    beyond = dataclasses.replace(
        LAYER, exact_within=False, max_abs_diff_lsb=0.0, exact_error_lsb=0.7, exact_allowed_lsb=0.5
    )
    running = Running(proof=Proof((beyond,), "beyond", beyond))
    assert judge(running, None, 0).verdict.status == "bit-exact", "nobody asked for the layers"
    verdict = judge(running, None, 0, all_layers=True).verdict
    assert (verdict.status, verdict.ops) == ("diverged", ("ADD",))
    assert running.suspects == [False] * 5
    unsure = Running(proof=Proof((), "an operator does not run alone"))
    assert judge(unsure, None, 0, all_layers=True).verdict.status == "bit-exact"


def test_a_sequence_that_differs_is_looked_at_too():
    model = parse(models.stateful(), "m")
    sequence = answers(model, 40)
    drifted = [sequence[0][:32].copy()]
    drifted[0][31].reshape(-1)[0] = 5
    running = Running(model, Proof((LAYER,), ""), samples=40, sequences=((sequence[0][:32],), tuple(drifted)))
    verdict = judge(running, None, 0).verdict
    assert (verdict.status, verdict.sequence, verdict.differing_samples) == ("within-bound", 32, 0)
    assert verdict.max_abs_diff_lsb == 5.0
    assert running.suspects == [False] * 40 and running.drift == [False] * 31 + [True]
    short = judge(Running(model, samples=3), None, 0).verdict
    assert short.sequence == 3 and judge(Running(), None, 0).verdict.sequence == 0


def test_a_model_that_litert_refuses_is_unreferenced():
    running = Running(litert=(), refusal="LiteRT: no")
    verdict = judge(running, FirmwareRun(Answers(answers()), MODEL.data, DEVICE), 0).verdict
    assert (verdict.status, verdict.firmware, verdict.passed) == ("unreferenced", "equal", True)
    said = f"unreferenced on {verdict.samples} samples ({{}}TFLM not compared: LiteRT: no{{}})"
    assert verdict.summary() == said.format("firmware = TFLM, every byte; ", "")
    alone = judge(running, None, 0, "no compiler").verdict
    assert (alone.firmware, alone.passed) == ("not-run", False), "nothing was compared"
    assert alone.summary() == said.format("", "; firmware not run: no compiler")


def test_a_difference_at_a_float_output_is_in_steps_of_what_is_behind_it():
    model = parse(models.float_edges(), "m")
    theirs = answers(model)
    theirs[0][2, 0, 1] = 3 * model.main.tensors[2].scale
    verdict = judge(Running(model, Proof((), ""), litert=theirs), None, 0).verdict
    assert verdict.max_abs_diff_lsb == pytest.approx(3)
    theirs[0][2, 0, 1] = np.nan
    verdict = judge(Running(model, Proof((), "not comparable"), litert=theirs), None, 0).verdict
    assert verdict.max_abs_diff_lsb == np.inf and verdict.to_json()["max_abs_diff_lsb"] is None


# ---- what the firmware answered


def fault(**changed):
    run = dataclasses.replace(FirmwareRun(Answers(answers()), MODEL.data, DEVICE), **changed)
    verdict = judge(Running(), run, 0).verdict
    assert (verdict.status, verdict.firmware, verdict.samples, verdict.device) == ("diverged", "differs", 5, run.device)
    return verdict.reason


def test_an_output_that_is_not_tflms_is_named():
    assert fault(answers=Answers(answers(both=(3, 1)))) == (
        "output 'both' of the firmware is not TFLM's on 1 of 5 samples (first: sample 3)"
    )
    twice = answers(total=(4, 1))
    twice[0][2] = 9
    assert fault(answers=Answers(twice)).startswith(
        "output 'total' of the firmware is not TFLM's on 2 of 5 samples (first: sample 2)"
    )


def test_a_sequence_that_is_not_tflms_is_named():
    model = parse(models.stateful(), "m")
    sequence = answers(model)
    device = dataclasses.replace(DEVICE, model_sha256=model.sha256)
    run = FirmwareRun(Answers(answers(model), answers(model, y=(1, 1))), None, device)
    running = Running(model, sequences=(sequence, sequence))
    assert judge(running, run, 0).verdict.reason == (
        "output 'y' of the firmware is not TFLM's on 1 of 5 samples (first: sample 1), without a reset between samples"
    )
    assert (
        judge(running, dataclasses.replace(run, answers=Answers(answers(model), sequence)), 0).verdict.status
        == "bit-exact"
    )


def test_another_array_is_told_by_its_bytes():
    assert (
        fault(array=MODEL.data + b"0") == f"the compiled array has {len(MODEL.data) + 1} bytes, "
        f"the model {len(flashed(MODEL).data)} that a device reads"
    )
    weights = parse(models.fully_connected(), "m")
    tensor = weights.main.tensors[1]
    data = bytearray(weights.data)
    first = tensor.offset + 2
    was = data[first]
    data[first] ^= 1
    reason = judge(Running(weights), FirmwareRun(Answers(()), bytes(data), None), 0).verdict.reason
    assert reason == (
        "the compiled array is not the model: 1 byte differs, the first is tensor 'weights' of operator 0 "
        f"(FULLY_CONNECTED), byte 2: {was} in the model, {was ^ 1} in the firmware"
    )
    data[first + 3] ^= 1
    reason = judge(Running(weights), FirmwareRun(Answers(()), bytes(data), None), 0).verdict.reason
    assert "2 bytes differ, the first is tensor 'weights' of operator 0 (FULLY_CONNECTED), byte 2:" in reason


def test_another_array_is_told_in_words_of_the_model():
    other = MODEL.data.replace(b"\xf7" + b"\xff" * 7, b"\xf6" + b"\xff" * 7, 1)
    assert "; the first is" in fault(array=other)
    assert "tensor 'right': zero points -9 in the model, -10 in the firmware" in fault(array=other)


@pytest.mark.parametrize("device", [None, dataclasses.replace(DEVICE, model_sha256="0" * 64)])
def test_a_firmware_that_names_another_model_is_found(device):
    assert fault(device=device) == "the hash that the firmware reports is not that of its array"
    assert fault(device=device, array=None) == "the hash that the firmware reports is not that of its array"


class Board:
    """Answers over the serial commands: the sum of what it was fed since the last reset, in every byte."""

    damaged = 2

    def __init__(self, size=1):
        self.fed, self.total, self.size = [], 0, size

    def infer(self, inputs, outputs, fresh=True, *, output_bytes=0):
        self.fed.append((inputs, fresh))
        self.total = sum(sum(i) for i in inputs) + (0 if fresh else self.total)
        made = [bytes([self.total % 256]) * (t.bytes * self.size) for t in self.model.outputs]
        assert outputs == len(made)
        return SimpleNamespace(outputs=made, time_us=[10.0, 30.0, None, 50.0][(len(self.fed) - 1) % 4])

    def address(self, model):
        assert model.name == ""

    def hash(self):
        return self.model.sha256

    def name(self):
        return "esp32"

    def arena(self):
        return 100, 200

    def connect(self):
        self.connected = True


def test_a_firmware_is_fed_sample_by_sample_and_then_as_a_sequence():
    board = Board()
    board.model = parse(models.stateful(), "m")
    data = np.arange(20, dtype=np.int8).reshape(4, 1, 5)
    run = ask_firmware(board, "/dev/ttyUSB0", board.model, (data,))
    raw = [bytes(range(5 * s, 5 * s + 5)) for s in range(4)]
    assert board.fed == [([r], True) for r in raw] + [([raw[0]], True), *(([r], False) for r in raw[1:])]
    assert run.device == Device("esp32", "/dev/ttyUSB0", board.model.sha256, 100, 200, 30.0, 2) and run.array is None
    (outputs,), (sequence,) = run.answers.outputs, run.answers.sequence
    assert outputs.shape == sequence.shape == (4, 1, 6) and outputs.dtype == np.int8
    assert outputs[:, 0, 0].tolist() == [10, 35, 60, 85] and sequence[:, 0, 0].tolist() == [10, 45, 105, -66]
    stateless = Board()
    stateless.model = MODEL
    two = tuple(np.full((3, 1, 6), k, np.int8) for k in (1, 2))
    run = ask_firmware(stateless, "host", MODEL, two)
    assert stateless.fed == [([b"\1" * 6, b"\2" * 6], True)] * 3
    assert run.answers.sequence == () and [a.shape for a in run.answers.outputs] == [(3, 1, 6), (3, 1, 12)]
    board.size = 2
    with pytest.raises(EngineError, match="firmware: output 0 has the wrong size") as caught:
        ask_firmware(board, "host", board.model, (data,))
    assert caught.value.hint == "build the project again"


def test_a_compiled_firmware_is_run_with_its_array(tmp_path, monkeypatch):
    board, array, asked = Board(), tmp_path / "array.bin", []
    project = Sources(tmp_path, LAYOUT)
    board.model = MODEL

    @contextlib.contextmanager
    def host_firmware(project, record=None, kept_inferences=0):
        asked.append((project, record))
        yield board, HostFiles(array, tmp_path / "none")

    monkeypatch.setattr(compare, "host_firmware", host_firmware)
    inputs = tuple(np.zeros((2, 1, 6), np.int8) for _ in range(2))
    array.write_bytes(MODEL.data)
    run = run_firmware(project, MODEL, inputs, record=tmp_path / "r")
    assert (
        board.connected and run.array == MODEL.data and run.device.on == "host" and asked == [(project, tmp_path / "r")]
    )

    def dead():
        raise DeviceError("no answer", "look")

    board.connect = dead
    with pytest.raises(DeviceError, match="no answer"):
        run_firmware(project, MODEL, inputs)
    array.write_bytes(b"another model")
    assert run_firmware(project, MODEL, inputs) == FirmwareRun(Answers(()), b"another model", None)
    array.unlink()
    with pytest.raises(DeviceError, match="no answer"):
        run_firmware(project, MODEL, inputs)


# ---- golden vectors in a project

LAYOUT = PROJECTS.get("platformio").layout(APPLICATIONS.get("serial"))
GOLDEN = LAYOUT.golden_data


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    (folder / "m.tflite").write_bytes(MODEL.data)
    return microgen.build(folder / "m.tflite", "esp32", out=folder / "p", samples=3, verify=False).project


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("", "", ""),
        (
            "0x84,0x84",
            "0x84,0x85",
            f"golden vector 0 in {GOLDEN} is stale: TFLM computes different bytes for its input",
        ),
        (
            "  0x01,0x01",
            "  0x01,0x00",
            f"golden vector 2 in {GOLDEN} is stale: TFLM computes different bytes for its input",
        ),
        ("  0x8c,0x8c,\n", "  0x8c,0x8d,\n", f"golden vector 0 in {GOLDEN} is stale: TFLM computes different bytes"),
        ("{\n  0x84", "  0x84", f"{GOLDEN} has different numbers of inputs and outputs"),
        ("g_golden_inputs", "g_other", f"{GOLDEN} has different numbers of inputs and outputs"),
        ("g_golden_", "g_other_", f"{GOLDEN} has different numbers of inputs and outputs"),
        ("  0x03,", "  ", f"{GOLDEN}: the inputs are not of this model's size"),
    ],
)
def test_golden_vectors_that_are_not_tflms_are_found(project, tmp_path, old, new, says):
    text = (project / GOLDEN).read_text()
    assert old in text
    (tmp_path / GOLDEN).parent.mkdir(parents=True)
    (tmp_path / GOLDEN).write_text(text.replace(old, new))
    found = golden_fault(Sources(tmp_path, LAYOUT), MODEL, 16384)
    assert found.startswith(says) and bool(found) == bool(says)


def test_golden_vectors_of_three_inputs_are_fed_in_their_order(tmp_path):
    data = models.layer("ADD_N", [([1, 2], "int8")] * 3, [([1, 2], "int8")], "AddN")
    (tmp_path / "m.tflite").write_bytes(data)
    built = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=9, verify=False).project
    assert golden_fault(Sources(built, LAYOUT), parse(data), 16384) == ""


def test_golden_vectors_are_read_whatever_stands_beside_them(project, tmp_path, monkeypatch):
    (tmp_path / GOLDEN).parent.mkdir(parents=True)
    (tmp_path / GOLDEN).write_bytes(b"// d\xe9j\xe0 vu\n" + (project / GOLDEN).read_bytes())
    model = parse(MODEL.data + bytes(4), "m")  # of a size that is no multiple of 8
    asked = []

    def run(engine, target, request, seconds):
        asked.append((engine, target, request.model, request.arena_bytes, seconds))
        raise EngineError(engine.name, "enough", "-")

    monkeypatch.setattr(workers, "run", run)
    with pytest.raises(EngineError):
        golden_fault(Sources(tmp_path, LAYOUT), model, 16384)
    assert asked == [(TFLM, tflm.run, model.data, 16384, deadline(model, 3))]


def test_a_project_without_golden_vectors_has_none_that_are_stale(tmp_path):
    assert golden_fault(Sources(tmp_path, LAYOUT), MODEL, 16384) == ""


# ---- differences


def test_samples_differ_by_any_byte():
    a = np.array([[[1, 2]], [[3, 4]], [[5, 6]]], np.int8)
    b = a.copy()
    b[1, 0, 1] = 0
    assert sample_differs(a, b).tolist() == [False, True, False]
    assert sample_differs(np.array([[0.0], [1.0]], np.float32), np.array([[-0.0], [1.0]], np.float32)).tolist() == [
        True,
        False,
    ]
    nan = np.array([[np.nan]], np.float32)
    assert not sample_differs(nan, nan).any()
    for other in (a[:, :, :1], np.concatenate([a, a], axis=2)):
        assert sample_differs(0 * a, 0 * other).tolist() == [True] * 3
    assert sample_differs(np.asfortranarray(a), a).tolist() == [False] * 3


def test_the_largest_difference_does_not_overflow_and_knows_what_is_no_number():
    assert largest(np.array([-128, 1], np.int8), np.array([127, 0], np.int8)) == 255
    assert largest(np.array([[1], [2]], np.int8), np.array([2, 2], np.int8)) == 1
    assert largest(np.array([0.25, 1], np.float32), np.array([0.5, 1], np.float32)) == 0.25
    assert largest(np.array([np.nan], np.float32), np.array([0], np.float32)) == np.inf
    infinite = np.array([np.inf, 1], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert largest(infinite, np.array([0, 1], np.float32)) == largest(infinite, -infinite) == np.inf
        assert largest(infinite, infinite) == 0
    assert largest(np.zeros(0, np.int8), np.zeros(0, np.int8)) == 0
    assert largest(np.array([2**60 + 1]), np.array([2**60])) == 1
    assert largest(np.zeros(2, np.int8), np.zeros(3, np.int8)) == np.inf


def test_elements_that_differ_are_counted():
    a = np.arange(6, dtype=np.int8).reshape(2, 3)
    assert differing_elements(a, a.reshape(3, 2)) == 0 and differing_elements(a, a[::-1]) == 6
    assert differing_elements(a, a * (a < 4)) == 2
    assert differing_elements(a, a[:1]) == 6 == differing_elements(a[:1], a)


# ---- layers in words


def test_an_operator_beyond_its_bound_says_how_far():
    beyond = dataclasses.replace(LAYER, max_abs_diff_lsb=3.0)
    assert not beyond.is_within and beyond.differs and LAYER.is_within and LAYER.differs
    assert dataclasses.replace(LAYER, max_abs_diff_lsb=0.0, differing_elements=1).differs
    assert not dataclasses.replace(LAYER, max_abs_diff_lsb=0.0).differs
    assert beyond.complaint() == "operator 2 (ADD, 'total' [1, 6]) differs by 3 LSB on the same inputs, its bound is 1"
    known = dataclasses.replace(beyond, subgraph=4, faults=("it is broken", "more"))
    assert known.complaint().startswith("subgraph 4 operator 2 (ADD") and known.complaint().endswith(
        "is 1; known: it is broken"
    )
    off = dataclasses.replace(LAYER, exact_within=False, exact_error_lsb=0.75, exact_allowed_lsb=0.5)
    assert not off.is_within
    assert off.complaint() == "operator 2 (ADD, 'total' [1, 6]) is 0.75 LSB from the exact result, 0.5 is allowed"
    assert Verdict("not-verified", reason="not asked").summary() == "not verified: not asked"
