"""Answers the button that asks when somebody wants to hear: the form is shown, judged and passed on."""

import asyncio
import logging
from collections.abc import Mapping

from services.ingest.core.answering import Faults
from services.ingest.core.hearing import FIRST, preferences
from services.ingest.core.interactions import PreferencesClick, PreferencesSubmission
from services.ingest.publishing.responding import Responding
from services.ingest.slack.client import Slack
from services.ingest.slack.hearing_form import build
from services.ingest.slack.interactions import AGAIN, WITHIN
from shared.clock import Clock
from shared.log.protocol import Unconfirmed
from shared.messages.preferences import PreferencesWanted

_log = logging.getLogger("keepwell.slack")


class Hearing:
    """What Slack tells of it, and what it is answered."""

    def __init__(self, slack: Slack, responding: Responding, clock: Clock, *, within: float = WITHIN) -> None:
        self._slack, self._responding, self._clock, self._within = slack, responding, clock, within

    async def click(self, click: PreferencesClick) -> None:
        """Open the form."""
        why = await self._slack.open(click.trigger_id, build(click.asked))
        if why is not None:
            _log.warning("a form could not be opened", extra={"move": "preferences", "reason": why})
            self._slack.tell(click.response_url, f"The form could not be opened: {why}. Press the button again.")

    async def submit(self, submission: PreferencesSubmission) -> Mapping[str, str]:
        """Pass on what a form says. Returns what is wrong with it, in words by its fields."""
        try:
            said = preferences(submission.given)
        except Faults as faults:
            return faults.by_field
        try:
            async with asyncio.timeout(self._within):
                person = await self._slack.person(submission.user)
                wanted = PreferencesWanted(
                    response_id=submission.response_id,
                    person=submission.asked.person,
                    actor=person.actor,
                    preferences=said,
                    at=self._clock.now(),
                )
                await self._responding.pass_on_wanted(wanted)
        except (TimeoutError, Unconfirmed):
            return {FIRST: AGAIN}
        return {}
