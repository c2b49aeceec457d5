"""Links in letters: a page shows what one would do, and its button does it.

Why a link that is used up stays so, and one that could not be taken can be tried again: what it says is published
under an id that follows from the link, and only what the broker has confirmed is noted as used. Who dies in between has
published it: the next press publishes the same id, which is the same answer, and then it is noted.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fastapi import Response
from sqlalchemy.exc import SQLAlchemyError

from services.ingest.core import acting
from services.ingest.core.answering import LONGEST_NOTE, OUTCOMES, TIMES, Answer, Faults, Filled, Move, answer
from services.ingest.pages.rendering import Pages
from services.ingest.publishing.responding import Responding
from services.ingest.store import links as store
from shared.clock import Clock
from shared.links import LASTING, Act, Links, Tampered
from shared.log.protocol import Unconfirmed
from shared.messages.deliveries import DeliveryResponded
from shared.messages.tracing import RandomBytes
from shared.pg.uow import UnitOfWork
from shared.words import clock_time

WITHIN: Final = 8.0
"""Seconds that a person waits at most."""
_BROKEN: Final = (
    "This is no link of Keepwell's, or it is not whole: some programs cut a long link, or change it.",
    "Open it from the letter again, or copy all of it.",
)
_LATER: Final = "It counts as it stands in a moment: what somebody else has closed or taken meanwhile stays so."


class Acting:
    """Shows and does what links say."""

    def __init__(
        self, links: Links, responding: Responding, uow: UnitOfWork, clock: Clock, random: RandomBytes
    ) -> None:
        self._links, self._responding, self._uow = links, responding, uow
        self._clock, self._random, self._pages = clock, random, Pages()

    def show(self, token: str) -> Response:
        """The page of a link, made of what the link itself says: nothing is asked, and nothing is kept."""
        found = self.read(token)
        return found if isinstance(found, Response) else self._form(*found, Filled(), self._random(16).hex())

    async def act(self, act: Act, move: Move, body: bytes) -> Response:
        """Do what a link says, with what the form says; the page tells how that went."""
        filled, nonce = acting.filled(body)
        if filled.to not in {one.id for one in act.to}:
            filled = filled._replace(to="")
        once = move not in acting.REPEATED
        id = act.response_id() if once else act.response_id(nonce)
        now = self._clock.now()
        try:
            said = answer(move, filled, now, act.time_zone)
            words = acting.outcome(said, next((one.name for one in act.to if one.id == said.to), ""), act.time_zone)
            async with asyncio.timeout(WITHIN):
                if once and (used := await self._used(id)) is not None:
                    return self._already(act, *used)
                await self._responding.pass_on(act.account_id, _response(act, id, said, now), "link")
                if once:
                    async with self._uow.begin() as c:
                        await store.note(c, id, words, now, act.expires_at)
        except Faults as faults:
            return self._form(act, move, filled, nonce, faults=faults.by_field)
        except (Unconfirmed, SQLAlchemyError, OSError, TimeoutError):
            return self._form(act, move, filled, nonce, again=True)
        lines = [f"Keepwell has it: {words}.", _LATER]
        return self._pages.page("told.html.j2", 200, title="Thank you", about=act.subject, lines=lines)

    def read(self, token: str) -> tuple[Act, Move] | Response:
        """What a link lets one do, or the page that says why it doesn't."""
        try:
            act = self._links.read_act(token)
        except Tampered:
            act = None
        move = acting.move_of(act.move) if act is not None else None
        if act is None or move is None:
            return self._pages.page("told.html.j2", 404, title="That link doesn't work", about="", lines=_BROKEN)
        if act.is_over(self._clock.now()):
            lines = [
                f"Links in letters act for {LASTING.days} days. Nothing was changed.",
                f"keepwell {act.kind}s show {act.item_id} tells how it stands.",
            ]
            return self._pages.page("told.html.j2", 410, title="This link has expired", about=act.subject, lines=lines)
        return act, move

    async def _used(self, id: str) -> tuple[str, datetime] | None:
        async with self._uow.begin() as c:
            return await store.used(c, id)

    def _already(self, act: Act, said: str, at: datetime) -> Response:
        lines = [
            f"It is already {said}, by this link, since {clock_time(at, act.time_zone)}.",
            "Nothing was changed now.",
        ]
        return self._pages.page("told.html.j2", 410, title="That was done already", about=act.subject, lines=lines)

    def _form(
        self,
        act: Act,
        move: Move,
        filled: Filled,
        nonce: str,
        *,
        faults: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> Response:
        title, button = acting.title_of(move)
        return self._pages.page(
            "act.html.j2",
            503 if again else 400 if faults else 200,
            headers={"Retry-After": "2"} if again else None,
            title=title,
            button=button,
            act=act,
            move=move,
            filled=filled,
            nonce=nonce[:64],
            faults=faults or {},
            again=again,
            outcomes=OUTCOMES,
            times=TIMES,
            days=acting.days(self._clock.now(), act.time_zone),
            longest_note=LONGEST_NOTE,
        )


def _response(act: Act, id: str, said: Answer, now: datetime) -> DeliveryResponded:
    return DeliveryResponded(
        response_id=id,
        item_id=act.item_id,
        delivery_id=act.letter,
        response=said.response,
        at=now,
        actor=act.who,
        note=said.note,
        until=said.until,
        to=said.to,
    )
