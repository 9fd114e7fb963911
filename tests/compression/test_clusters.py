"""Kernels of few values: one book for all channels, kept while weights are updated."""

from __future__ import annotations

import numpy as np

from microgen.compression.clusters import Books, Kernel


class Variable:
    """What TensorFlow's is here."""

    def __init__(self, values):
        self.values = np.asarray(values, np.float32)

    def numpy(self):
        return self.values.copy()

    def assign(self, values):
        self.values = values


def int8(w, signs):
    """What a converter makes of a kernel behind which each channel is multiplied, with a scale per channel."""
    w = w * signs * np.array([3.0, 0.01, 1.0, 0.5], np.float32)
    return np.rint(w / (np.abs(w).max((0, 1, 2)) / 127)).astype(np.int8)


def test_channels_of_a_convolution_share_one_book_of_int8_values():
    rng = np.random.default_rng(3)
    signs = np.array([1, -1, 1, -1], np.float32)
    variable = Variable(rng.normal(size=(3, 3, 16, 4)) * [1, 10, 0.1, 3])
    before = variable.numpy()
    books = Books([(Kernel(variable, signs), 16)])
    books.begin()
    error = ((variable.values - before) ** 2).sum((0, 1, 2)) / (before**2).sum((0, 1, 2))
    assert error.mean() < 0.016 and error.max() < 0.025
    for _ in range(5):
        values = np.unique(int8(variable.values, signs))
        assert len(values) == 16 and 0 in values and values[0] == -127 and values[-1] == 127
        variable.values += rng.normal(size=before.shape).astype(np.float32) * np.abs(before).mean((0, 1, 2)) / 50
        books.update()


def test_small_updates_add_up_and_zeros_of_a_pruned_kernel_stay():
    w = np.zeros((8, 8), np.float32)
    w[:, :4] = np.linspace(-1, 1, 32).reshape(8, 4)
    variable = Variable(w)
    books = Books([(Kernel(variable, None), 5)])
    books.begin()
    start = variable.numpy()
    for _ in range(60):
        variable.values = variable.values + np.float32(0.01)
        books.update()
    assert (variable.values[:, 4:] == 0).all() and len(np.unique(variable.values)) <= 5
    assert (variable.values[:, :4] > start[:, :4]).mean() > 0.5
