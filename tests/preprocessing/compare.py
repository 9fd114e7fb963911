"""Compares the log-mel features of long signals: `python -m tests.preprocessing.compare --seconds 60`.

Python, pymicro-features, C on this machine, and C on emulated CPUs; exits with 1 where a value differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.semihosting import CPUS
from microgen.preprocessing.log_mel import LogMel
from tests.support.audio import signals

from . import c_logmel


def pymicro(samples: np.ndarray) -> np.ndarray:
    """Return the frames of pymicro-features, as integers."""
    from pymicro_features import MicroFrontend

    front = MicroFrontend()
    steps = (front.process_samples(samples[i : i + 160].tobytes()).features for i in range(0, len(samples), 160))
    return np.rint(np.array([values for values in steps if values]) * 25.6).astype(np.uint16)


def main() -> None:
    """Compare all signals with all devices."""
    parser = argparse.ArgumentParser(prog="python -m tests.preprocessing.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--cpu", action="append", choices=CPUS, help="all otherwise")
    args = parser.parse_args()
    front, different = LogMel(), 0
    with tempfile.TemporaryDirectory() as folder:
        program = c_logmel.compile_stream(Path(folder), front, ["gcc", "-O2"])
        for name, samples in signals(args.seconds * front.sample_rate, front.sample_rate).items():
            frames = front.frames(samples)
            found = {"pymicro-features": pymicro(samples), "C": c_logmel.frames(program, samples, front.channels)}
            for cpu in args.cpu or CPUS:
                with tempfile.TemporaryDirectory() as other:
                    found[cpu] = c_logmel.emulated_frames(Path(other), front, CPUS[cpu], "-O2", samples)
            counts = {device: int((values != frames).sum()) for device, values in found.items()}
            different += sum(counts.values())
            said = ", ".join(f"{device} {count}" for device, count in counts.items())
            print(f"{name}: {frames.size} values; differ: {said}", flush=True)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
