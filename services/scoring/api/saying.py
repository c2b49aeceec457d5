"""How people say something of an account by hand.

Nothing is written here: it is published, as whatever happens to an account is, and folded with the rest.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final

import msgspec
from fastapi import Depends
from msgspec.structs import astuple

from services.scoring import queries, views
from services.scoring.api.parts import found
from services.scoring.core.packing import decode
from services.scoring.core.state import State
from services.scoring.queries import merged
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.log.protocol import Outgoing
from shared.messages import tracing
from shared.messages.accounts import NoteAdded
from shared.messages.envelope import encode, wrap
from shared.messages.fields import CustomerEvent
from shared.messages.registry import COMPANY, topic_of
from shared.pg.uow import UnitOfWork
from shared.web.problems import invalid

Publish = Callable[[Sequence[Outgoing]], Awaitable[object]]
Operator = Annotated[Caller, Depends(require("operate"))]
_SOURCE: Final = "keepwell/people"


class Saying:
    """Publishes what somebody says of an account that is known; notes, of ourselves too."""

    def __init__(self, uow: UnitOfWork, clock: Clock, publish: Publish, random: tracing.RandomBytes) -> None:
        self._uow, self._clock, self._publish, self._random = uow, clock, publish, random

    async def __call__(
        self, account: str, data: CustomerEvent, check: Callable[[State], None] = lambda _: None
    ) -> views.Said:
        """Say it; of an account that was merged, of the one that it goes on as.

        Raises a 404 problem where there is no such account, and a 400 one for what can't be read; `check` may raise
        another.
        """
        _check_readable(data)
        if account != COMPANY or not isinstance(data, NoteAdded):
            async with self._uow.begin() as c:
                row = found(await queries.one(c, account), account)
                if (into := await merged.went_to(c, account)) is not None:
                    account = into["id"]
                    row = found(await queries.one(c, account), account)
            check(decode(row["state"]))
        id, type, now = self._random(16).hex(), data.types[0], self._clock.now()
        event = wrap(data, id=id, source=_SOURCE, type=type, subject=account, time=now, accepted=now)
        headers = {**tracing.headers(), "ce_type": type}
        await self._publish([Outgoing(topic_of(type), account, encode(event), headers)])
        return views.Said(source=_SOURCE, id=id)


def _check_readable(data: CustomerEvent) -> None:
    """What no reader could take would stay behind in a partition's dead letters."""
    if any(isinstance(said, str) and "\0" in said for said in astuple(data)):
        raise invalid("body", "a text in it has a NUL character; leave it out")
    try:
        msgspec.json.decode(msgspec.json.encode(data), type=type(data))
    except msgspec.ValidationError as error:
        raise invalid("body", str(error)) from None


def author_of(caller: Caller) -> str:
    """Who holds the key, else its name."""
    return caller.csm or caller.name
