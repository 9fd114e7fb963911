"""Trains recipes in PyTorch."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import representative, request as data_request  # isort: skip
from ..frontends.frontend import ConvertOptions
from ..frontends.pytorch.frontend import FRONTEND
from ..frontends.tracing.convert import FloatModel
from ..frontends.tracing.finish import quantized
from ..frontends.tracing.packages import TRAINING
from ..recipes import load_recipe
from ..workers import converter, report_progress
from .trainer import Trainer, TrainReply, TrainRequest

_RATE = 3e-3


@dataclass(frozen=True)
class _Fitted:
    """A trained model in float32; the fields are those of `TrainReply`, with inputs as PyTorch takes them."""

    model: FloatModel
    saved: bytes
    test_x: npt.NDArray[Any]
    test_y: npt.NDArray[Any]
    test_float: npt.NDArray[Any]
    valid_x: npt.NDArray[Any] | None
    valid_y: npt.NDArray[Any] | None


class _PyTorch(Trainer):
    """See `Trainer`."""

    name = FRONTEND.name
    suffix = ".pt2"

    def train(
        self,
        request: TrainRequest,
        packages: tuple[str, ...],
        on_step: Callable[[str], None],
        on_epoch: Callable[[int, int], None] | None,
    ) -> TrainReply:
        fitted = converter.run(
            train_job,
            request,
            packages=(*FRONTEND.packages, *packages),
            extra=FRONTEND.extra,
            engine=TRAINING,
            on_progress=on_epoch,
        )
        options = ConvertOptions("int8", request.per_channel_dense, seed=request.seed, on_step=on_step)
        converted = quantized(fitted.model, request.recipe, (), options)
        data = replace(converted.calibration, origin="training data")

        def deployed(inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return fitted.model.channels_first.deployed_inputs([inputs])[0]

        return TrainReply(
            replace(converted, calibration=data),
            fitted.saved,
            deployed(fitted.test_x),
            fitted.test_y,
            fitted.test_float,
            None if fitted.valid_x is None else deployed(fitted.valid_x),
            fitted.valid_y,
        )


TRAINER = _PyTorch()


def train_job(request: TrainRequest) -> _Fitted:
    """Train a recipe, and convert it to a float .tflite. Runs in a worker."""
    import torch

    from ..frontends.pytorch.job import convert
    from ..frontends.tracing.request import ConvertRequest

    recipe = load_recipe(request.recipe, request.phrase, request.quick)
    seed, epochs = request.seed, request.epochs
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # more of them add in other orders
    data, model = recipe.data(seed), recipe.model()
    report_progress(0, epochs)
    inputs, targets = torch.from_numpy(data.train_x), torch.from_numpy(np.asarray(data.train_y))
    loss = torch.nn.functional.cross_entropy if recipe.labels else torch.nn.functional.mse_loss
    steps = -(-len(inputs) // recipe.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    model.train()
    for epoch in range(epochs):
        for batch in torch.randperm(len(inputs)).split(recipe.batch_size):
            optimizer.zero_grad()
            loss(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
            schedule.step()
        report_progress(epoch + 1, epochs)
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(part) for part in torch.from_numpy(data.test_x).split(256)]).numpy()
    chosen = data.train_x[representative(len(data.train_x), seed)]
    with TemporaryDirectory(prefix="microgen-train-") as folder:
        path = Path(folder) / f"{recipe.name}.pt2"
        saved = _undated(FRONTEND.save(model, path.parent, inputs[:1]))
        path.write_bytes(saved)
        converted = convert(ConvertRequest(path, data_request(chosen), seed, must_vary=True))
    return _Fitted(converted, saved, data.test_x, data.test_y, answers, data.valid_x, data.valid_y)


def _undated(path: Path) -> bytes:
    """Return a .pt2 without the paths and lines of the code that it was traced from: the same model, the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(written, "w") as undated:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith("models/model.json"):
                document = json.loads(data)
                for node in document["graph_module"]["graph"]["nodes"]:
                    node["metadata"].pop("stack_trace", None)
                data = json.dumps(document).encode()
            undated.writestr(zipfile.ZipInfo(name), data)
    return written.getvalue()
