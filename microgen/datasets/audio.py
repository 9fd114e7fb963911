"""WAV files as samples, or as log-mel frames, at the rate that the model takes."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, command, option
from ..preprocessing.log_mel import LogMel, to_int16
from .arrays import Array, InputSpec, Targets
from .folders import SUFFIXES, representative_files
from .limits import AUDIO_S

_BLOCK_BYTES = 2**20
_WIDEST = 4


def read_audio(values: Mapping[str, Any], spec: InputSpec, seed: int, most: int) -> tuple[Array, Targets]:
    """Read WAV files: as samples of -1 to 1 where the input has one dimension, else as log-mel frames.

    Args:
        values: of a request: "path" of the folder, "sample_rate" in Hz.
        spec: the model's input.
        seed, most: seed and limit of the choice of files.

    Returns:
        Samples of the input's shape, float32; the class of each where subfolders name it.

    Raises:
        InputError: the input is no audio, or a file is no WAV of that rate.
    """
    rate = int(values["sample_rate"])
    shape = spec.shape[:-1] if spec.shape and spec.shape[-1] == 1 and len(spec.shape) > 1 else spec.shape
    if len(shape) not in (1, 2) or None in shape:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, which is neither audio nor frames of audio",
            "for WAV files, the input is [samples], or [frames, mel channels]",
        )
    length, front = int(shape[0] or 0), None
    if len(shape) == 2:
        front = _front_end(rate, int(shape[1] or 0))
        length = front.samples_of(length)
    if length > AUDIO_S * rate:
        raise InputError(
            f"input '{spec.name}' takes {length / rate:,.0f} s of audio, more than the limit of {AUDIO_S} s",
            "use a model with a smaller input",
        )
    files, targets = representative_files(Path(values["path"]), SUFFIXES["wav"], seed, most)
    recordings = []
    for file in files:
        samples = read_wav(file, rate, length)
        taken = np.pad(samples, (0, length - len(samples)))  # silence
        recordings.append(front.frames(to_int16(taken)).astype(np.float32) if front else taken)
    return np.stack(recordings).reshape(len(files), *(int(d or 0) for d in spec.shape)), targets


def _front_end(rate: int, channels: int) -> LogMel:
    """Return the front end of the recipe `keyword`, for another sample rate or number of channels."""
    try:
        return LogMel(rate, step_ms=20, channels=channels, noise_reduction=False, pcan=False)
    except InputError as error:
        raise InputError(
            f"no {channels} log-mel channels can be computed: {error.message}",
            "convert the files to 16000 Hz, or give the features as arrays",
            option="sample_rate",
            value=rate,
        ) from None


def read_wav(path: Path, rate: int, most: int) -> npt.NDArray[np.float32]:
    """Read the beginning of a WAV file of PCM, 8, 16, 24 or 32 bits, its channels averaged.

    Args:
        path: the file.
        rate: in Hz, what it must have.
        most: how many samples are read.

    Returns:
        Shape (n,), n up to `most`, from -1 to 1.

    Raises:
        InputError: it is not such a file.
    """
    parts: list[npt.NDArray[np.float64]] = []
    try:
        with wave.open(str(path), "rb") as stream:
            width, channels, found = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            if found != rate:
                raise InputError(
                    f"{path}: has {found} Hz, but the model needs {rate} Hz",
                    "convert the file, or build the model with the rate that it was trained with: "
                    f"{command('build', 'MODEL', option('sample_rate', found))}",
                    path=path,
                )
            if width > _WIDEST:
                raise InputError(f"{path}: has {8 * width} bits per sample", "convert it to 16-bit PCM", path=path)
            frame = width * channels
            while most > 0:
                data = stream.readframes(min(most, max(1, _BLOCK_BYTES // frame)))
                data = data[: len(data) // frame * frame]
                if not data:
                    break
                parts.append(mixed(data, width, channels))
                most -= len(parts[-1])
    except InputError:
        raise
    except Exception as error:  # a damaged file raises what it is not: wave.Error, EOFError, struct.error
        raise InputError(f"{path}: not a WAV file of PCM ({error})", "convert it to 16-bit PCM", path=path) from None
    if not parts:
        raise InputError(f"{path}: has no samples", "remove the file", path=path)
    return np.concatenate(parts).astype(np.float32)


def mixed(data: bytes, width: int, channels: int) -> npt.NDArray[np.float64]:
    """Return frames of PCM, `width` bytes per sample, as samples of -1 to 1, the channels averaged."""
    raw = np.frombuffer(data, np.uint8).reshape(-1, width)
    if width == 1:
        signed = (raw[:, 0].astype(np.int32) - 128) << 24
    else:
        padded = np.zeros((len(raw), _WIDEST), np.uint8)
        padded[:, _WIDEST - width :] = raw
        signed = padded.view("<i4")[:, 0]
    mixed: npt.NDArray[np.float64] = signed.reshape(-1, channels).mean(axis=1) / 2**31
    return mixed
