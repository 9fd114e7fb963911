"""What a tool is, and how its work is looked at."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import microgen
from microgen import workers
from microgen.deployment import deploy
from microgen.errors import MicrogenError
from microgen.runtimes.tflm.resolver import resolver_methods
from microgen.support import resources
from microgen.tflite import parse
from microgen.verification import EngineRun, Samples, make_samples
from microgen.workers import TFLM, tflm

from ..measure import last_words
from ..models import Model

BOARD = "esp32"
NONE = "-"
_ROOMY = 4 * 2**20


@dataclass
class Outcome:
    """What became of a model in a tool's hands: each field in words, "-" where the tool makes no such thing.

    Attributes:
        makes: what there is afterwards.
        compiles: whether a compiler takes it, or the compiler's first error.
        runs: whether TFLM, or the code itself, runs it and gives what the model gives.
        operators: those registered against those that the model has.
        arena: the tensor arena against what is needed.
        check: what the tool itself found out about the outputs.
    """

    makes: str
    compiles: str = NONE
    runs: str = NONE
    operators: str = NONE
    arena: str = NONE
    check: str = "none"


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        name: for the tables.
        requirements: what pip installs, pinned; none for what is on the machine.
        takes: the formats that it reads ("tflite", "keras", "onnx"), the one that suits it best first; none for a tool
            that reads no models, which has no command either.
        command: (model, folder) -> what makes its product in that folder.
        examine: (model, folder, what it printed) -> what came out.
        remark: what its time includes.
    """

    name: str
    requirements: tuple[str, ...]
    takes: tuple[str, ...] = ()
    command: Callable[[Model, Path], Sequence[str]] | None = None
    examine: Callable[[Model, Path, str], Outcome] | None = None
    remark: str = ""

    def reads(self, model: Model) -> bool:
        """Return whether the model comes in a format that it reads."""
        return model.file(self.takes) is not None


def compile_all(sources: Sequence[Path], *flags: str, language: str = "") -> str:
    """Compile sources to objects on this machine, C by the C compiler; return "yes" or the first error."""
    for source in sources:
        compiler = "gcc" if language != "c++" and source.suffix == ".c" else "g++"
        if not shutil.which(compiler):
            return f"not tried: {compiler} is missing"
        command = [compiler, *(["-x", language] if language else []), "-c", str(source), "-o", "/dev/null", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            errors = re.findall(r"error: (.*)", done.stderr)
            return f"{source.name}: {errors[0] if errors else last_words(done.stderr)}"
    return "yes"


def declarations() -> Path:
    """Return the folder of TFLM's declarations that microgen has, for code that includes them."""
    return resources.path("firmware") / "runtimes" / "tflm" / "host"


def c_bytes(text: str) -> bytes:
    """Return the bytes of the first array initializer in C source."""
    body = text[text.index("{", text.index("[")) :]
    return bytes(int(x, 16) for x in re.findall(r"0x[0-9a-fA-F]{1,2}\b", body[: body.index("}")]))


def in_tflm(data: bytes) -> str:
    """Say whether TFLM runs a .tflite once; its own words when it does not."""
    try:
        model = parse(data, "model", "the model")
        inputs = tuple(np.zeros((1, *t.shape), t.numpy_dtype) for t in model.inputs)
        workers.run(TFLM, tflm.run, tflm.RunRequest(data, inputs, _ROOMY))
    except MicrogenError as error:
        return f"no: {error.message}"
    return "yes"


def operators(tflite: Path, registered: set[str]) -> str:
    """Compare resolver methods with those that a model needs."""
    needed = set(resolver_methods(microgen.load(tflite)))
    missing, idle = sorted(needed - registered), sorted(registered - needed)
    said = [f"missing: {', '.join(missing)}"] if missing else []
    return "; ".join([*said, f"{len(idle)} unused"]) if said or idle else "exactly the model's"


def arena(tflite: Path, given: int) -> str:
    """Compare an arena with the smallest that works."""
    on_board = needed_on_board(tflite)
    verdict = "too small" if given < on_board else f"{given / on_board:.2f} times"
    return f"{given:,} bytes; needed {on_board:,}: {verdict}"


def needed_on_board(tflite: Path) -> int:
    """Return the smallest arena that works on the board with TFLM's reference kernels, computed for its 32 bits.

    On this machine's 64 bits the same computation is held against TFLM itself, to the byte
    (tests/runtimes/tflm/test_planner.py).
    """
    return deploy(tflite.stem, microgen.load(tflite), microgen.load_board(BOARD)).arena.min_bytes


def answers(tflite: Path, samples: int = 100) -> tuple[Samples, Samples, Samples]:
    """Return samples, and what TFLM and LiteRT's reference kernels answer."""
    loaded = microgen.load(tflite)
    inputs = make_samples(loaded, samples, 0)
    with EngineRun(loaded, inputs) as running:
        engines = running.result()
    return inputs, engines.reference.outputs, engines.litert.outputs


def onnxruntime_answers(model: Model) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the data of an ONNX model, and what onnxruntime answers: [samples, ...] each."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.onnx, providers=["CPUExecutionProvider"])
    (given,), inputs = session.get_inputs(), np.load(model.data)
    return inputs, np.concatenate([session.run(None, {given.name: sample[None]})[0] for sample in inputs])


def against_onnxruntime(expected: npt.NDArray[np.float32], outputs: npt.NDArray[np.float32]) -> str:
    """Compare what the code of an ONNX model answers with what onnxruntime does."""
    apart = np.abs(outputs.astype(np.float32).reshape(expected.shape) - expected).reshape(len(expected), -1).max(axis=1)
    said = f"of {len(expected)} samples {int((apart > 0).sum())} differ from onnxruntime"
    return f"{said}, by at most {apart.max():.2g} (outputs reach {np.abs(expected).max():.2g})" if apart.any() else said
