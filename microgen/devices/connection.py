"""A project's firmware, wherever it runs: compiled for this machine, on a board at a port, or recorded."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import defaults
from ..errors import DeviceError, SetupError
from .address import ONLY, Address
from .client import Client
from .host_build import Sources, compile_firmware
from .recording import Recorder, Replay
from .serial_port import SerialPort
from .transport import HostProcess, Transport, firmware_process

if TYPE_CHECKING:
    from ..tflite import TfliteModel

HOST = "host"
_REPLAY = "replay:"


@dataclass(frozen=True)
class HostFiles:
    """What a program on this machine leaves besides its answers, once it runs.

    Attributes:
        array: the (first) model's array as it lies in the program, for a runtime that has one.
        tensors: what the operators wrote in the first inferences, for a runtime that keeps it; see
            firmware/runtimes/compiled/host/observe.cc.
    """

    array: Path
    tensors: Path

    @classmethod
    def of(cls, work: Path) -> HostFiles:
        """Return the files in a folder."""
        return cls(work / "model.bin", work / "tensors.bin")

    def array_of(self, model: Address) -> Path:
        """Return the file with the array of one of the firmware's models."""
        return self.array.with_name(f"{self.array.name}{model.number or ''}")  # as microgen.workers.firmware writes it


@dataclass(frozen=True)
class Feed:
    """A file in place of a sensor.

    Attributes:
        values: the file: 16-bit numbers, little-endian.
        trace: the file for what the application makes of them; `Trace` reads it.
        axes: numbers of a moment.
        moments: so many come at once; 0: each waits until it is read.
    """

    values: Path
    trace: Path
    axes: int
    moments: int


def host_command(project: Sources, work: Path, kept_inferences: int = 0, feed: Feed | None = None) -> list[str]:
    """Compile a project for this machine and return the command whose standard input and output are its serial port.

    Args:
        project: the project's sources.
        work: an existing folder, in which `HostFiles` land.
        kept_inferences: in how many inferences the tensors are kept.
        feed: what stands for the sensor; the program ends with it.

    Raises:
        InputError: it does not compile.
        SetupError: this machine cannot run firmware.
    """
    if project.host.obstacle:
        raise SetupError(
            f"firmware cannot run here: {project.host.obstacle}", "`microgen doctor` lists what is missing"
        )
    firmware, files = compile_firmware(project, work), HostFiles.of(work)
    return firmware_process(
        str(firmware),
        str(project.host.library or ""),
        str(files.array),
        str(files.tensors),
        str(kept_inferences),
        *([str(feed.values), str(feed.trace), str(feed.axes), str(feed.moments)] if feed else []),
    )


@contextlib.contextmanager
def host_firmware(
    project: Sources, *, record: Path | None = None, kept_inferences: int = 0
) -> Iterator[tuple[Client, HostFiles]]:
    """Run a project's firmware on this machine.

    Args:
        project: the project's sources.
        record: file to write the session to.
        kept_inferences: in how many inferences the tensors are kept.

    Returns:
        A client, and the files that the program leaves.

    Raises:
        InputError, SetupError: see `host_command`.
    """
    with tempfile.TemporaryDirectory(prefix="microgen-host-") as folder:
        work = Path(folder)
        transport = HostProcess(host_command(project, work, kept_inferences), work / "firmware.log")
        with Client(recorded(transport, record)) as client:
            yield client, HostFiles.of(work)


@contextlib.contextmanager
def connected(
    project: Sources,
    model: TfliteModel,
    on: str = HOST,
    *,
    address: Address = ONLY,
    baud: int = defaults.BAUD,
    record: Path | None = None,
) -> Iterator[Client]:
    """Connect to a firmware that has this project's model, and select that model.

    Args:
        project: the project's sources.
        model: its model.
        on: "host"; a serial port; tcp://HOST:PORT, socket:// or rfc2217://; replay:FILE.
        address: of the model.
        baud: the port's speed.
        record: file to write the session to.

    Raises:
        DeviceError: nothing answers, or the firmware has a different model; on the host, also a wrong compiled array.
        SetupError: the port cannot be opened, or this machine cannot run firmware.
        InputError: the recording or the project cannot be used.
    """
    if on == HOST:
        with host_firmware(project, record=record) as (client, files):
            array = files.array_of(address)
            try:
                client.connect()
            except DeviceError:
                _check_array(project, array, model)  # a damaged model may be why it does not answer
                raise
            _check_array(project, array, model)
            client.address(address)
            check_hash(client, on, model.sha256, "build the project again")
            yield client
        return
    replayed = Path(on.removeprefix(_REPLAY))
    transport: Transport = Replay(replayed) if on.startswith(_REPLAY) else SerialPort(on, baud)
    with Client(recorded(transport, record)) as client:
        client.connect()
        client.address(address)
        check_hash(client, on, model.sha256, f"flash this project: microgen flash {project.folder}")
        yield client


def check_hash(client: Client, on: str, model_sha256: str, remedy: str) -> None:
    """Reject a firmware whose model is not the project's.

    Raises:
        DeviceError: the models differ; `remedy` is the hint.
    """
    sha256 = client.hash()
    if sha256 != model_sha256:
        raise DeviceError(
            f"{on} has a different model from the project: '{client.model()}', SHA-256 {sha256[:12]}..., "
            f"not {model_sha256[:12]}...",
            remedy,
        )


def _check_array(project: Sources, array: Path, model: TfliteModel) -> None:
    """Reject a program whose compiled model array is not the project's model, whatever hash it names."""
    from ..tflite import is_flashed  # with NumPy, which the command line's help does without

    if array.exists() and not is_flashed(array.read_bytes(), model):
        raise DeviceError(
            f"{project.folder}: the compiled model array differs from the project's model",
            f"{project.layout.model} was edited; build the project again. "
            f"microgen verify {project.folder} shows the difference",
        )


def recorded(transport: Transport, record: Path | None) -> Transport:
    """Return a transport that writes the session to a file, where one is given.

    Raises:
        InputError: the file cannot be written; the transport is closed then.
    """
    if record is None:
        return transport
    try:
        return Recorder(transport, record)
    except BaseException:
        transport.close()
        raise
