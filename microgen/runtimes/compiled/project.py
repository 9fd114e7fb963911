"""The files of lib/model: the generated C, the kernels that it needs, and model_runner.cc, which calls it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from ...support import resources
from .compiler import CompiledModel

RUNNER = "model_runner.cc"
DSP_FOLDER = "armv7em"
# Where a compiler for Armv7E-M with DSP extension sees this, the variant in DSP_FOLDER is compiled; elsewhere, as on a
# PC, plain C is. Both give the same bytes.
_HAS_DSP = "defined(__ARM_FEATURE_DSP)"
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def model_files(plain: CompiledModel, dsp: CompiledModel | None) -> dict[str, bytes]:
    """Return the sources by their path inside the folder of the model.

    Args:
        plain: the model in plain C, for any CPU.
        dsp: the same for Armv7E-M with DSP extension; None for a board whose CPU has none.
    """
    variants = [plain] if dsp is None else [plain, dsp]
    included = [n for v in variants for data in v.files.values() for n in _INCLUDE.findall(data.decode())]
    files = _kernels([RUNNER, *included, *(name for v in variants for name in v.kernel_files)])
    if dsp is None:
        return {**files, **plain.files}
    # Compilers for a PC see the kernels of the folder, too.
    kernels = [name for name in files if name.startswith(f"{DSP_FOLDER}/") and name.endswith((".c", ".S"))]
    on_dsp = {name: files[name] for name in kernels} | {f"{DSP_FOLDER}/{n}": data for n, data in dsp.files.items()}
    files |= {name: _guarded(data, _HAS_DSP) + _note(name) for name, data in on_dsp.items()}
    files |= {name: _guarded(data, f"!{_HAS_DSP}") for name, data in plain.files.items()}
    include = f'#if {_HAS_DSP}\n#include "{DSP_FOLDER}/model.h"\n#endif\n'.encode()
    return {**files, "model.h": include + files["model.h"]}


def _note(name: str) -> bytes:
    """Return what tells a PC's linker that assembler needs no executable stack."""
    if not name.endswith(".S"):
        return b""
    return b'#if defined(__linux__) && defined(__ELF__)\n  .section .note.GNU-stack, "", %progbits\n#endif\n'


def _guarded(data: bytes, condition: str) -> bytes:
    return f"#if {condition}\n".encode() + data + b"#endif\n"


def _kernels(names: Iterable[str]) -> dict[str, bytes]:
    """Return kernels and all files that they include, by their path inside firmware/runtimes/compiled/."""
    root = resources.path("firmware") / "runtimes" / "compiled"
    files: dict[str, bytes] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in files or not (root / name).is_file():
            continue  # generated, or of another folder of the firmware
        files[name] = (root / name).read_bytes()
        for included in _INCLUDE.findall(files[name].decode()):
            waiting += [included, posixpath.normpath(posixpath.join(posixpath.dirname(name), included))]
    return dict(sorted(files.items()))
