"""Links by which a customer's person gets no more messages: a page asks which, and mail programs do it in one click.

Why nobody who unsubscribed is written to again: it is answered once the broker has confirmed what they said, and what
was not confirmed is answered so that they, or their mail program, say it again. Nothing is noted here.
"""

import asyncio
import logging
from typing import Final

import msgspec
from fastapi import Response
from sqlalchemy.exc import SQLAlchemyError

from services.ingest.core import leaving
from services.ingest.core.leaving import WORDS, Choice
from services.ingest.core.senders import Sender
from services.ingest.handler import Intake
from services.ingest.pages.acting import WITHIN
from services.ingest.pages.clicks import choice_of
from services.ingest.pages.rendering import Pages
from shared.clock import Clock
from shared.links import Leave, Links, Tampered
from shared.log.protocol import Unconfirmed
from shared.messages.accounts import EVERY_KIND

_LOG: Final = logging.getLogger("keepwell.ingest")
_OURS: Final = Sender("keepwell/ingest")


class Leaving:
    """Shows and does what such links say."""

    def __init__(self, links: Links, intake: Intake, clock: Clock) -> None:
        self._links, self._intake, self._clock, self._pages = links, intake, clock, Pages()

    def read(self, token: str, reads: str) -> Leave | Response:
        """Whose link it is, or the page that says why it doesn't work; `reads` is what the browser says of its
        reader."""
        try:
            leave = self._links.read_leave(token)
        except Tampered:
            return self._told(leaving.language_of(reads), 404, "broken", "broken_why")
        language = leaving.language_of(leave.language or reads)
        if leave.is_over(self._clock.now()):
            return self._told(language, 410, "expired", "expired_why")
        return leave

    def show(self, leave: Leave) -> Response:
        """The page, made of what the link itself says: nothing is asked, and nothing is kept."""
        return self._form(leave, 200)

    async def leave(self, leave: Leave, content_type: str, body: bytes) -> Response:
        """Pass on that they want no more; the page tells how that went."""
        choice = choice_of(content_type, body)
        language = leaving.language_of(leave.language)
        if choice is None:
            return self._form(leave, 400)
        if not leave.letter:
            return self._told(language, 200, "title", "test")
        try:
            async with asyncio.timeout(WITHIN):
                await self._take(leave, choice)
        except (Unconfirmed, SQLAlchemyError, OSError, TimeoutError):
            return self._form(leave, 503, choice, again=True)
        return self._told(language, 200, "done", f"done_{choice}")

    async def _take(self, leave: Leave, choice: Choice) -> None:
        kind = EVERY_KIND if choice == "all" else leave.kind
        event = leaving.event_of(leave.account_id, leave.contact_id, kind, leave.letter, self._clock.now())
        answer = await self._intake.take([msgspec.Raw(msgspec.json.encode(event))], _OURS)
        for one in answer.refused:
            _LOG.error("An unsubscription was refused (%s): %s", one.code, one.message)
        if answer.refused:
            raise Unconfirmed("an unsubscription was refused")

    def _told(self, language: str, status: int, title: str, line: str) -> Response:
        words = WORDS[language]
        lines = [getattr(words, line)]
        said = {"title": getattr(words, title), "about": "", "lines": lines, "lang": language}
        return self._pages.page("told.html.j2", status, **said)

    def _form(self, leave: Leave, status: int, choice: Choice = "kind", *, again: bool = False) -> Response:
        language = leaving.language_of(leave.language)
        words = WORDS[language]
        headers = {"Retry-After": "2"} if again else None
        said = {"title": words.title, "words": words, "choice": choice, "again": again, "lang": language}
        return self._pages.page("leave.html.j2", status, headers=headers, **said)
