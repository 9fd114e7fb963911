"""ONNX models for tests, made node by node."""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import pytest

from tests.support.torch_tools import torch


def onnx():
    """Return the package onnx; skip where the extra is not installed."""
    torch()
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed (pip install 'microgen[torch]')")
    import onnx

    return onnx


class Graph:
    """A model that grows; values are named by text, and an array given as an input becomes a constant."""

    def __init__(self, opset=18):
        self.onnx, self.opset = onnx(), opset
        self.nodes, self.constants, self.numbers = [], [], itertools.count()

    def __call__(self, operator, *inputs, outputs=1, domain="", **attributes):
        """Add a node, and return the name of its output, or of several."""
        names = [f"v{next(self.numbers)}" for _ in range(outputs)]
        read = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        node = self.onnx.helper.make_node(operator, read, names, f"node_{names[0]}", domain=domain, **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def constant(self, values):
        name = f"c{next(self.numbers)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def model(self, inputs, outputs):
        """Return the model.

        Args:
            inputs: shapes by name, of float32; or (shape, type) with ONNX's number of the type.
            outputs: names, or (name, number of the type).
        """
        h = self.onnx.helper
        given = [
            h.make_tensor_value_info(n, *((s[1], s[0]) if isinstance(s, tuple) else (1, s))) for n, s in inputs.items()
        ]
        returned = [
            h.make_tensor_value_info(*((o[0], o[1]) if isinstance(o, tuple) else (o, 1)), None) for o in outputs
        ]
        graph = h.make_graph(self.nodes, "g", given, returned, self.constants)
        domains = {n.domain for n in self.nodes if n.domain}
        opsets = [h.make_opsetid("", self.opset), *(h.make_opsetid(d, 1) for d in domains)]
        return h.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, path, inputs, outputs):
        """Write the model into a file."""
        self.onnx.save(self.model(inputs, outputs), str(path))
        return path


def network(path, opset=18):
    """Write a small classifier of 3x8x8 images, and return its path."""
    rng = np.random.default_rng(0)

    def weights(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    g = Graph(opset)
    x = g("Conv", "image", weights(8, 3, 3, 3), weights(8, 1)[:, 0], pads=[1, 1, 1, 1])
    x = g("Relu", x)
    x = g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g("Gemm", g("Flatten", x), weights(4, 128), weights(4, 1)[:, 0], transB=1)
    return g.save(path, {"image": ["batch", 3, 8, 8]}, [g("Softmax", x, axis=-1)])
