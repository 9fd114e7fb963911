"""The client of a firmware: MLPerf Tiny's serial commands and microgen's own, over any transport."""

from .client import Client, DutError, Inference, SelfTest
from .port import BAUD, SerialPort
from .recording import Recorder, Replay
from .transport import HostProcess, Transport

__all__ = [
    "BAUD",
    "Client",
    "DutError",
    "HostProcess",
    "Inference",
    "Recorder",
    "Replay",
    "SelfTest",
    "SerialPort",
    "Transport",
]
