"""The members of a door: what ships with microgen, imported when first asked for, and what a program adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from ..errors import InputError, nearest


class Named(Protocol):
    """What a registry keeps."""

    @property
    def name(self) -> str:
        """The name that users and manifests have for it."""


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Members by name.

    Args:
        kind: what a member is called in messages, "runtime" for example.
        shipped: for each member that comes with microgen, a function that imports and returns it.
    """

    def __init__(self, kind: str, shipped: Mapping[str, Callable[[], T]]) -> None:
        self._kind = kind
        self._load: dict[str, Callable[[], T]] = dict(shipped)

    @property
    def names(self) -> list[str]:
        """The names of all members, sorted."""
        return sorted(self._load)

    def __iter__(self) -> Iterator[T]:
        """Return all members: those that ship, in their order, then those that were added."""
        return iter([load() for load in self._load.values()])

    def register(self, member: T) -> None:
        """Add a member.

        Raises:
            InputError: its name is taken.
        """
        if member.name in self._load:
            raise InputError(f"{self._kind} '{member.name}' already exists", "give it a different name")
        self._load[member.name] = lambda: member

    def unregister(self, name: str) -> None:
        """Remove a member that `register` added.

        Raises:
            InputError: no member has this name.
        """
        self.get(name)
        del self._load[name]

    def get(self, name: str) -> T:
        """Return a member.

        Raises:
            InputError: no member has this name; the hint suggests the nearest.
        """
        if name not in self._load:
            hint = nearest(name, self._load, f"one of {', '.join(self.names)}")
            raise InputError(f"there is no {self._kind} '{name}'", hint)
        return self._load[name]()
