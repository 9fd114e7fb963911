"""The serial port of the board that is plugged in, for the tools of several kinds of project."""

from __future__ import annotations

from ..devices.serial_port import require_pyserial
from ..errors import SetupError, option


def only_port(upload: str) -> str:
    """Return the serial port of the USB device that is plugged in.

    Args:
        upload: what a person has to do so that uploading works, for the hint.

    Raises:
        SetupError: there is none, there are several, or pyserial is missing.
    """
    require_pyserial("the board's port cannot be detected")
    from serial.tools import list_ports

    ports = sorted(p.device for p in list_ports.comports() if p.vid is not None)
    if not ports:
        raise SetupError("no board found: no USB serial port exists", f"plug in the board; {upload}", option="port")
    if len(ports) > 1:
        raise SetupError(
            f"several serial ports: {', '.join(ports)}", f"choose one with {option('port')}", option="port"
        )
    return str(ports[0])
