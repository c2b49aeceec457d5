"""Attributes that are found when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Of = TypeVar("Of")
Found = TypeVar("Found")


class once(Generic[Of, Found]):  # noqa: N801  # Read as a decorator.
    """As `functools.cached_property`, without the lock that it takes in Python 3.11: for values that one thread has."""

    def __init__(self, find: Callable[[Of], Found]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, one: None, owner: type[Any]) -> "once[Of, Found]": ...

    @overload
    def __get__(self, one: Of, owner: type[Any]) -> Found: ...

    def __get__(self, one: Of | None, owner: type[Any]) -> "Found | once[Of, Found]":
        if one is None:
            return self
        found = one.__dict__[self._name] = self._find(one)
        return found
