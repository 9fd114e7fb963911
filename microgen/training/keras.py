"""Trains recipes in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..datasets import Calibration, representative
from ..frontends.keras.archive import keras_bytes
from ..frontends.keras.converter import convert_loaded, make_deterministic
from ..frontends.keras.engine import TRAINING
from ..frontends.keras.frontend import FRONTEND, PACKAGES
from ..frontends.keras.loading import from_keras
from ..recipes import load_recipe
from ..workers import converter, report_progress
from .trainer import ReadOfData, Trainer, TrainReply, TrainRequest

# Batches that TensorFlow takes from one call in Python: with small networks, the call takes longer than a batch.
_BATCHES = 16


class _Keras(Trainer):
    """See `Trainer`."""

    name = FRONTEND.name
    suffix = ".keras"

    def train(
        self,
        request: TrainRequest,
        packages: tuple[str, ...],
        on_step: Callable[[str], None],
        on_epoch: Callable[[int, int], None] | None,
    ) -> TrainReply:
        return converter.run(train_job, request, packages=(*PACKAGES, *packages), engine=TRAINING, on_progress=on_epoch)


TRAINER = _Keras()


def train_job(request: TrainRequest) -> TrainReply:
    """Train a recipe and convert it. Runs in a worker."""
    import keras

    recipe = load_recipe(request.recipe, request.phrase, request.quick)
    seed, epochs = request.seed, request.epochs
    make_deterministic(seed)
    own = None
    if request.own is not None:
        assert recipe.own is not None
        own = recipe.own(request.own, seed)
    data, model = (own.data, own.model()) if own else (recipe.data(seed), recipe.model())
    _end_with(model, epochs / recipe.epochs)
    model.steps_per_execution = _BATCHES
    report_progress(0, epochs)
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report_progress(epoch + 1, epochs))
    model.fit(data.train_x, data.train_y, epochs=epochs, batch_size=recipe.batch_size, verbose=0, callbacks=[report])
    calibration = Calibration((data.train_x[representative(len(data.train_x), seed)],), origin="training data")
    loaded = from_keras(model)
    return TrainReply(
        convert_loaded(loaded, calibration, "int8", per_channel_dense=request.per_channel_dense),
        keras_bytes(model),
        data.test_x,
        data.test_y,
        model.predict(data.test_x, batch_size=256, verbose=0),
        data.valid_x,
        data.valid_y,
        recipe.streaming.recordings(seed) if recipe.streaming else None,
        recipe.streaming.checked(seed) if recipe.streaming else None,
        ReadOfData.of(own) if own else None,
    )


def _end_with(model: Any, share: float) -> None:  # noqa: ANN401 - Keras has no types
    """Let the learning rate reach its end in as many epochs as are trained.

    Args:
        model: a compiled model.
        share: its epochs, over the recipe's own number.
    """
    from keras.optimizers import schedules

    rate = model.optimizer.get_config()["learning_rate"]
    if share != 1 and isinstance(rate, dict):
        settings = rate["config"]
        settings["decay_steps"] = round(settings["decay_steps"] * share)
        model.optimizer.learning_rate = schedules.deserialize(rate)
