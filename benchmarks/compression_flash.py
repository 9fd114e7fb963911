"""What compressed weights take on a board against dense int8: flash, RAM, instructions, accuracy, over several seeds.

    python -m benchmarks.compression_flash [--network NETWORK] [--seeds 41,42] [--folder FOLDER]
    python -m benchmarks.compression_flash --models DENSE.tflite COMPRESSED.tflite...

Each seed holds its own samples out and trains its own network on the others. Every model is compiled for a Cortex-M4F
and run in QEMU on the same inputs as in TFLM: outputs must be equal, bit by bit. Instructions are exact. What is in
FOLDER already is not made again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import microgen
from microgen.compression.run import price
from microgen.quantization.int4 import with_int4_weights
from microgen.recipes import load_recipe
from microgen.runtimes.compiled.compiler import Options
from microgen.runtimes.runtime import Optimize
from microgen.support.metrics import ACCURACY
from microgen.tflite import TfliteModel, load
from microgen.verification import quantize_samples, real_values

from . import instructions
from .compression import with_error
from .models import MADE, SHARED
from .report import table
from .semihosting import CPUS
from .share import DENSE, HEADS, INT4, Share

METHODS = ("cluster:16", "prune:0.8", "block-prune:0.6")
FOLDER = MADE / "compression"
_CPU = "m4f"
_SAMPLES = 6
_LEVELS: Mapping[Optimize, str] = {"size": "-Os", "balanced": "-O2"}
_Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Network:
    """A network that is trained for each seed.

    Attributes:
        about: what it is trained and tested on.
        seeds: of what is trained and held out. Methods and amounts were chosen without these, except for int4: its
            rounding had the held-out images of 41 and 51 in view, and the choice of its layers the flash of 52.
        train: trains one in a folder for a seed; returns its file, and what `microgen.compress` takes besides.
        held_out: samples and classes that nothing was trained on or chosen by.
        obstacle: why it cannot be trained here, "" if it can.
    """

    name: str
    about: str
    seeds: tuple[int, ...]
    train: Callable[[Path, int], tuple[Path, Mapping[str, Any]]]
    held_out: Callable[[int], tuple[_Samples, _Samples]]
    obstacle: Callable[[], str] = lambda: ""


def _train_digits(place: Path, seed: int) -> tuple[Path, Mapping[str, Any]]:
    file = place / "digits.keras"
    if not file.exists():
        microgen.train("digits", out=place, seed=seed)
    return file, {"recipe": "digits"}


def _digits_held_out(seed: int) -> tuple[_Samples, _Samples]:
    data = load_recipe("digits").data(seed)
    return np.asarray(data.test_x), np.asarray(data.test_y)


_RESNET = SHARED / "pretrainedResnet.h5"
_RESNET_EPOCHS, _RESNET_BATCH, _HELD_OUT = 4, 32, 400


def _enlarged(seed: int) -> tuple[_Samples, _Samples, _Samples, _Samples]:
    """Return scikit-learn's 1,797 digits of 8x8, each pixel as 4x4 of three equal channels: to train on, held out."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.kron(digits.images, np.ones((1, 4, 4)))[..., None].repeat(3, -1).astype(np.float32) * (255 / 16)
    y = digits.target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, rest = order[:_HELD_OUT], order[_HELD_OUT:]
    return x[rest], y[rest], x[held_out], y[held_out]


