"""The files of lib/model: the generated C, the kernels that it needs, and model_runner.cc, which calls it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...support import resources
from .compiler import CompiledModel

RUNNER = "model_runner.cc"
DSP_FOLDER = "armv7em"
# Where a compiler for Armv7E-M with DSP extension sees this, the variant in DSP_FOLDER is compiled; elsewhere, as on a
# PC, plain C is. Both give the same bytes.
_HAS_DSP = "defined(__ARM_FEATURE_DSP)"
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Variants:
    """A model compiled for the CPUs that its project is for.

    Attributes:
        prefix: what its public names and files begin with.
        plain: in plain C, for any CPU.
        dsp: for Armv7E-M with DSP extension; None for a board whose CPU has none.
    """

    prefix: str
    plain: CompiledModel
    dsp: CompiledModel | None

    @property
    def on_board(self) -> CompiledModel:
        """The one that the board's compiler takes."""
        return self.dsp or self.plain

    @property
    def each(self) -> tuple[CompiledModel, ...]:
        """All of them."""
        return (self.plain,) if self.dsp is None else (self.plain, self.dsp)


def model_files(models: Sequence[Variants]) -> dict[str, bytes]:
    """Return the sources of models by their path inside the folder for them: kernels that several use once."""
    compiled = [variant for model in models for variant in model.each]
    included = [n for c in compiled for data in c.files.values() for n in _INCLUDE.findall(data.decode())]
    files = _kernels([RUNNER, *included, *(name for c in compiled for name in c.kernel_files)])
    if any(model.dsp is not None for model in models):
        # Compilers for a PC see the kernels of the folder, too.
        kernels = [name for name in files if name.startswith(f"{DSP_FOLDER}/") and name.endswith((".c", ".S"))]
        files |= {name: _on_dsp(name, files[name]) for name in kernels}
    for model in models:
        files |= _generated(model)
    return files


def _generated(model: Variants) -> dict[str, bytes]:
    """Return what was generated for a model."""
    if model.dsp is None:
        return dict(model.plain.files)
    files = {f"{DSP_FOLDER}/{name}": _on_dsp(name, data) for name, data in model.dsp.files.items()}
    files |= {name: _guarded(data, f"!{_HAS_DSP}") for name, data in model.plain.files.items()}
    header = f"{model.prefix}.h"
    include = f'#if {_HAS_DSP}\n#include "{DSP_FOLDER}/{header}"\n#endif\n'.encode()
    return {**files, header: include + files[header]}


def _on_dsp(name: str, data: bytes) -> bytes:
    """Return a source for a CPU with DSP extension, which is nothing to other compilers."""
    return _guarded(data, _HAS_DSP) + _note(name)


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
