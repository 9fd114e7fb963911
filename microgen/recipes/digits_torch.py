"""Handwritten digits in PyTorch: the data and the network of the recipe digits, as an example to copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from . import Data, digits


def data(seed: int) -> Data:
    """Return the data of the recipe digits with the channel first: 1x28x28."""
    keras = digits.data(seed)
    train, test = (np.ascontiguousarray(np.moveaxis(x, -1, 1)) for x in (keras.train_x, keras.test_x))
    return replace(keras, train_x=train, train_y=keras.train_y.astype(np.int64), test_x=test)


def model() -> Any:  # noqa: ANN401 - imported where it is called
    """Return an untrained network of three convolutions, which answers logits in training and probabilities after."""
    from torch import Tensor, nn

    class Digits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            channels = 1
            for filters, stride in ((24, 2), (24, 1), (32, 2)):
                layers.append(nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False))
                layers += [nn.BatchNorm2d(filters), nn.ReLU()]
                channels = filters
            self.features = nn.Sequential(*layers)
            self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels * 7 * 7, 10))

        def forward(self, image: Tensor) -> Tensor:
            logits: Tensor = self.classifier(self.features(image))
            return logits if self.training else logits.softmax(1)

    return Digits()


RECIPE = replace(
    digits.RECIPE,
    name="digits-torch",
    title="Handwritten digits, in PyTorch",
    data=data,
    model=model,
    framework="pytorch",
    own=None,
    takes="",
)
