"""What the firmware of the recipe keyword hears: words, and sentences that were not trained on, in six test voices.

`python -m tests.recipes.keyword_heard [SEED...]` trains the recipe with each seed (default: 0 1), and prints how many
words were heard and how many sentences were taken for a word. Takes some minutes a seed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import microgen
from microgen.recipes import keyword, load_recipe
from tests.recipes.on_device import project
from tests.support.speech import conversation

VOICES = ("en-us", "en-gb+f2", "en-029+m2", "en-us+m5", "en-gb-scotland+m2", "en-gb-x-rp+f2")
SENTENCES = (
    "the weather is nice today", "please close the door behind you", "i read a book about old ships",
    "our neighbours have a new garden fence", "can you tell me the way to the station",
    "she bought three tickets for the concert", "it will rain again on sunday", "most people like warm bread",
    "the computer was very expensive", "we should talk about this later",
)  # fmt: skip


def main(seeds: list[int]) -> None:
    """Train, build, simulate and count."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            trained = Path(folder) / "keyword"
            microgen.train("keyword", out=trained, seed=seed)
            built = project(trained, load_recipe("keyword"), "microphone", "nano33ble")
            heard, mistaken = 0, []
            for voice in VOICES:
                texts = [*SENTENCES, *keyword.WORDS]
                ends = conversation(voice, texts, Path(folder) / "a.wav", "-s", "150")[len(SENTENCES) :]
                found = microgen.simulate_input(built, Path(folder) / "a.wav")
                for detected in found.trace.detected:
                    at = found.seconds(detected.position)
                    near = [w for w, end in zip(keyword.WORDS, ends, strict=True) if end - 0.8 < at < end + 0.7]
                    if near == [detected.label]:
                        heard += 1
                    else:
                        mistaken.append(f"{voice} {at:.1f} s {detected.label} {detected.score:.2f}")
        said, words = len(VOICES) * len(SENTENCES), len(VOICES) * len(keyword.WORDS)
        print(f"seed {seed}: {heard} of {words} words heard, {len(mistaken)} mistakes in {said} sentences")
        print("".join(f"  {line}\n" for line in mistaken), end="")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0, 1])
