"""Every failure that a user can meet: one line that says what and where, one hint, one exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MicrogenError(Exception):
    """A failure with a message, a hint and the exit code of the command that meets it.

    Attributes:
        message: one line that says what failed and where.
        hint: one line that says what to do about it.
        exit_code: 1 diverged, 2 bad input, 3 the environment lacks something.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = one_line(hint)


class InputError(MicrogenError):
    """A model, board, data set or option that cannot be used (exit code 2)."""


class EngineError(MicrogenError):
    """An engine (LiteRT, TFLM, the converter) refused, crashed or hung on this input (exit code 2)."""

    def __init__(self, engine: str, reason: str, hint: str, log: str = "") -> None:
        super().__init__(f"{engine}: {reason}", hint)
        self.engine = engine
        self.reason = reason
        self.log = log


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


def last_words(log: str) -> str:
    """Return the line of an engine's output that most likely says why it stopped."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    lines = [x for x in lines if not x.startswith(("INFO:", "I0000", "WARNING:", "Traceback", "File ", "^", "~"))]
    return one_line(lines[-1])[:300] if lines else ""
