"""tinyml-deployer: an ESP-IDF project around TFLM from a .tflite."""

from __future__ import annotations

import re
from pathlib import Path

from .. import peers
from ..models import Model
from .tool import BOARD, Outcome, Tool, arena, compile_all, declarations, in_tflm, operators

# Stand-ins for the two headers that TFLM's declarations here do not have, and the namespace of older releases.
_STUBS = {
    "esp_log.h": "#define ESP_LOGE(...)\n#define ESP_LOGI(...)\n",
    "tensorflow/lite/micro/system_setup.h": (
        '#ifdef __cplusplus\n#include "tflm_api.h"\n'
        "namespace tflite { using namespace micro; inline void InitializeTarget() {} }\n"
        "using namespace tflite::micro;\n#endif\n"
    ),
}


def _command(model: Model, folder: Path) -> list[str]:
    return [str(peers.BIN / "tinyml-deployer"), "deploy", "--target", BOARD, "--output", "out", str(model.tflite)]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    main, stubs = folder / "out/main", folder / "stubs"
    for name, text in _STUBS.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text)
    sources = sorted(main.glob("*.c"))
    flags = [f"-I{p}" for p in (main, stubs, declarations())]
    as_c = compile_all(sources, *flags)
    as_cpp = compile_all(sources, *flags, language="c++")
    registered = set(re.findall(r"resolver\.(Add\w+)\(\)", (main / "inference.c").read_text()))
    size = int(re.findall(r"TENSOR_ARENA_SIZE\s+(\d+)", (main / "inference.h").read_text())[0])
    return Outcome(
        "ESP-IDF project",
        as_c if as_c == "yes" else f"as C, which its CMakeLists selects: no ({as_c}); as C++: {as_cpp}",
        f"its model in TFLM: {in_tflm(model.tflite.read_bytes())}",
        operators(model.tflite, registered),
        arena(model.tflite, size),
    )


TOOL = Tool(
    "tinyml-deployer deploy", ("tinyml-deployer==0.1.0", "tensorflow==2.21.0"), ("tflite",), _command, _examine,
    "starts TensorFlow",
)  # fmt: skip
