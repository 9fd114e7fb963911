"""PyTorch for tests: modules, and what torch.export.save makes of them."""

from __future__ import annotations

import importlib.util
import warnings

import pytest


def torch():
    """Return PyTorch; skip where the extra is not installed."""
    for package in ("torch", "litert_torch", "ai_edge_quantizer"):
        if importlib.util.find_spec(package) is None:  # to import them all would take seconds
            pytest.skip(f"{package} is not installed (pip install 'microgen[torch]')")
    import torch

    torch.set_num_threads(1)  # on models as small as these, more of them only wait for each other
    return torch


def export(module, example, path, **options):
    """Write a module as a .pt2, as it is: in train mode where it is."""
    t = torch()
    inputs = example if isinstance(example, tuple) else (example,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t.export.save(t.export.export(module, inputs, **options), path)
    return path


def small(seed=0):
    """A convolution with its normalization, a pool and a dense layer: 3x8x8 to 4 classes."""
    t = torch()
    t.manual_seed(seed)
    nn = t.nn
    layers = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(8 * 16, 4))
    for p in (model[1].running_mean, model[1].running_var):
        p.copy_(t.rand(8) + 0.5)
    return model.eval()
