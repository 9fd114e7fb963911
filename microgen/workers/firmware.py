"""The process in which a compiled firmware runs: its standard input and output are the serial port.

It runs as a script (`devices.transport.firmware_process`), so it imports nothing of the package: it starts in a quarter
of the time.

Arguments: the firmware's library; TFLM's library, or "" where the firmware needs none; for a firmware with TFLM, a
file into which the model array is written as it lies in the compiled firmware, before it starts (of several models: the
second into that file with a 1 behind its name, and so on); and, for a firmware that can (`microgen_keep_tensors`), a
file for what its operators write, and in how many inferences. What stands in place of its sensor may follow: see
`microgen.devices.connection.Feed`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

BAD_INPUT = 2  # the exit code of an InputError
SELFTEST_FAILED = 70


def main() -> None:
    """Load TFLM and the firmware, check that they fit each other, run the firmware until its input ends."""
    library, tflm, array, tensors, inferences, *feed = sys.argv[1:]
    # What C++ code prints must not get between the answers of the serial port.
    serial_out = os.dup(1)
    os.dup2(2, 1)
    if tflm:
        ctypes.CDLL(tflm, mode=ctypes.RTLD_GLOBAL)
    try:
        firmware = ctypes.CDLL(library)
    except OSError as error:
        print(_unresolved(str(error)), file=sys.stderr, flush=True)
        os._exit(BAD_INPUT)
    if tflm:
        _check_tflm(firmware)
        for number, data in enumerate(_model_arrays(firmware)):
            Path(f"{array}{number or ''}").write_bytes(data)
    if hasattr(firmware, "microgen_keep_tensors"):
        firmware.microgen_keep_tensors(os.fsencode(tensors), int(inferences))
    if feed:
        values, trace, axes, moments = feed
        if not firmware.microgen_host_feed(os.fsencode(values), os.fsencode(trace), int(axes), int(moments)):
            print("the file that stands for the sensor cannot be opened", file=sys.stderr, flush=True)
            os._exit(BAD_INPUT)
    firmware.microgen_host_run(0, serial_out)
    os._exit(0)


def _check_tflm(firmware: ctypes.CDLL) -> None:
    """End the process where TFLM is not as it was declared to the firmware."""
    firmware.microgen_selftest.restype = ctypes.c_char_p
    reason = firmware.microgen_selftest().decode("utf-8", "replace")
    if reason:
        print(
            f"the declared TFLM API and the tflite-micro package disagree: {reason}",
            file=sys.stderr,
            flush=True,
        )
        os._exit(SELFTEST_FAILED)


def _model_arrays(firmware: ctypes.CDLL) -> Iterator[bytes]:
    """Yield the bytes of each model as they lie in the compiled firmware."""
    size = ctypes.c_size_t()
    firmware.microgen_model_data.restype = ctypes.c_void_p
    for number in itertools.count():
        address = firmware.microgen_model_data(number, ctypes.byref(size))
        if address is None:
            return
        yield ctypes.string_at(address, size.value)


def _unresolved(message: str) -> str:
    """Say what the loader's message means to who wrote the firmware."""
    _, separator, symbol = message.partition("undefined symbol: ")
    if not separator:
        return message
    demangle = ctypes.CDLL(None).__cxa_demangle
    demangle.restype = ctypes.c_char_p
    plain = demangle(symbol.encode(), None, None, None)
    name = plain.decode("utf-8", "replace") if plain else symbol
    return f"the firmware calls {name}, which does not exist on this machine: guard it with #ifndef MICROGEN_HOST"


if __name__ == "__main__":
    main()
