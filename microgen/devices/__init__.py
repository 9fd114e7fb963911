"""Devices: a project's firmware wherever it runs, controlled by serial commands."""

from ..errors import DeviceError
from .address import ONLY, Address
from .client import Client, Inference, SelfTest
from .connection import HOST, Feed, check_hash, connected, host_command, host_firmware, recorded
from .host_build import Sources
from .layout import Layout
from .recording import Recorder, Replay
from .serial_port import SerialPort
from .transport import HostProcess, Transport

__all__ = [
    "HOST",
    "ONLY",
    "Address",
    "Client",
    "DeviceError",
    "Feed",
    "HostProcess",
    "Inference",
    "Layout",
    "Recorder",
    "Replay",
    "SelfTest",
    "SerialPort",
    "Sources",
    "Transport",
    "check_hash",
    "connected",
    "host_command",
    "host_firmware",
    "recorded",
]
