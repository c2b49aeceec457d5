"""`at_least`: a read that waits until the caller's own events are folded and their accounts assessed.

One task of a process asks the database for all who wait, and only while somebody does: soon at first, since most are
through within some milliseconds, and then less and less often.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Annotated, Final, Protocol

from fastapi import Depends, Query, Request

from services.scoring.core.own_write import OwnWrite, Stored
from shared.auth.keys import require
from shared.log.protocol import Places
from shared.log.tokens import LONGEST, BadToken, places_in
from shared.web.problems import Problem, invalid
from shared.web.routes import Gate

LIMIT: Final = 5.0
_FIRST: Final = 0.002
_LATER: Final = 0.02
_SLOWER: Final = 1.3
"""Each pause is so many times as long as the one before."""


class Look(Protocol):
    """Tells how partitions stand in the database."""

    async def __call__(self, partitions: Collection[int], /) -> Sequence[Stored]:
        """Of each topic's partition among these, of one instant."""


class NotYet(Exception):
    """It was not through in time; the text says how far it is."""


class OwnWrites:
    """Those who wait for their own events. Times are seconds of the clock that is passed in."""

    def __init__(
        self,
        look: Look,
        cluster: Callable[[], str],
        *,
        limit: float = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._cluster, self._limit, self._clock = look, cluster, limit, clock
        self._waiting: dict[asyncio.Future[None], tuple[OwnWrite, float]] = {}
        """Each with until when it is waited for."""
        self._asking: asyncio.Task[None] | None = None

    def places(self, token: str) -> Places:
        """What a token says. Raises `BadToken`."""
        return places_in(token, self._cluster())

    async def wait(self, places: Places) -> None:
        """Return when all of it may be read. Raises `NotYet` after the limit, and what kept us from looking."""
        through: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[through] = OwnWrite((*at, end) for at, end in places.items()), self._clock() + self._limit
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            await through
        finally:
            self._waiting.pop(through, None)

    async def _ask(self) -> None:
        """Ask for as long as anybody waits."""
        pause = _FIRST
        while self._waiting:
            asked = dict(self._waiting)
            try:
                stored = await self._look({number for own, _ in asked.values() for number in own.partitions})
            except Exception as error:
                _settle(asked, error)
            else:
                now = self._clock()
                for through, (own, until) in asked.items():
                    own.look(stored)
                    if own.is_through:
                        _settle([through])
                    elif now >= until:
                        _settle([through], NotYet(own.told()))
            await asyncio.sleep(pause)
            pause = min(_LATER, pause * _SLOWER)


def _settle(those: Iterable[asyncio.Future[None]], error: Exception | None = None) -> None:
    for through in those:
        if through.done():
            continue
        if error is None:
            through.set_result(None)
        else:
            through.set_exception(error)


class _AtLeast(Gate):
    """Lets a read pass when what its token names may be read."""

    async def check(self, request: Request) -> None:
        """Wait. Raises a 400 problem for a token that can't be used, and 503 when it is not through in time."""
        token = request.query_params.get("at_least")
        if token is None:
            return
        own_writes: OwnWrites = request.app.state.own_writes
        try:
            await own_writes.wait(own_writes.places(token))
        except BadToken as error:
            raise invalid("query.at_least", str(error)) from None
        except NotYet as error:
            words = f"Your events are in the log, and not yet in what can be read here: {error}. Ask again in a moment."
            raise Problem(503, "not_yet", words) from None

    async def __call__(
        self,
        at_least: Annotated[
            str | None,
            Query(
                max_length=LONGEST,
                description="The `token` of an answer to events of yours: wait, at most 5 s, until they are counted "
                "and their accounts assessed. Then 503 `not_yet`.",
            ),
        ] = None,
    ) -> None:
        """Nothing more to ask."""


READ: Final = (Depends(require("read")), Depends(_AtLeast()))
"""What every read of what was folded asks for: first a key, then that the events that it names are in."""
