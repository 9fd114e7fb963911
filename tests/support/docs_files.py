"""The files that pages of the documentation take as given, each made once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.recipes.digits import mnist
from tests.support import examples, models, pio
from tests.support.once import once
from tests.support.tools import needs
from tests.support.torch_tools import torch

# What the tests train for fewer epochs than a recipe's own number.
SHORT = {"digits": 4, "digits-torch": 3}


class Files:
    """Makes files in a folder, which others that make them too may share, and copies them to where a page is run."""

    def __init__(self, folder: Path, epochs: int | None = SHORT["digits"]) -> None:
        """Take the folder, and for how many epochs the digits are trained; None: for the recipe's own number."""
        self._folder = folder
        self._epochs = epochs
        self._folder.mkdir(exist_ok=True)

    def put(self, names: list[str], folder: Path) -> None:
        """Copy files into a folder."""
        for name in names:
            made = self.path(name)
            if made.is_dir():
                shutil.copytree(made, folder / name)
            else:
                shutil.copy(made, folder / name)

    def path(self, name: str) -> Path:
        """Return where a file or folder is that is made once."""
        return once(self._folder, name, getattr(self, "_make_" + re.sub(r"\W", "_", name)))

    def platformio(self, project: Path) -> dict[str, str]:
        """Put what PlatformIO would download where it looks for it; return what to set."""
        core = once(self._folder, "platformio", pio.core)
        return {**pio.environment(core), **pio.put_tflm(project)}

    def _make_digits_example(self, made: Path) -> None:
        """What the example of the digits leaves behind and prints, for a board whose model every board runs."""
        made.mkdir()
        few = [] if self._epochs is None else ["--epochs", f"{self._epochs}"]
        (made / "printed.txt").write_text(examples.run(made, "digits", "--board", "nano33ble", *few))

    def _make_digits(self, made: Path) -> None:
        """What `microgen train digits` writes, and the example does."""
        shutil.copytree(self.path("digits-example") / "digits", made)

    def _make_digits_torch_example(self, made: Path) -> None:
        """What the example of the digits in PyTorch leaves behind and prints, after a few epochs."""
        torch()
        made.mkdir()
        few = ["--epochs", f"{SHORT['digits-torch']}"]
        (made / "printed.txt").write_text(examples.run(made, "digits_torch", "--board", "nano33ble", *few))

    def _make_digits_torch(self, made: Path) -> None:
        """What `microgen train digits-torch` writes, and the example does."""
        shutil.copytree(self.path("digits-torch-example") / "digits-torch", made)

    def _make_okay_nabu_tflite(self, made: Path) -> None:
        """A public wake word model of microWakeWord."""
        shutil.copy(_wake_word("okay_nabu.tflite"), made)

    def _make_okay_nabu_json(self, made: Path) -> None:
        """Its manifest."""
        shutil.copy(_wake_word("okay_nabu.json"), made)

    def _make_speech_wav(self, made: Path) -> None:
        """A sentence, and the wake word."""
        speak = [needs("espeak-ng", "espeak-ng"), "-v", "en-us", "-w", made, "We go out today. Okay Nabu. Lights on!"]
        subprocess.run(speak, check=True, capture_output=True)

    def _make_wake_tflite(self, made: Path) -> None:
        """A streaming model, which keeps a variable beside the graph."""
        made.write_bytes(models.variable(50))

    def _make_samples_npz(self, made: Path) -> None:
        """Digits with their classes: what a user of the digits model would measure it with."""
        images, labels = mnist()
        chosen = np.random.default_rng(0).permutation(len(images))[:200]
        shaped = (images[chosen] / 255).astype(np.float32).reshape(-1, 28, 28, 1)
        np.savez(made, image=shaped, labels=labels[chosen])


def _wake_word(name: str) -> Path:
    return Path(pytest.importorskip("pymicro_wakeword").__file__).parent / "models" / name
