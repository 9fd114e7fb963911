"""Instructions and RAM of the log-mel front end on emulated CPUs, beside the C library it replaces.

`python -m benchmarks.preprocessing` compiles both with the same flags, runs them in QEMU on the same second of audio,
and compares their features, value by value. The C library is TensorFlow Lite's microfrontend with kissfft, from the
source package of pymicro-features. Instructions of QEMU are exact and the same from run to run; they are no cycles.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microgen.preprocessing.log_mel import LogMel
from microgen.support import resources
from tests.support import audio

from . import semihosting
from .measure import ROOT
from .semihosting import CPUS, Cpu

PEER = "pymicro-features==2.0.2"
SOURCES = ROOT / "build" / "peers" / "sources"
ADAPTERS = semihosting.FILES / "preprocessing"
CODE = resources.path("firmware") / "preprocessing"


@dataclass(frozen=True)
class Figures:
    """What a second of audio costs.

    Attributes:
        instructions: of all its frames. stack_bytes: below the caller. ram_bytes: what is kept from call to call.
        code_bytes: code and constants, as linked.
        features: [frames, channels].
    """

    instructions: int
    stack_bytes: int
    ram_bytes: int
    code_bytes: int
    features: npt.NDArray[np.uint16]


def peer_sources() -> Path:
    """Download and unpack the C library's source package, once; return its folder."""
    name, _, version = PEER.partition("==")
    folder = SOURCES / f"{name.replace('-', '_')}-{version}"
    if not folder.is_dir():
        SOURCES.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(SOURCES)]
        subprocess.run([*pip, PEER], check=True)
        with tarfile.open(f"{folder}.tar.gz") as archive:
            archive.extractall(SOURCES, filter="data")
    return folder


def measure_microgen(front: LogMel, samples: npt.NDArray[np.int16], cpu: Cpu, level: str, folder: Path) -> Figures:
    """Run microgen's front end."""
    for name, text in front.emit().items():
        (folder / name).write_text(text)
    sources = ["front_end.c", *(str(path) for path in sorted(CODE.glob("*.c"))), str(ADAPTERS / "microgen.c")]
    return _run(front, samples, cpu, [level, "-Wall", "-Wextra", "-Werror", f"-I{CODE}"], sources, folder)


def measure_peer(front: LogMel, samples: npt.NDArray[np.int16], cpu: Cpu, level: str, folder: Path) -> Figures:
    """Run the C library, with the settings of pymicro-features."""
    root = peer_sources()
    library = root / "tensorflow" / "lite" / "experimental" / "microfrontend" / "lib"
    parts = ["fft", "filterbank", "frontend", "log_scale", "noise_reduction", "pcan_gain_control", "window"]
    names = ["kiss_fft_int16", "log_lut", *parts, *(f"{p}_util" for p in parts)]
    compiler = [*cpu.compile.replace("gcc", "g++", 1).split(), "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"]
    compiler += [
        "-ffunction-sections",
        "-fdata-sections",
        "-DNDEBUG",
        "-DFIXED_POINT=16",
        level,
        *_sizes(front, samples),
    ]
    compiler += ["-I.", f"-I{root}", f"-I{root / 'kissfft'}", "-include", str(ADAPTERS / "quiet.h"), "-c"]
    for file in (*(library / f"{name}.cc" for name in names), ADAPTERS / "microfrontend.cc"):
        semihosting.output_of([*compiler, str(file)], folder)
    return _run(front, samples, cpu, [level], [f"{name}.o" for name in (*names, "microfrontend")], folder)


def _frames(front: LogMel, samples: npt.NDArray[np.int16]) -> int:
    return (len(samples) - front.window) // front.step + 1


def _sizes(front: LogMel, samples: npt.NDArray[np.int16]) -> list[str]:
    values = _frames(front, samples) * front.channels
    return [f"-DSAMPLES={len(samples)}", f"-DVALUES={values}", f"-DCHANNELS={front.channels}"]


def _run(
    front: LogMel, samples: npt.NDArray[np.int16], cpu: Cpu, flags: list[str], sources: list[str], folder: Path
) -> Figures:
    values = _frames(front, samples) * front.channels
    (folder / "sizes.h").write_text(f"#define IN_BYTES {{{samples.nbytes}}}\n#define OUT_BYTES {{{2 * values}, 4}}\n")
    (folder / "in.bin").write_bytes(samples.tobytes())
    flags = [*flags, f"-I{ADAPTERS}", *_sizes(front, samples)]
    semihosting.build(folder, cpu, "program.elf", flags, [*sources, str(semihosting.FILES / "harness.c")])
    run = semihosting.inference(folder, cpu, "program.elf")
    answer = (folder / "out.bin").read_bytes()
    features = np.frombuffer(answer, np.uint16, values).reshape(-1, front.channels)
    (ram,) = np.frombuffer(answer, np.uint32, 1, 2 * values)
    code = semihosting.text_bytes(folder / "program.elf", cpu)
    return Figures(run.instructions, run.stack_bytes, int(ram), code, features)


def _costs(f: Figures) -> str:
    return f"{f.instructions} {f.ram_bytes} {f.stack_bytes} {f.code_bytes}"


def main() -> None:
    """Measure some signals on some CPUs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preprocessing", description=main.__doc__)
    parser.add_argument("signals", nargs="*", default=["speech"], help="of tests/support/audio.py (speech)")
    parser.add_argument("--cpu", action="append", choices=CPUS, help="all otherwise")
    parser.add_argument("--level", default="-O2", help="of the compiler (-O2)")
    args = parser.parse_args()
    front = LogMel()
    made = audio.signals(front.sample_rate, front.sample_rate)
    print("signal, CPU: instructions, RAM, stack, code bytes; the C library's; times; values that differ")
    for signal in args.signals:
        for name in args.cpu or CPUS:
            with tempfile.TemporaryDirectory() as folder:
                own = measure_microgen(front, made[signal], CPUS[name], args.level, Path(folder))
            differ = int((own.features != front.frames(made[signal])).sum())
            beside = "not compiled: its compiler has no C++ library"
            if CPUS[name].prefix.startswith("arm"):
                with tempfile.TemporaryDirectory() as folder:
                    peer = measure_peer(front, made[signal], CPUS[name], args.level, Path(folder))
                differ += int((own.features != peer.features).sum())
                beside = f"{_costs(peer)}; {own.instructions / peer.instructions:.3f}"
            print(f"{signal} {name}: {_costs(own)}; {beside}; {differ}", flush=True)
            if differ:
                sys.exit(1)


if __name__ == "__main__":
    main()
