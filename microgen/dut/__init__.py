"""The device under test: a project's firmware wherever it runs, spoken to in serial commands."""

from .client import Client, DutError, Inference, SelfTest
from .connection import HOST, connected, host_command, host_firmware
from .port import BAUD, SerialPort
from .recording import Recorder, Replay
from .transport import HostProcess, Transport

__all__ = [
    "BAUD",
    "HOST",
    "Client",
    "DutError",
    "HostProcess",
    "Inference",
    "Recorder",
    "Replay",
    "SelfTest",
    "SerialPort",
    "Transport",
    "connected",
    "host_command",
    "host_firmware",
]
