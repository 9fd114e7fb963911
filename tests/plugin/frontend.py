"""A frontend as a third party would add one: a dense layer written as text, a line of weights per output."""

from __future__ import annotations

import numpy as np

from microgen.errors import InputError
from microgen.frontends.float_tflite.frontend import convert_model
from microgen.frontends.frontend import Frontend
from microgen.tflite import parse
from microgen.workers import converter
from tests.plugin.job import Dense, DenseModel, pack


class DenseText(Frontend):
    name = "dense_text"
    title = "a dense layer as text"
    suffixes = (".dense",)
    trust = "read as numbers"
    packages = ("ai_edge_quantizer",)
    extra = "quantize"

    def matches(self, source):
        return source.path.suffix == ".dense" and source.path.is_file()

    def kind(self, source):
        return "dense-text"

    def needs_calibration(self, source):
        return True

    def convert(self, source, calibration, options):
        try:
            weights = np.loadtxt(source.path, np.float32, ndmin=2)
        except ValueError as error:
            raise InputError(f"{source.path}: {error}", "give a line of numbers per output") from None
        packed = converter.run(pack, Dense(weights), packages=self.packages, extra=self.extra)
        return convert_model(parse(packed.tflite), source.path, calibration, options)

    def matches_object(self, model):
        return isinstance(model, DenseModel)

    def object_name(self, model):
        return model.name

    def save(self, model, folder, example=None):
        np.savetxt(folder / "model.dense", model.weights)
        return folder / "model.dense"
