"""Handwritten digits in PyTorch: train, build a firmware, and let it read digits that it was not trained on.

python examples/digits_torch.py [--board NAME] [--epochs N]
"""

import argparse

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="esp32")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
options = parser.parse_args()

trained = microgen.train("digits-torch", out="digits-torch", board=options.board, epochs=options.epochs)
print(f"accuracy: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)  # the labels come with the recipe
print(result.project, result.verdict.summary())

held_out = trained.recipe.data(trained.seed)
images, digits = held_out.test_x[::100], held_out.test_y[::100]
for image, digit, prediction in zip(images, digits, microgen.predict(result.project, images), strict=True):
    for row in image[0, ::3, ::2]:  # channels first, as PyTorch has them
        print("".join(" .:*#"[int(grey * 4)] for grey in row))
    print(f"a {digit}; the firmware reads {prediction.label} ({prediction.outputs[0].max():.2f})")
