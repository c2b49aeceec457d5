"""Documents are changed: one or several together, as one change that happens or doesn't."""

import asyncio
import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Generic, Literal, NamedTuple, TypeVar

from shared.clock import Clock
from shared.conditions import Refused
from shared.documents.in_force import InForce
from shared.documents.shelf import YAML, Key, Texts, Version, name_of
from shared.pg.uow import UnitOfWork

S = TypeVar("S")
_MOST_LINES: Final = 20_000
_NOTHING: Final[Texts] = {}


class Put(NamedTuple):
    """What shall be in force as a document; without a text it shall be there no more."""

    key: Key
    text: bytes | None
    media_type: str = YAML


class Change(NamedTuple):
    """A document before and after; before it was put there is none, or one that was deleted."""

    before: Version | None
    after: Version

    @property
    def kind(self) -> Literal["create", "update", "delete", "none"]:
        """What becomes of it."""
        if self.before == self.after:
            return "none"
        if self.after.text is None:
            return "delete"
        return "create" if self.before is None or self.before.text is None else "update"


Standing = Callable[[Key, Version | None], None]
"""Raises where a document, or that there is none, is not what the caller has read."""


class Changing(Generic[S]):
    """Changes the documents of a service."""

    def __init__(self, in_force: InForce[S], uow: UnitOfWork, clock: Clock) -> None:
        self._in_force, self._uow, self._clock = in_force, uow, clock

    async def plan(
        self, puts: Sequence[Put], author: str, must_stand: Standing, beside: Texts = _NOTHING
    ) -> tuple[list[Change], S]:
        """What a change would do, and what would be in force then. Raises `Refused` where it can't be, and what
        `must_stand` raises. `beside` is what other services' documents shall be by then."""
        async with self._uow.begin() as c:
            held = await self._in_force.shelf.current(c)
        changes = self._changes(held, puts, author, must_stand)
        known = self._in_force.texts(held)
        if all(one.kind == "none" for one in changes) and all(known.get(key) == beside[key] for key in beside):
            return changes, self._in_force.now
        return changes, await self._read(held, changes, beside)

    async def apply(self, puts: Sequence[Put], author: str, must_stand: Standing) -> list[Change]:
        """Put all of it in force. Raises as `plan` does, and nothing has changed then."""
        shelf = self._in_force.shelf
        async with self._uow.begin() as c:
            await shelf.lock(c)
            held = await shelf.current(c)
            changes = self._changes(held, puts, author, must_stand)
            if added := [one.after for one in changes if one.kind != "none"]:
                await self._read(held, changes)
                await shelf.add(c, added)
        async with self._uow.begin() as c:
            await self._in_force.refresh(c)
        return changes

    def _changes(
        self, held: dict[Key, Version], puts: Sequence[Put], author: str, must_stand: Standing
    ) -> list[Change]:
        changes = []
        for put in puts:
            before = held.get(put.key)
            must_stand(put.key, None if before is None or before.text is None else before)
            changes.append(Change(before, self._after(before, put, author)))
        return changes

    async def _read(self, held: dict[Key, Version], changes: Sequence[Change], beside: Texts = _NOTHING) -> S:
        """All of it as one whole, beside the event loop: that may take a second."""
        texts = self._in_force.texts(held | {one.after.key: one.after for one in changes})
        return await asyncio.to_thread(self._in_force.read, {**texts, **beside})

    def _after(self, before: Version | None, put: Put, author: str) -> Version:
        if before is not None and (before.text, before.media_type) == (put.text, put.media_type):
            return before
        if before is not None and before.text is None and put.text is None:
            return before
        number = 1 if before is None else before.version + 1
        ships = self._in_force.ships(put.key, put.text)
        return Version(*put.key, number, put.text, put.media_type, author, self._clock.now(), ships)


def unnamed(error: Refused, key: Key) -> Refused:
    """The same faults, but that those of one document don't name it: whoever put it knows where they stand."""
    named = name_of(key)
    return Refused(replace(one, file="") if one.file == named else one for one in error.problems)


def diff(before: Version | None, after: Version | None) -> list[str]:
    """How one text differs from another, as a unified diff, a line each."""
    old, new = _lines(before), _lines(after)
    return list(difflib.unified_diff(old, new, _called(before), _called(after), lineterm=""))[:_MOST_LINES]


def _lines(one: Version | None) -> list[str]:
    return [] if one is None or one.text is None else one.text.decode("utf-8", "replace").splitlines()


def _called(one: Version | None) -> str:
    return "nothing" if one is None or one.text is None else f"version {one.version}"
