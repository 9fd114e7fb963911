"""Weight clustering: each kernel keeps a few distinct values, which are trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune
from ..layers import check_supported, is_pruned, rewrap
from ..task import Task

_LEARNING_RATE = 3e-4
_LEAST = 3  # clusters, as tensorflow-model-optimization wants where zero is one of them


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse layers that tensorflow-model-optimization does not know how to cluster."""
    from tensorflow_model_optimization.python.core.clustering.keras.clustering_registry import ClusteringRegistry

    check_supported(model, ClusteringRegistry.supports, "clustered")


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Cluster all kernels, starting from k-means++ centroids, and fine-tune; zeros of a pruned model stay zero."""
    from tensorflow_model_optimization.clustering import keras as clustering

    frozen: list[Any] = []
    wrapped = _wrapped(model, int(step.amount or 0), is_pruned(model), frozen)
    fine_tune(wrapped, task, METHOD.epochs, _LEARNING_RATE)
    stripped = clustering.strip_clustering(wrapped)
    for layer in frozen:
        layer.trainable = True
    return stripped


def _wrapped(model: Any, clusters: int, keep_zeros: bool, frozen: list[Any]) -> Any:  # noqa: ANN401
    """Wrap each layer with as many clusters as are wanted, or as its smallest kernel has values.

    A layer with fewer values than can be clustered is frozen instead.
    """
    from tensorflow_model_optimization.clustering.keras import CentroidInitialization
    from tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster import cluster_weights

    def wrap(layer: Any) -> Any:  # noqa: ANN401
        if not layer.trainable_weights:
            return layer
        values = min((np.unique(w).size for w in layer.get_weights() if w.ndim >= 2), default=clusters)
        if values < _LEAST and layer.trainable:
            layer.trainable = False
            frozen.append(layer)
        if values < _LEAST:
            return layer
        return cluster_weights(
            layer,
            number_of_clusters=min(clusters, values),
            cluster_centroids_init=CentroidInitialization.KMEANS_PLUS_PLUS,
            preserve_sparsity=keep_zeros,
        )

    return rewrap(model, wrap)


METHOD = Method(
    name="cluster",
    title="limits each kernel to a few distinct values (weight clustering)",
    apply=apply,
    check=check_model,
    epochs=4,
    amount=Amount(16, _LEAST, 256, "number of distinct values per kernel", is_whole=True),
    keeps_layers=True,
)
