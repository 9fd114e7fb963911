"""The front end in C: compiled, fed, and its frames read; on this machine and in QEMU."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import semihosting
from microgen.preprocessing.log_mel import LogMel
from microgen.preprocessing.mfcc import Mfcc
from microgen.preprocessing.spectrogram import Spectrogram
from microgen.preprocessing.tables import tables
from microgen.support import resources

CODE = resources.path("firmware") / "preprocessing"
PROGRAMS = Path(__file__).parent / "programs"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"]
_PROGRAMS: dict[type, str] = {LogMel: "stream.c", Mfcc: "coefficients.c", Spectrogram: "levels.c"}
Front = LogMel | Mfcc | Spectrogram
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_stream(folder: Path, front: Front, command: Sequence[str]) -> Path:
    """Compile what is emitted with a program that streams samples through it."""
    return _compile(folder, command, _written(folder, front))


def compile_any(folder: Path, command: Sequence[str]) -> Path:
    """Compile a program that takes tables of any front end."""
    return _compile(folder, command, _sources("any.c"))


def frames(
    program: Path, samples: np.ndarray, columns: int, dtype: type = np.uint16, before: bytes = b""
) -> np.ndarray:
    """Run a program of this machine; return [frames, columns]."""
    answer = _run([str(program)], program.parent, before + samples.tobytes())
    return np.frombuffer(answer, dtype).reshape(-1, columns)


def frames_of(program: Path, front: LogMel, samples: np.ndarray) -> np.ndarray:
    """Run the program of `compile_any`."""
    t = tables(front)
    numbers = [
        front.window, front.step, t.half, front.channels, t.first_bin, t.level_shift, t.snr_shift,
        front.noise_reduction, front.pcan, front.log, t.even_smoothing, t.odd_smoothing, t.floor,
        len(t.weights), len(t.gains), len(samples),
    ]  # fmt: skip
    arrays = [t.window, t.place, t.twiddles, t.split, t.widths, t.weights, t.gains]
    blob = np.array(numbers, np.int32).tobytes() + b"".join(a.astype(np.int16).tobytes() for a in arrays)
    return frames(program, samples, front.channels, before=blob)


def emulated_frames(folder: Path, front: Front, cpu: semihosting.Cpu, level: str, samples: np.ndarray) -> np.ndarray:
    """Compile for an emulated CPU, and run it there."""
    semihosting.build(folder, cpu, "run.elf", [level, f"-I{CODE}"], _written(folder, front))
    (folder / "in.bin").write_bytes(samples.tobytes())
    semihosting.emulate(folder, cpu, "run.elf")
    answer = (folder / "out.bin").read_bytes()
    if isinstance(front, Mfcc):
        return np.frombuffer(answer, np.int16).reshape(-1, front.coefficients)
    if isinstance(front, Spectrogram):
        return np.frombuffer(answer, np.int16).reshape(-1, front.front.channels)
    return np.frombuffer(answer, np.uint16).reshape(-1, front.channels)


def complaint(folder: Path, command: str) -> str:
    """Return what a compiler says of the code, with all warnings; "" for nothing."""
    sources = _written(folder, Mfcc(LogMel()))[1:]
    whole = [*command.split(), "-std=c11", *WARNINGS, f"-I{CODE}", "-I.", "-c", *sources]
    done = subprocess.run(whole, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def _sources(main: str) -> list[str]:
    return [str(path) for path in (PROGRAMS / main, *sorted(CODE.glob("*.c")))]


def _written(folder: Path, front: Front) -> list[str]:
    """Write what is emitted; return all sources, the program's first."""
    emitted = front.emit()
    for name, text in emitted.items():
        (folder / name).write_text(text)
    return [*_sources(_PROGRAMS[type(front)]), *(name for name in emitted if name.endswith(".c"))]


def _compile(folder: Path, command: Sequence[str], sources: Sequence[str]) -> Path:
    program = folder / "program"
    _run([*command, "-std=c11", *WARNINGS, f"-I{CODE}", "-I.", *sources, "-o", str(program)], folder)
    return program


def _run(command: Sequence[str], folder: Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False, timeout=300)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {(done.stdout + done.stderr).decode(errors='replace')[-3000:]}")
    return done.stdout
