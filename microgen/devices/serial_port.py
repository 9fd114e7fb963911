"""A serial port, also one behind a network: /dev/ttyUSB0, COM3, a pseudo terminal, tcp://, socket://, rfc2217://."""

from __future__ import annotations

import errno
import importlib.util
import os
from typing import Any
from urllib.parse import urlsplit

from .. import defaults
from ..errors import InputError, SetupError, nearest, option
from .transport import COMMAND_BYTES

_WRITE_TIMEOUT_S = 10.0
# pyserial may touch the port's settings when its time-out changes, so that one stays; longer ones are made of it.
_READ_TIMEOUT_S = 0.05
# The places without a port, which a name may be a misspelling of.
_NO_PORTS = ("emulator", "host")
# The URLs that name a host and a port.
_NETWORKS = ("rfc2217", "socket", "tcp")


class SerialPort:
    """A port that pyserial opens; see `Transport`."""

    window = 1
    command_bytes = COMMAND_BYTES
    advice = (
        "check that the board is on and has this project's firmware, that port and baud rate are right, and that no "
        "monitor is open"
    )

    def __init__(self, name: str, baud: int = defaults.BAUD) -> None:
        """Open the port.

        Args:
            name: a port, or a URL of pyserial; tcp://HOST:PORT is short for socket://HOST:PORT.
            baud: bits per second; of no meaning to USB and to networks.

        Raises:
            SetupError: pyserial is missing, or the port cannot be opened.
            InputError: the name or the speed is none.
        """
        if baud < 1:
            raise InputError("not a baud rate", f"omit it for {defaults.BAUD}", option="baud", value=baud)
        is_network = _is_network(name)
        require_pyserial(option("on", name))
        import serial

        self._name = name
        url = name.replace("tcp://", "socket://", 1)
        # What networks do not have.
        options: dict[str, Any] = {} if "://" in url else {"exclusive": True, "write_timeout": _WRITE_TIMEOUT_S}
        try:
            self._port = serial.serial_for_url(url, baudrate=baud, timeout=_READ_TIMEOUT_S, **options)
            self._port.reset_input_buffer()
        except ValueError as error:
            raise InputError(
                str(error), "give a port such as /dev/ttyUSB0 or tcp://host:port", option="on", value=name
            ) from None
        except (OSError, EOFError) as error:
            hint = "check host and port, and that the other side runs"
            if not is_network:
                hint = nearest(name, _NO_PORTS, _ports())
            raise SetupError(f"cannot be opened: {_reason(error)}", hint, option="on", value=name) from None

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._port.write(data)
        except OSError as error:
            raise self._gone(error) from None

    def read(self, timeout_s: float) -> bytes:
        """Return what has come; see `Transport`."""
        try:
            for _ in range(max(1, round(timeout_s / _READ_TIMEOUT_S))):
                data = self._port.read(1)
                if data:
                    return bytes(data) + bytes(self._port.read(self._port.in_waiting))
        except (OSError, TypeError) as error:  # pyserial raises TypeError when a port is closed under it
            raise self._gone(error) from None
        return b""

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def diagnosis(self) -> str:
        """Return "": the reason why a port closed is unknown."""
        return ""

    def _gone(self, error: Exception) -> SetupError:
        return SetupError(
            f"{self._name}: the port disappeared ({error})",
            "check the cable and the board's power, then run this again",
        )


def require_pyserial(purpose: str) -> None:
    """Raise SetupError if pyserial is missing; its message starts with `purpose`.

    PlatformIO brings pyserial, but maybe into an environment of its own (pipx).
    """
    if importlib.util.find_spec("serial") is None:
        raise SetupError(f"{purpose}: pyserial is not installed", "pip install 'microgen[flash]'")


def _is_network(name: str) -> bool:
    """Tell whether a name is the URL of a port behind a network.

    Raises:
        InputError: it is one without a port.
    """
    scheme, separator, _ = name.partition("://")
    if not separator or scheme not in _NETWORKS:
        return False
    try:
        port = urlsplit(name).port
    except ValueError:  # no number, or too large
        port = None
    if port is None:
        raise InputError(
            "names no port of a network", f"give it from 1 to 65535: {scheme}://HOST:3333", option="on", value=name
        )
    return True


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EAGAIN:
        return "a different program has it open"
    return os.strerror(number) if number else str(error)


def _ports() -> str:
    from serial.tools import list_ports

    ports = [p.device for p in list_ports.comports()]
    return f"available ports: {', '.join(ports)}" if ports else "no serial port found; check the cable and permissions"