def _train_resnet(place: Path, seed: int) -> tuple[Path, Mapping[str, Any]]:
    """Train MLPerf Tiny's weights on to other images."""
    file, data = place / "resnet8.keras", place / "data.npz"
    x, y, test_x, test_y = _enlarged(seed)
    if not data.exists():
        np.savez(data, x=x, y=y, x_test=test_x, y_test=test_y)
    if not file.exists():
        import tf_keras

        tf_keras.utils.set_random_seed(seed)
        model = tf_keras.models.load_model(_RESNET, compile=False)
        rate = tf_keras.optimizers.schedules.CosineDecay(1e-3, _RESNET_EPOCHS * (len(x) // _RESNET_BATCH))
        model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=_RESNET_BATCH, epochs=_RESNET_EPOCHS, verbose=0)
        model.save(file)
    return file, {"data": str(data)}


def _resnet_obstacle() -> str:
    return "" if _RESNET.is_file() else f"{_RESNET.name} is not here: shared/models beside the project"


NETWORKS = {
    n.name: n
    for n in (
        Network(
            "digits",
            "The digits recipe; 1,000 held-out images for each seed.",
            (41, 42, 43),
            _train_digits,
            _digits_held_out,
        ),
        Network(
            "ResNet-8",
            "MLPerf Tiny's ResNet-8, trained on for 4 epochs with scikit-learn's digits, each pixel enlarged to 4x4; "
            "400 held-out images for each seed.",
            (51, 52),
            _train_resnet,
            lambda seed: _enlarged(seed)[2:],
            _resnet_obstacle,
        ),
    )
}


@dataclass(frozen=True)
class Taken:
    """What a model takes on the emulated CPU; see `benchmarks.instructions.Figures`."""

    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    stack_bytes: int
    instructions: int


def taken(model: TfliteModel) -> dict[str, Taken]:
    """Return what a model takes, for each way to compile.

    Raises:
        RuntimeError: an output is not TFLM's.
    """
    inputs = instructions.samples(model, _SAMPLES)
    expected = instructions.tflm(model, inputs)
    found = {}
    for optimize, level in _LEVELS.items():
        with tempfile.TemporaryDirectory() as folder:
            f = instructions.measure(model, CPUS[_CPU], Options(optimize), inputs, expected, Path(folder) / "m", level)
        if f.equal != f.samples:
            raise RuntimeError(f"{f.samples - f.equal} of {f.samples} outputs are not TFLM's")
        found[optimize] = Taken(f.weights_bytes, f.code_bytes, f.ram_bytes, f.stack_bytes, f.instructions)
    return found


def made(network: Network, seed: int, folder: Path) -> dict[str, TfliteModel]:
    """Train a seed's network and compress it; return the int8 model of each method, by its name."""
    place = folder / f"{network.name}-{seed}"
    place.mkdir(parents=True, exist_ok=True)
    files = {m: place / f"{m.replace(':', '_').replace(', ', '_')}.tflite" for m in (DENSE, *METHODS, INT4)}
    if not all(file.exists() for file in files.values()):
        _say(f"{network.name}, seed {seed}: training")
        keras, options = network.train(place, seed)
        for method, file in files.items():
            if file.exists():
                continue
            _say(f"{network.name}, seed {seed}: {method}")
            if method in METHODS:
                quantized = microgen.compress(keras, method, seed=seed, **options).quantized
            else:
                quantized = price(keras, seed=seed, **options).quantized
                if method == INT4:
                    quantized = with_int4_weights(quantized)
            file.write_bytes(quantized.model.data)
    return {method: load(file) for method, file in files.items()}


def shares(network: Network, seeds: Sequence[int], folder: Path) -> list[Share]:
    """Return what each method costs and brings, for each way to compile."""
    scores: list[dict[str, float]] = []
    sizes: list[dict[str, dict[str, Taken]]] = []
    for seed in seeds:
        models = made(network, seed, folder)
        _say(f"{network.name}, seed {seed}: measuring")
        scores.append({m: _score(model, *network.held_out(seed)) for m, model in models.items()})
        sizes.append({m: taken(model) for m, model in models.items()})
    found = []
    for optimize in _LEVELS:
        for method in (DENSE, *METHODS, INT4):
            pairs = [(s[method][optimize], s[DENSE][optimize]) for s in sizes]
            change = "" if method == DENSE else with_error([s[method] - s[DENSE] for s in scores])
            found.append(
                Share(
                    network.name, optimize, method, len(seeds), statistics.mean(s[method] for s in scores), change,
                    statistics.mean(own.weights_bytes / dense.weights_bytes for own, dense in pairs),
                    statistics.mean(own.instructions / dense.instructions for own, dense in pairs),
                    max(own.ram_bytes - dense.ram_bytes for own, dense in pairs),
                    max(own.code_bytes - dense.code_bytes for own, dense in pairs),
                )
            )  # fmt: skip
    return found


def measured(problems: list[str]) -> list[Share]:
    """Return the shares of all networks; what cannot be measured is said in `problems`."""
    if obstacle := CPUS[_CPU].obstacle:
        problems.append(obstacle)
        return []
    found = []
    for network in NETWORKS.values():
        if obstacle := network.obstacle():
            problems.append(f"{network.name}: {obstacle}")
        else:
            found += shares(network, network.seeds, FOLDER)
    return found


def _score(model: TfliteModel, x: _Samples, y: _Samples) -> float:
    """Return the accuracy in TFLM."""
    (answers,) = instructions.tflm(model, quantize_samples(model, [x]))
    return ACCURACY.score(real_values(model.outputs[0], answers), x, y)


def _models(paths: Sequence[Path]) -> list[str]:
    """Return a table of single models against the first."""
    found = {p.stem: {o: asdict(t) for o, t in taken(load(p)).items()} for p in paths}
    first = found[paths[0].stem]
    lines: list[str] = []
    for optimize in _LEVELS:
        dense = first[optimize]
        rows = []
        for name, figures in found.items():
            own = figures[optimize]
            parts = [f"{own[k]:,} ({own[k] / dense[k]:.2f})" for k in ("weights_bytes", "instructions")]
            rows.append([name, *parts, f"{own['ram_bytes'] - dense['ram_bytes']:+d}"])
        lines += [f"`--optimize {optimize}`:", "", *table(["", "weights", "instructions", "RAM"], rows), ""]
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Parse the command line, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression_flash", description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="digits")
    parser.add_argument("--seeds", help="at least two, with commas between; those of the network otherwise")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where networks are kept")
    parser.add_argument("--models", nargs="+", type=Path, help="single .tflite files instead, against the first")
    asked = parser.parse_args()
    network = NETWORKS[asked.network]
    if obstacle := CPUS[_CPU].obstacle or (not asked.models and network.obstacle()):
        parser.error(obstacle)
    if asked.models:
        print("\n".join(_models(asked.models)))
        return
    seeds = [int(seed) for seed in asked.seeds.split(",")] if asked.seeds else network.seeds
    if len(seeds) < 2:
        parser.error("--seeds needs at least two: one says nothing of the spread")
    found = shares(network, seeds, asked.folder)
    print(
        "\n".join(
            [
                network.about,
                f"Seeds {', '.join(map(str, seeds))}.",
                "",
                *table(HEADS, [share.cells()[1:] for share in found]),
            ]
        )
    )


if __name__ == "__main__":
    main()
