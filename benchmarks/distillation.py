"""Does a student learn more from a teacher than alone? On the digits recipe: the same student, the same start, the same
number of epochs, for several seeds; the share of right classes on the held-out images, in float.

    python -m benchmarks.distillation [SHARE:EPOCHS...]

SHARE is the width of the student against the teacher's; 0.25:3, 0.25:12 and 0.5:12 otherwise.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace

SEEDS = range(6)


def accuracy(model, task) -> float:
    answers = model.predict(task.test_x, batch_size=256, verbose=0)
    return float(task.metric.score(answers, task.test_x, task.test_y))


def main(students: list[tuple[float, int]]) -> None:
    import tf_keras

    from microgen.compression.base import read_steps
    from microgen.compression.fine_tuning import fine_tune
    from microgen.compression.methods import distill
    from microgen.compression.narrow import narrowed
    from microgen.compression.task import task_from_recipe
    from microgen.conversion.carry import to_tf_keras
    from microgen.conversion.converter import make_deterministic
    from microgen.recipes import load_recipe

    make_deterministic(0)
    recipe = load_recipe("digits")
    data, network = recipe.data(0), recipe.model()
    network.fit(data.train_x, data.train_y, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0)
    teacher = to_tf_keras(network)
    task = task_from_recipe(recipe, teacher, seed=0)
    print(f"teacher {accuracy(teacher, task):.4f}; seeds 0 to {SEEDS[-1]}")
    for share, epochs in students:
        (step,) = read_steps([f"distill:{share:g}"])
        alone, taught = [], []
        for seed in SEEDS:
            seeded = replace(task, seed=seed, epochs=epochs)
            tf_keras.utils.set_random_seed(seed)
            student = narrowed(teacher, share)
            fine_tune(student, seeded, epochs, distill.LEARNING_RATE)
            alone.append(accuracy(student, seeded))
            tf_keras.utils.set_random_seed(seed)
            taught.append(accuracy(distill.apply(teacher, seeded, step), seeded))
        for what, found in (("alone", alone), ("taught", taught)):
            mean, deviation = statistics.mean(found), statistics.stdev(found)
            each = " ".join(f"{x:.3f}" for x in found)
            print(f"width {share:g}, {epochs} epochs, {what:6} {mean:.4f} +-{deviation:.4f}  {each}")


if __name__ == "__main__":
    asked = [argument.split(":") for argument in sys.argv[1:] or ["0.25:3", "0.25:12", "0.5:12"]]
    main([(float(share), int(epochs)) for share, epochs in asked])
