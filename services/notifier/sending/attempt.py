"""One message under one id, tried once: what it says, how that ended, and what it comes to for each delivery in it."""

import asyncio
import logging
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from services.notifier.channels.protocol import Channel, Dispatch
from services.notifier.core.message import Message
from services.notifier.core.retry import Later, Never, Outcome, Sent, judge_parcel
from services.notifier.core.together import compose_group
from services.notifier.store import leases
from shared.messages.actions import ActionRequested

_LOG: Final = logging.getLogger(__name__)
_decode: Final = msgspec.json.Decoder(ActionRequested).decode


class Attempt:
    """What goes as one message, in one attempt."""

    def __init__(self, id: str, deliveries: Sequence[leases.Leased], began_at: datetime) -> None:
        self.id = id
        self.deliveries = deliveries
        self.target = deliveries[0].target
        self.began_at = began_at
        self.may_have_arrived = any(delivery.uncertain for delivery in deliveries)
        """In an attempt before this one."""
        self.message: Message | None = None
        """What it says; None until it is composed."""

    async def send(self, channel: Channel) -> Outcome:
        """Send it. Whatever happens is an outcome: an attempt that is not recorded costs a whole lease."""
        try:
            dispatch = self._dispatch()
            async with asyncio.timeout(channel.timeout):
                return await channel.send(dispatch)
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
        first = self.deliveries[0]
        actions = [_decode(delivery.action) for delivery in self.deliveries]
        self.message = compose_group(actions, self.began_at, shared=first.shared)
        return Dispatch(
            message=self.message,
            delivery_id=self.id,
            target=self.target,
            attempt=max(delivery.attempts for delivery in self.deliveries),
            at=self.began_at,
            repeat=self.may_have_arrived,
            traceparent=first.traceparent,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, and when."""

    attempt: Attempt
    outcome: Outcome
    at: datetime

    def results(self, dice: float) -> Iterable[leases.Result]:
        """What it comes to for each delivery: one fate for all of what may have arrived."""
        attempt, deliveries = self.attempt, self.attempt.deliveries
        tries = [delivery.tries for delivery in deliveries]
        verdicts = judge_parcel(self.outcome, tries, attempt.may_have_arrived, self.at, dice)
        for one, verdict in zip(deliveries, verdicts, strict=True):
            yield leases.Result(
                one.id, one.lease, verdict.event, verdict.due_at, verdict.reason, int(verdict.uncertain), self.at
            )

    def history(self) -> Iterable[leases.Attempt]:
        """A row for each delivery."""
        outcome = self.outcome
        uncertain = isinstance(outcome, Later) and outcome.uncertain
        for one in self.attempt.deliveries:
            yield leases.Attempt(
                delivery_id=one.id,
                attempt=one.attempts,
                message_id=one.message_id,
                began_at=self.attempt.began_at,
                ended_at=self.at,
                outcome="uncertain" if uncertain else type(outcome).__name__.lower(),
                reason="" if isinstance(outcome, Sent) else outcome.reason,
                receipt=outcome.receipt if isinstance(outcome, Sent) else "",
            )


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
