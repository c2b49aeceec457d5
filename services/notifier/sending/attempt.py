"""One message under one id, tried once: what it says, how that ended, and what it comes to for each delivery in it."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Row

from services.notifier.channels.protocol import Channel, Dispatch
from services.notifier.core.amending import OURS, TEST, UPDATE, WORD, WORD_HOLDS, Amends, Answers
from services.notifier.core.delivery import Event
from services.notifier.core.grouping import Due
from services.notifier.core.message import Message
from services.notifier.core.retry import Barred, Fatal, Later, Never, Outcome, Sent, judge_parcel
from services.notifier.core.roads import has_other
from services.notifier.core.routing import CONTACT, Setup
from services.notifier.store.alone import SentAlone
from services.notifier.store.leases import AttemptRow, Result
from services.notifier.store.told import compose_rows, decode
from services.notifier.writing.admission import Ended, Pass
from shared.files.sandbox import Unwritable

_LOG: Final = logging.getLogger(__name__)
_CUT_OFF: Final = "the sender ended before it had an answer"
Compose = Callable[[Sequence[Any], datetime], Message]
"""What deliveries say that go as one message, as of an instant. Raises `Unwritable` where they can't be written."""


class Attempt:
    """What goes as one message, in one attempt. It has ended when `outcome` and `ended_at` are set."""

    outcome: Outcome
    ended_at: datetime

    def __init__(
        self,
        deliveries: Sequence[Row[Any]],
        began_at: datetime,
        told: Sequence[Row[Any]] = (),
        compose: Compose = compose_rows,
        passed: Pass | None = None,
    ) -> None:
        """`told` is what the message tells that it brings up to date; `passed` says of a letter where it goes."""
        first = deliveries[0]
        self.id: str = first.message_id
        self.target: str = first.target
        self.message: Message | None = None
        """None until it is composed."""
        self._kind: str = first.kind
        receipt: str | None = told[0].receipt if told else first.amended_receipt
        self._amends = Amends(first.amends, receipt) if receipt is not None else None
        self._updates = self._amends.message_id if self.is_update and self._amends is not None else None
        self._amends_what_is_missing = first.amends is not None and receipt is None
        self._deliveries, self._told = deliveries, told or deliveries
        self._compose, self._passed = compose, passed
        self._began_at = began_at
        self._may_have_arrived = any(delivery.uncertain for delivery in deliveries)

    @property
    def tells(self) -> bool:
        """Whether it tells something of its own, and so shows whether its road is open: what brings a message up to
        date may find that deleted, and who clicked may be anybody."""
        return self._kind not in OURS and self._deliveries[0].amends is None

    async def send(self, channel: Channel) -> Outcome:
        """Send it. Whatever happens is an outcome: an attempt that is not recorded costs a whole lease."""
        if self._amends_what_is_missing:
            return Never(reason="what it brings up to date never arrived")
        if self._kind == WORD and self._began_at > self._deliveries[0].created_at + WORD_HOLDS:
            return Never(reason="whoever clicked has not waited for so long")
        if self._passed is None and self._deliveries[0].transport == CONTACT:
            return Later(reason="it was not asked yet whether it may go")
        if self._passed is not None and self._passed.barred:
            return Barred(reason=self._passed.barred)
        try:
            dispatch = self._dispatch()
            async with asyncio.timeout(channel.timeout):
                return await channel.send(dispatch)
        except Unwritable as error:
            return Barred(reason=str(error))
        except TimeoutError:
            return Later(reason=f"no answer within {channel.timeout:.0f} s", uncertain=True)
        except asyncio.CancelledError:
            return Later(reason="the notifier was stopped before an answer came", uncertain=True)
        except Exception as error:
            # Its text may hold a secret, such as a webhook's URL; the type and place say enough.
            _LOG.error("Sending by %s broke: %s", channel.name, _where(error))
            reason = f"a fault of ours ({type(error).__name__})"
            return Never(reason=reason) if self.message is None else Later(reason=reason, uncertain=True)

    def _dispatch(self) -> Dispatch:
        first = self._deliveries[0]
        self.message = self._compose(self._told, self._began_at)
        return Dispatch(
            message=self.message,
            delivery_id=self.id,
            target=self.target if self._passed is None else self._passed.address,
            at=self._began_at,
            repeat=self._may_have_arrived and self._amends is None,
            amends=self._amends,
            answers=Answers(first.response_url) if self._kind == WORD else None,
            traceparent=first.traceparent,
        )

    @property
    def leads_on(self) -> bool:
        """Whether something may come due once it is recorded: what was not sent does, or ends a hold; an update may
        have been overtaken."""
        return not isinstance(self.outcome, Sent) or self.is_update

    @property
    def is_update(self) -> bool:
        """Whether it brings a message up to date."""
        return self._kind == UPDATE

    @property
    def kept(self) -> tuple[str, Message] | None:
        """What is kept of it, and by which id: of a message that was brought up to date, how it reads now."""
        if self.message is None or (self.is_update and not isinstance(self.outcome, Sent)):
            return None
        return self._updates or self.id, self.message

    @property
    def sent_alone(self) -> SentAlone | None:
        """What is kept of it, if it is one delivery that was sent at the first try as a message of its own."""
        one, *others = self._deliveries
        # Where its company was in somebody's hands, it went without them, and yet under their common id.
        is_alone = not others and one.attempts == 1 and self.id == one.id and one.kind not in OURS
        if one.transport == CONTACT:
            # Of all letters of an action there is told once.
            return None
        if not is_alone or self.message is None or not isinstance(self.outcome, Sent):
            return None
        return SentAlone(one, self.message, self._began_at, self.ended_at, self.outcome.receipt)

    @property
    def letter(self) -> Ended | None:
        """How it ended, where it was a letter to a customer's person, and no test."""
        if self._passed is None or self._kind == TEST:
            return None
        one = self._deliveries[0]
        return Ended(one.account_id, one.target, self._passed.address, self.outcome, self.ended_at)

    def _have_others(self, setup: Setup) -> bool:
        """Whether each delivery has another road, and has not taken it yet."""
        return self.tells and all(
            one.detour is None and has_other(decode(one.action), setup, one.transport) for one in self._deliveries
        )

    def results(self, dice: float, setup: Setup | None = None) -> Iterable[Result]:
        """What it comes to for each delivery: one fate for all of what may have arrived."""
        tries = [delivery.tries for delivery in self._deliveries]
        verdicts = judge_parcel(
            *(self.outcome, tries, self._may_have_arrived, self.ended_at, dice),
            has_other_road=isinstance(self.outcome, Fatal) and setup is not None and self._have_others(setup),
        )
        said, receipt = ("", self.outcome.receipt) if isinstance(self.outcome, Sent) else (self.outcome.reason, "")
        # What never arrived may come yet: it may be tried again by hand.
        is_gone = isinstance(self.outcome, Never) and (self._kind == WORD or self._updates is not None)
        for one, verdict in zip(self._deliveries, verdicts, strict=True):
            outcome = "uncertain" if verdict.uncertain else type(self.outcome).__name__.lower()
            history = AttemptRow(one.attempts, one.message_id, self._began_at, self.ended_at, outcome, said, receipt)
            event: Event = "gone" if is_gone else verdict.event
            what = (event, verdict.due_at, verdict.reason, int(verdict.uncertain), self.ended_at)
            yield Result(one.id, one.lease, *what, history)


def cut_off(company: Iterable[Due], hopeless: Collection[str], now: datetime) -> Iterable[Result]:
    """What it comes to that leases ran out: the deliveries are uncertain, and wait again or are given up."""
    for one in company:
        lapsed = one.state == "sending" and not one.is_held(now)
        history = AttemptRow(one.attempts, one.message_id or one.id, now, now, "uncertain", _CUT_OFF, "")
        if one.id in hopeless:
            reason = f"given up after {one.tries} tries; the last was cut off"
            yield Result(one.id, one.lease, "given_up", None, reason, int(lapsed), now, history)
        elif lapsed:
            yield Result(one.id, one.lease, "cut_off", None, _CUT_OFF, 1, now, history)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
