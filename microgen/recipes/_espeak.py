"""Runs espeak-ng's library on many texts: as the program says each, without its start, which takes ten times as long.

Imports nothing but the standard library, and is run as a program of its own. It reads a JSON list of [text, voice,
speed, pitch], and writes for each how many bytes follow, and 16-bit samples. Each is said by a fork of this process,
because the library's answer depends on what it said before.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from typing import Any, BinaryIO

LENGTH = "<I"
_LIBRARIES = ("libespeak-ng.so.1", "libespeak-ng.dylib")
# espeak_AUDIO_OUTPUT, espeak_PARAMETER, espeak_POSITION_TYPE and the flags, of speak_lib.h; as the program has them.
_SYNCHRONOUS, _RATE, _PITCH, _CHARACTERS, _FLAGS = 2, 1, 3, 1, 0x1100
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """The properties by which a voice is looked for: espeak_VOICE."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def main() -> None:
    """Say everything, or end with exit code 1."""
    library = _load()
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
    if rate <= 0:
        raise OSError("espeak-ng has no data")
    library.espeak_ListVoices(None)  # read once, not by each fork
    out = sys.stdout.buffer
    out.write(struct.pack(LENGTH, rate))
    for saying in json.load(sys.stdin):
        out.flush()
        pid = os.fork()
        if pid == 0:
            try:
                _say(library, out, *saying)
            finally:
                os._exit(1)
        if os.waitpid(pid, 0)[1]:
            raise OSError(f"espeak-ng does not say {saying}")


def _load() -> Any:  # noqa: ANN401 - a library has no types
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    raise OSError("no library of espeak-ng")


def _say(library: Any, out: BinaryIO, text: str, voice: str, speed: int, pitch: int) -> None:  # noqa: ANN401
    said = bytearray()

    def hear(samples: int | None, count: int, events: object) -> int:
        if samples:
            said.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _CALLBACK(hear)  # lives as long as it is called
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        wanted = _Voice(languages=voice.encode())
        if library.espeak_SetVoiceByProperties(ctypes.byref(wanted)):
            return
    library.espeak_SetParameter(_RATE, speed, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    spoken = text.encode() + b"\0"
    if library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, _CHARACTERS, 0, _FLAGS, None, None) or not said:
        return
    out.write(struct.pack(LENGTH, len(said)) + said)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
