"""A wake word of your own: train on a phrase that espeak-ng says, and let a firmware hear it in a sentence.

python examples/wake_word.py [--phrase "hey robot"] [--board NAME] [--quick]

Needs espeak-ng. --quick learns from a small part of the data: it shows the way, and hears badly.
"""

import argparse
import subprocess

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--phrase", default="hey robot")
parser.add_argument("--board", default="nano33ble")
parser.add_argument("--epochs", type=int, help="instead of the recipe's own number")
parser.add_argument("--quick", action="store_true", help="a small part of the data, for a quick try")
options = parser.parse_args()

how = {"board": options.board, "epochs": options.epochs, "quick": options.quick}
trained = microgen.train("wakeword", out="wakeword", phrase=options.phrase, **how)
for name, value in trained.parameters.items():
    print(f"{name}: {value:g}")

result = microgen.build("wakeword/wakeword.tflite", options.board, application="microphone")
print(result.project, result.verdict.summary())

sentence = f"We go out today. {options.phrase}. Lights on!"
subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", "sentence.wav", sentence], check=True)
heard = microgen.simulate_input(result.project, "sentence.wav")
for found in heard.trace.detected:
    print(f"heard '{found.label}' at {heard.seconds(found.position):.2f} s")
print(f"{len(heard.trace.detected)} times in {heard.recording.seconds:.1f} s")
