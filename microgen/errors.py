"""Every failure that a user can meet: one line that says what and where, one hint, one exit code.

    MicrogenError            what all have in common
     |-- InputError          a model, board, data set or option cannot be used          exit code 2
     |    `-- DoesNotFit     a memory of the board is too small (`deployment.fit`)
     |-- EngineError         LiteRT, TFLM or the converter refused, crashed or hung      exit code 2
     |    `-- DeviceError    the firmware refused, answered nonsense, or is gone
     `-- SetupError          this machine lacks a compiler, a package, a port           exit code 3

Text names parameters by `option` and commands by `command`, which the reader of an error sees in its own language: a
Python program reads `samples=0`, and the command line, which has its own `Spelling`, prints a flag.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from typing_extensions import Unpack

# What encloses the names that `option` and `command` put into a text. Whatever else has such characters is escaped.
_OPTION, _COMMAND, _NEXT = "\0", "\1", "\2"
_IS_OPTION = re.compile("\0([+-]?)([a-z_]+)\0([^\0]*)\0")
_IS_COMMAND = re.compile("\1([a-z_]+)\1([^\1]*)\1")


class Spelling(Protocol):
    """How parameters and commands are written for a reader."""

    def option(self, name: str, value: str | bool) -> str:
        """Return a parameter with its value; "" for no value, a bool for a switch."""

    def command(self, name: str, arguments: Sequence[str]) -> str:
        """Return a call of a public function, its arguments spelled already."""


class _Python:
    def option(self, name: str, value: str | bool) -> str:
        return f"{name}={value}"

    def command(self, name: str, arguments: Sequence[str]) -> str:
        return f"microgen.{name}({', '.join(arguments)})"


PYTHON: Spelling = _Python()


def option(name: str, value: object = "") -> str:
    """Return a parameter for the text of an error, to be written as its reader writes it; see `spell`.

    Args:
        name: the parameter of the public function.
        value: what it has or should have; a bool for a switch; "" to name the parameter only. Of a value that was
            read from text, the text is its attribute `written`.
    """
    sign = "+" if value is True else "-" if value is False else ""
    text = "" if sign else visible(str(getattr(value, "written", value)))
    return _OPTION + sign + name + _OPTION + text + _OPTION


def command(name: str, *arguments: str) -> str:
    """Return the call of a public function for the text of an error.

    Args:
        name: the function, `build` for example.
        arguments: plain text, or what `option` returns.
    """
    return _COMMAND + name + _COMMAND + _NEXT.join(arguments) + _COMMAND


def spell(text: str, spelling: Spelling = PYTHON) -> str:
    """Return a text with its parameters and commands as this spelling writes them."""

    def option_text(match: re.Match[str]) -> str:
        sign, name, value = match.groups()
        return spelling.option(name, sign == "+" if sign else value)

    def command_text(match: re.Match[str]) -> str:
        return spelling.command(match[1], match[2].split(_NEXT))

    return _IS_COMMAND.sub(command_text, _IS_OPTION.sub(option_text, text))


class ErrorData(TypedDict, total=False):
    """The keyword arguments that all errors share; see `MicrogenError`."""

    option: str | None
    path: str | Path | None
    tensor: str | None
    operator: str | None
    layer: str | None


class MicrogenError(Exception):
    """A failure with a message, a hint and the exit code of the command that meets it.

    Attributes:
        message: one line with the failure and its place.
        hint: one line with the remedy.
        exit_code: 1 diverged, 2 bad input, 3 the environment lacks something.
        option: the parameter whose value cannot be used; None for no particular one, as for all that follow.
        path: the file or folder that cannot be used.
        tensor: the name of the tensor in the model that the error is about.
        operator: the operator by its name in the schema, "CONV_2D" for example.
        layer: the name of the layer of the Keras model.
        template: message and hint as they were written, for `spell`.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        value: object = None,
        option: str | None = None,
        path: str | Path | None = None,
        tensor: str | None = None,
        operator: str | None = None,
        layer: str | None = None,
    ) -> None:
        """Make an error.

        Args:
            message, hint: text, of as many lines as it comes in.
            value: what `option` has; the message begins with both then.
            option, path, tensor, operator, layer: see the attributes.
        """
        if option is not None and value is not None:
            message = f"{_option(option, value)}: {message}"
        self.template = message, hint
        self.message, self.hint = self.spelled(PYTHON)
        super().__init__(self.message)
        if sys.version_info >= (3, 11):
            self.add_note(f"hint: {self.hint}")  # a traceback prints it
        self.option = option
        self.path = None if path is None else str(path)
        self.tensor = tensor
        self.operator = operator
        self.layer = layer

    @property
    def data(self) -> ErrorData:
        """What the error is about, as keyword arguments of another."""
        return {
            "option": self.option,
            "path": self.path,
            "tensor": self.tensor,
            "operator": self.operator,
            "layer": self.layer,
        }

    def spelled(self, spelling: Spelling) -> tuple[str, str]:
        """Return message and hint as this spelling writes them, one line each."""
        message, hint = (one_line(spell(text, spelling)) for text in self.template)
        return message, hint


_option = option  # the parameter of that name hides the function in MicrogenError.__init__


class InputError(MicrogenError):
    """A model, board, data set or option that cannot be used (exit code 2)."""


class EngineError(MicrogenError):
    """An engine (LiteRT, TFLM, the converter) refused, crashed or hung on this input (exit code 2).

    Attributes:
        engine: its name.
        reason: the message without the name.
        log: what it printed.
    """

    def __init__(self, engine: str, reason: str, hint: str, log: str = "", **data: Unpack[ErrorData]) -> None:
        super().__init__(f"{engine}: {reason}", hint, **data)
        self.engine = engine
        self.reason = spell(reason)
        self.log = log


class DeviceError(EngineError):
    """The firmware refused, answered nonsense, or is gone (exit code 2)."""

    def __init__(self, reason: str, hint: str, **data: Unpack[ErrorData]) -> None:
        super().__init__("firmware", reason, hint, **data)


class SetupError(MicrogenError):
    """This machine lacks something: a compiler, a package, a port (exit code 3)."""

    exit_code = 3


def one_line(text: str) -> str:
    """Fold white space and escape control characters, so that a message stays on its line; see `visible`."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    r"""Escape what a terminal would act on instead of showing it, as Python writes it in a string: \x1b, \u202e, \n.

    These are the characters that Unicode counts as "other" or "separator", but the space: control and format
    characters (among them those that turn the direction of writing, Unicode Standard Annex 9), surrogates and
    unassigned ones. The names in a model file come from whoever made it.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the hint to a name that is not known: the nearest that is, or else what to say where none is near."""
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"did you mean '{near[0]}'?" if near else otherwise


def nearest_path(path: Path, hint: str) -> str:
    """Return the hint to a path that does not exist: the nearest name in its folder, if one is near, before `hint`."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return hint
    near = difflib.get_close_matches(path.name, sorted(names), 1, cutoff=0.8)
    return f"did you mean '{path.with_name(near[0])}'? If not, {hint}" if near else hint


def last_words(log: str) -> str:
    """Return the line of an engine's output that most likely says why it stopped."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    lines = [x for x in lines if not x.startswith(("INFO:", "I0000", "WARNING:", "Traceback", "File ", "^", "~"))]
    return one_line(lines[-1])[:300] if lines else ""
