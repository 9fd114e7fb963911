"""tinymlgen: a C array from a Keras model; called as its documentation shows."""

from __future__ import annotations

from pathlib import Path

from microgen.tflite import parse

from .. import peers
from ..models import Model
from .tool import Outcome, Tool, c_bytes, compile_all, in_tflm

_SCRIPT = (
    "import sys, keras; from pathlib import Path; from tinymlgen import port;"
    "Path('model.h').write_text(port(keras.models.load_model(sys.argv[1]), pretty_print=True))"
)


def _command(model: Model, folder: Path) -> list[str]:
    return [str(peers.BIN / "python"), "-c", _SCRIPT, str(model.keras)]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    data = c_bytes((folder / "model.h").read_text())
    made = parse(data, "model", "the model")
    (folder / "use.cc").write_text('#include "model.h"\nint use() { return model_data[0] + model_data_len; }\n')
    return Outcome(
        f"C array; the model takes {made.inputs[0].dtype} and gives {made.outputs[0].dtype}",
        compile_all([folder / "use.cc"], "-Wall", "-Wextra", "-Werror"),
        f"in TFLM: {in_tflm(data)}",
    )


TOOL = Tool(
    "tinymlgen port", ("tinymlgen==0.2", "tensorflow==2.21.0"), ("keras",), _command, _examine, "starts TensorFlow"
)
