"""Writes a front end's constants and state as C, for firmware/preprocessing/."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import InputError
from .settings import Settings
from .tables import Ints, Tables

_PER_LINE = 12
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
# Of C11 and C++20.
_KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace
new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
"""
# What firmware/preprocessing/ calls its files, types and functions.
_TAKEN = ("logmel", "mfcc", "spectrogram")
_HEADER = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Log-mel features, written by microgen: {rate} Hz, {window} samples every {step}, {channels} channels.
 *
 * RAM {ram} bytes, constants {flash} bytes. */
#ifndef {up}_H
#define {up}_H
#include "logmel.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define {up}_SAMPLE_RATE {rate}
#define {up}_WINDOW {window}
#define {up}_STEP {step}
#define {up}_CHANNELS {channels}

extern logmel {name};

#ifdef __cplusplus
}}
#endif
#endif
"""
_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Constants and state of {name}, written by microgen. */
#include "{name}.h"

{arrays}
static const logmel_tables {name}_tables = {{
{members}
}};

static int16_t {name}_history[{window}];
static uint32_t {name}_spectrum[{half}];
{noise}
logmel {name} = {{&{name}_tables, {name}_history, {name}_spectrum, {noise_name}, 0}};
"""

_MFCC_HEADER = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Cepstral coefficients, written by microgen: {coefficients} of {channels} channels. */
#ifndef {up}_H
#define {up}_H
#include "mfcc.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define {up}_COEFFICIENTS {coefficients}

extern const mfcc_tables {name};

#ifdef __cplusplus
}}
#endif
#endif
"""
_MFCC_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of {name}, written by microgen. */
#include "{name}.h"

{arrays}
const mfcc_tables {name} = {{{channels}, {coefficients}, {name}_cosines}};
"""

_SPECTROGRAM_HEADER = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Levels of {channels} channels, written by microgen. */
#ifndef {up}_H
#define {up}_H
#include "spectrogram.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const spectrogram_tables {name};

#ifdef __cplusplus
}}
#endif
#endif
"""
_SPECTROGRAM_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of {name}, written by microgen. */
#include "{name}.h"

{arrays}
const spectrogram_tables {name} = {{{channels}, {name}_offsets}};
"""


def files(front: Settings, tables: Tables, name: str) -> dict[str, str]:
    """Return header and source of a front end, by file name; see `LogMel.emit`."""
    _check_name(name)
    arrays = _arrays(front, tables)
    numbers = {
        "window": front.window,
        "step": front.step,
        "half": tables.half,
        "channels": front.channels,
        "first_bin": tables.first_bin,
        "level_shift": tables.level_shift,
        "snr_shift": tables.snr_shift,
        "noise_reduction": int(front.noise_reduction),
        "pcan": int(front.pcan),
        "log": int(front.log),
        "even_smoothing": tables.even_smoothing,
        "odd_smoothing": tables.odd_smoothing,
        "floor": tables.floor,
    }
    members = [f"    .{key} = {value}," for key, value in numbers.items()]
    members += [f"    .{key} = {name}_{key}," for key in arrays] + ([] if front.pcan else ["    .gains = 0,"])
    text = {
        "name": name,
        "up": name.upper(),
        "rate": front.sample_rate,
        "window": front.window,
        "step": front.step,
        "channels": front.channels,
        "half": tables.half,
        "ram": ram_bytes(front, tables),
        "flash": flash_bytes(front, tables),
        "arrays": "".join(_array(kind, f"{name}_{key}", values) for key, (kind, values) in arrays.items()),
        "members": "\n".join(members),
        "noise": f"static uint32_t {name}_noise[{front.channels}];\n" if front.estimates_noise else "",
        "noise_name": f"{name}_noise" if front.estimates_noise else "0",
    }
    return {f"{name}.h": _HEADER.format(**text), f"{name}.c": _SOURCE.format(**text)}


