"""Finds the layers of a Keras file that may crash the converter; the job runs in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .file import layers_of, read_keras_file

# Layers that unroll into a loop, or mask steps of one: some of them crash the converter.
_LOOPING = frozenset(
    {"Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "GRU", "LSTM", "Masking", "RNN", "SimpleRNN", "TimeDistributed"}
)


@dataclass(frozen=True)
class LoopsRequest:
    """A .keras or .h5 file."""

    path: Path


@dataclass(frozen=True)
class LoopsReply:
    """The name and class of each layer that is a loop, or masks steps of one."""

    layers: tuple[tuple[str, str], ...]


def find_loops(request: LoopsRequest) -> LoopsReply:
    """Read a file's description, and return its loops."""
    layers = layers_of(read_keras_file(request.path).config)
    return LoopsReply(tuple((name, kind) for name, kind in layers if kind in _LOOPING))
