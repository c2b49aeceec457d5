"""Answers Slack's interactive requests: a press is passed on, or opens a form; a form is judged and passed on."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from services.ingest.core.answering import ASKS, Faults, Filled, answer
from services.ingest.core.interactions import Click, Submission
from services.ingest.publishing.responding import Responding
from services.ingest.slack.client import Slack
from services.ingest.slack.forms import build, first_field
from shared.clock import Clock
from shared.log.protocol import Unconfirmed
from shared.messages.deliveries import DeliveryResponded

_log = logging.getLogger("keepwell.slack")
WITHIN: Final = 2.5
"""Seconds; Slack itself waits for 3."""
AGAIN: Final = "Keepwell could not take that now, and nothing was changed for certain. Try again in a moment."


class Interactions:
    """What Slack tells, and what it is answered."""

    def __init__(self, slack: Slack, responding: Responding, clock: Clock, *, within: float = WITHIN) -> None:
        self._slack, self._responding, self._clock, self._within = slack, responding, clock, within

    async def click(self, click: Click) -> None:
        """Pass a press on, or open the form that it asks for. Raises `Unconfirmed`."""
        form = click.form
        if form.move in ASKS:
            why = await self._slack.open(click.trigger_id, build(form))
            if why is not None:
                _log.warning("a form could not be opened", extra={"move": form.move, "reason": why})
                self._slack.tell(form.response_url, f"The form could not be opened: {why}. Press the button again.")
            return
        try:
            await self._pass_on(click, Filled())
        except Unconfirmed:
            self._slack.tell(form.response_url, AGAIN)
            raise

    async def submit(self, submission: Submission) -> Mapping[str, str]:
        """Pass on what a form says. Returns what is wrong with it, in words by its fields."""
        try:
            await self._pass_on(submission, submission.filled)
        except Faults as faults:
            return faults.by_field
        except Unconfirmed:
            return {first_field(submission.form): AGAIN}
        return {}

    async def _pass_on(self, came: Click | Submission, filled: Filled) -> None:
        """Raises `Faults`, and `Unconfirmed` when time is up, too."""
        form = came.form
        try:
            async with asyncio.timeout(self._within):
                person = await self._slack.person(came.user)
                now = self._clock.now()
                said = answer(form.move, filled, now, person.time_zone)
                response = DeliveryResponded(
                    response_id=came.response_id,
                    item_id=form.handle.item_id,
                    response=said.response,
                    at=now,
                    actor=person.actor,
                    note=said.note,
                    until=said.until,
                    to=said.to,
                    response_url=form.response_url,
                )
                await self._responding.pass_on(form.handle.account_id, response, "slack")
        except TimeoutError:
            raise Unconfirmed(f"The broker has not confirmed within {self._within:.1f} s.") from None
