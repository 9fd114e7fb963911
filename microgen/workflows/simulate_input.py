"""The public function `simulate_input`: a recording through a project's firmware, in place of its sensor."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from .. import projects as project
from ..datasets.recording import Recording
from ..devices import HOST, DeviceError, Feed, Sources, host_command
from ..devices.emulator import EMULATOR
from ..devices.streaming import stream
from ..devices.trace import Trace, read_trace
from ..errors import last_words
from ..projects.manifest import project_application, project_model, project_sources
from .device import firmware_of, open_device
from .emulated_recording import as_bytes, block, emulate

_COMMANDS = ("m-", "microgen: ")
_BY_HAND = "run it by hand: microgen simulate PROJECT"


@dataclass(frozen=True)
class Simulation:
    """What a firmware did with a recording.

    Attributes:
        name: the firmware's name.
        path: the recording's file.
        recording: what the firmware was given.
        trace: what its application made of it; `seconds` gives the times of its positions.
        printed: the lines that it printed, without those of the serial commands.
        frames: shape (frames, numbers): what goes into the model, in the input's type.
        labels: of the scores.
        cutoff: that a mean score has to be above, 0 to 1.
        on: where it ran: "host", "emulator", or a port.
        ignored: labels that are never detected.
    """

    name: str
    path: Path
    recording: Recording
    trace: Trace
    printed: tuple[str, ...]
    frames: npt.NDArray[Any]
    labels: tuple[str, ...]
    cutoff: float
    on: str = HOST
    ignored: tuple[str, ...] = ()

    @property
    def load(self) -> float | None:
        """The part of the recording's time that the CPU worked, estimated for an emulated one; None on this machine."""
        return self.trace.busy_us / 1e6 / self.recording.seconds if self.trace.busy_us is not None else None

    def seconds(self, position: int) -> float:
        """Return the time in the recording at which a position of the trace was reached."""
        return self.trace.passed(position) / self.recording.rate_hz

    def to_json(self) -> dict[str, Any]:
        """Return what was found as plain data."""
        trace, rate = self.trace, self.recording.rate_hz
        return {
            "input": str(self.path),
            "on": self.on,
            "seconds": round(self.recording.seconds, 6),
            "rate_hz": rate,
            "warnings": list(self.recording.notes),
            "detections": [
                {"time_s": round(self.seconds(d.position), 6), "label": d.label, "score": round(d.score, 6)}
                for d in trace.detected
            ],
            "lost": trace.lost,
            "load": None if self.load is None else round(self.load, 4),
            "scores": {
                "time_s": [round(self.seconds(int(p)), 6) for p in trace.score_positions],
                "score": [[round(float(s), 6) for s in row] for row in trace.scores],
                "mean": [[round(float(s), 6) for s in row] for row in trace.means],
            },
            "printed": list(self.printed),
        }


def simulate_input(
    path: str | Path,
    input: str | Path,
    *,
    on: str = HOST,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_part: Callable[[int, int], None] = lambda done, total: None,
) -> Simulation:
    """Stream a file through the firmware of a project, in place of its sensor.

    Time is the recording's. On an emulated CPU, the recording continues while the firmware computes, for the time that
    is estimated for the board: values that come too fast are lost, as on the board. A board at a port gets them over
    its serial commands, which wait for it: nothing is lost, and `load` shows whether the board would keep up.

    Args:
        path: the project's folder, of an application that reads a sensor.
        input: the file: WAV for a microphone, CSV for a motion sensor, an image or a folder of images for a camera.
        on: "host", "emulator", or where a board is; see `microgen.verify`.
        baud: a port's speed.
        record: file to write a port's session to.
        on_step: called with what is done next, for a progress display.
        on_part: called with how many bytes of how many a board has taken.

    Raises:
        InputError: not such a project, or the file cannot be used.
        SetupError: this machine cannot run firmware, or the port cannot be opened.
        DeviceError: the firmware ended before the recording did, is of another project, or the line is too noisy.
    """
    opened = project.open_project(path)
    application = project_application(opened)
    recording = application.recording(Path(input))
    if on not in (HOST, EMULATOR):
        on_step(f"sending it to {on}")
        with open_device(opened, project_model(opened), on, baud=baud, record=record) as client:
            sent = stream(client, recording.values, recording.rate_hz, _labels(opened), on_part)
            own = tuple(client.own_lines)
        return _simulation(opened, Path(input), recording, sent, own, on)
    with tempfile.TemporaryDirectory(prefix="microgen-simulate-") as folder:
        work = Path(folder)
        on_step("compiling the firmware for " + ("this machine" if on == HOST else "an emulated CPU"))
        if on == HOST:
            printed, trace = _run(project_sources(opened), work, recording, on_step)
        else:
            printed, trace = emulate(firmware_of(opened), work, recording, on_step)
        return _simulation(opened, Path(input), recording, read_trace(trace), _own_lines(printed), on)


def _labels(opened: project.Project) -> tuple[str, ...]:
    """Return what the scores of a project's model stand for, as its firmware calls them."""
    labels = tuple(map(str, opened.manifest.get("labels", ())))
    classes = project_model(opened).outputs[0].elements
    options = opened.manifest["application_options"]
    is_error = float(options.get("threshold", 0)) > 0
    if len(labels) == classes and not is_error:
        return labels
    if classes == 1 or is_error:
        return (str(options["label"]),)
    return tuple(f"class {number:05}" for number in range(classes))


def _simulation(
    opened: project.Project, path: Path, recording: Recording, trace: Trace, own: tuple[str, ...], on: str
) -> Simulation:
    model, options = project_model(opened), opened.manifest["application_options"]
    data = np.frombuffer(b"".join(trace.frames), model.inputs[0].numpy_dtype)
    frames = data.reshape(len(trace.frames), -1 if trace.frames else 0)
    labels, cutoff = _labels(opened), float(options["cutoff"])
    ignored = tuple(label.strip() for label in str(options.get("ignore", "")).split(","))
    return Simulation(model.name, path, recording, trace, own, frames, labels, cutoff, on, ignored)


def _run(sources: Sources, work: Path, recording: Recording, on_step: Callable[[str], None]) -> tuple[bytes, Path]:
    """Run the firmware on this machine; return what it printed, and the file of its trace."""
    feed = Feed(work / "sensor.in", work / "trace", *block(recording))
    feed.values.write_bytes(as_bytes(recording))
    command = host_command(sources, work, feed=feed)
    on_step("running it")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        reason = last_words(done.stderr.decode("utf-8", "replace"))
        raise DeviceError(
            f"the firmware ended with code {done.returncode} before the recording did: {reason}", _BY_HAND
        )
    return done.stdout, feed.trace


def _own_lines(printed: bytes) -> tuple[str, ...]:
    """Return the lines that are not those of the serial commands."""
    lines = printed.decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line and not line.startswith(_COMMANDS))