def mfcc_files(cosines: Ints, name: str) -> dict[str, str]:
    """Return header and source of a transform [coefficients, channels], by file name."""
    coefficients, channels = cosines.shape
    text = {
        "name": name,
        "up": name.upper(),
        "coefficients": coefficients,
        "channels": channels,
        "arrays": _array("int16_t", f"{name}_cosines", _values(cosines.reshape(-1))),
    }
    return {f"{name}.h": _MFCC_HEADER.format(**text), f"{name}.c": _MFCC_SOURCE.format(**text)}


def spectrogram_files(offsets: Ints, name: str) -> dict[str, str]:
    """Return header and source of what is added to channels, by file name."""
    text = {
        "name": name,
        "up": name.upper(),
        "channels": len(offsets),
        "arrays": _array("int16_t", f"{name}_offsets", _values(offsets)),
    }
    return {f"{name}.h": _SPECTROGRAM_HEADER.format(**text), f"{name}.c": _SPECTROGRAM_SOURCE.format(**text)}


def _arrays(front: Settings, tables: Tables) -> dict[str, tuple[str, list[int]]]:
    """Return the constants of a front end: type and values by name."""
    arrays = {
        "coefficients": ("int16_t", _values(tables.window)),
        "places": ("uint16_t", _values(tables.place)),
        "twiddles": ("uint32_t", _pairs(tables.twiddles)),
        "split": ("uint32_t", _pairs(tables.split)),
        "widths": ("uint16_t", _values(tables.widths)),
        "weights": ("uint16_t", _values(tables.weights)),
    }
    return {**arrays, "gains": ("int16_t", _values(tables.gains))} if front.pcan else arrays


def flash_bytes(front: Settings, tables: Tables) -> int:
    """Return the bytes of flash that the emitted constants take."""
    return sum(_SIZES[kind] * len(values) for kind, values in _arrays(front, tables).values())


def ram_bytes(front: Settings, tables: Tables) -> int:
    """Return the bytes of RAM that the emitted state takes with 32-bit pointers."""
    noise = 4 * front.channels if front.estimates_noise else 0
    return 2 * front.window + 4 * tables.half + noise + 5 * 4


def check_identifier(name: str, reserved: str) -> None:
    """Refuse a name that is not one of C, or that microgen's own file has.

    Raises:
        InputError: says so.
    """
    if not _IDENTIFIER.fullmatch(name) or name == reserved:
        raise InputError(f"name={name}: is not a C identifier, or is reserved", "use letters, digits and _")


def _check_name(name: str) -> None:
    """Refuse what a C or C++ compiler does not take for a name, or would take for one of microgen's own files."""
    if not _IDENTIFIER.fullmatch(name):
        raise InputError(f"name={name}: is not a C identifier", "use letters, digits and _")
    if name in _KEYWORDS.split():
        raise InputError(f"name={name}: is a word of C or C++", "use a different name, such as front_end")
    # Whatever its case: macros are written large, and some systems' files differ by more than that.
    if name.lower().startswith(_TAKEN):
        raise InputError(
            f"name={name}: has a prefix of the names in firmware/preprocessing/",
            "use a different name, such as front_end",
        )


_SIZES = {"int16_t": 2, "uint16_t": 2, "uint32_t": 4}


def _values(array: Ints) -> list[int]:
    return [int(v) for v in array]


def _pairs(array: Ints) -> list[int]:
    """Pack pairs as logmel_pair.h has them: the real part in the lower half."""
    return [(int(im) & 0xFFFF) << 16 | int(re) & 0xFFFF for re, im in array]


def _array(kind: str, name: str, values: list[int]) -> str:
    spelled = [f"0x{v:08x}u" if kind == "uint32_t" else str(v) for v in values or [0]]
    lines = [", ".join(spelled[i : i + _PER_LINE]) for i in range(0, len(spelled), _PER_LINE)]
    return f"static const {kind} {name}[{len(spelled)}] = {{\n{_indented(lines)}}};\n"


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"    {line},\n" for line in lines)
