"""What follows an attempt: four ways not to arrive, bounded tries, and the wait before the next.

A channel turns whatever its vendor answers into one of four outcomes. A *later* or *fatal* outcome is tried again until
`MOST_TRIES`, a fatal one until `MOST_IN_VAIN` where there is another road; *never* ends at once. *Barred* is no answer
of anybody: it was not handed in at all, because it may not go any more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from services.notifier.core.delivery import MOVES, State


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag="sent"):
    """The channel took it. `receipt` is what the vendor calls it."""

    receipt: str = ""


class Later(msgspec.Struct, frozen=True, kw_only=True, tag="later"):
    """Not now: the vendor is busy, down or slow. `after` is the vendor's own Retry-After, in seconds."""

    reason: str
    after: float | None = None
    uncertain: bool = False
    """True when it may have arrived all the same: the answer was lost after sending began."""


class Never(msgspec.Struct, frozen=True, kw_only=True, tag="never"):
    """This message can't reach this recipient, however often it is tried."""

    reason: str
    is_road: bool = False
    """It is not this message: nothing reaches that target."""
    bounced: bool = False
    """The mail server says that there is no such address."""


class Fatal(msgspec.Struct, frozen=True, kw_only=True, tag="fatal"):
    """Nothing gets through on this channel until someone mends its settings, such as a revoked token."""

    reason: str


class Barred(msgspec.Struct, frozen=True, kw_only=True, tag="barred"):
    """It may not go: whom it is for does not want it, or has left. It is called back, and nothing has failed."""

    reason: str


Outcome = Sent | Later | Never | Fatal | Barred

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800))
"""The waits after the first, second, ... failure: a night's outage is outlived, and no more than 16 hours pass."""

MOST_TRIES: Final = len(BACKOFF) + 1
MOST_IN_VAIN: Final = 6
"""Tries of a channel that is out of order, some 15 minutes, before what has another road takes that."""
JITTER: Final = 0.2
LONGEST_RETRY_AFTER: Final = timedelta(hours=8)
CLOCKS_APART: Final = timedelta(minutes=1)
"""How far the clocks of two machines may be apart: what was written further ahead was written by one that was wrong."""
FATAL_HOLD: Final = timedelta(seconds=60)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt comes to for a delivery."""

    event: Literal["sent", "put_off", "given_up", "gone"]
    due_at: datetime | None = None
    """When to try again, if it is put off."""
    reason: str = ""
    uncertain: bool = False
    """True when nobody knows whether it arrived."""

    @property
    def state(self) -> State:
        """Where that takes what was being sent."""
        return MOVES["sending", self.event]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Send nothing until then: to the target that said it is busy, or by the whole channel, which is out of order."""

    until: datetime
    reason: str
    whole_channel: bool = False


def judge_parcel(
    outcome: Outcome,
    tries: Sequence[int],
    may_have_arrived: bool,
    now: datetime,
    dice: float,
    *,
    has_other_road: bool = False,
) -> list[Verdict]:
    """Decide what follows an attempt at several deliveries as one message, for each, from the tries that each has had.

    `may_have_arrived` says so of an earlier attempt under the same id; then, or when this one's end is not known, all
    have the verdict of the one that was tried least: nobody's tries are used up by those who joined later or earlier.
    """
    if may_have_arrived or (isinstance(outcome, Later) and outcome.uncertain):
        return [judge(outcome, min(tries), now, dice, has_other_road=has_other_road)] * len(tries)
    return [judge(outcome, each, now, dice, has_other_road=has_other_road) for each in tries]


def judge(outcome: Outcome, tries: int, now: datetime, dice: float, *, has_other_road: bool = False) -> Verdict:
    """Decide what follows the attempt number `tries` (from 1). `dice` is uniform in [0, 1) and spreads the retries.

    What has another road waits for a channel that is out of order no longer than `MOST_IN_VAIN` tries.
    """
    if isinstance(outcome, Sent):
        return Verdict(event="sent")
    if isinstance(outcome, Never):
        return Verdict(event="given_up", reason=outcome.reason)
    if isinstance(outcome, Barred):
        return Verdict(event="gone", reason=outcome.reason)
    uncertain = isinstance(outcome, Later) and outcome.uncertain
    in_vain = isinstance(outcome, Fatal) and has_other_road and tries >= MOST_IN_VAIN
    if tries >= MOST_TRIES or in_vain:
        reason = f"given up after {tries} tries; the last: {outcome.reason}"
        return Verdict(event="given_up", reason=reason, uncertain=uncertain)
    # No jitter on what the vendor asked for: what waits for the same hold goes together when it ends.
    due_at = now + backoff(tries, dice)
    held = hold(outcome, now)
    return Verdict(
        event="put_off",
        due_at=max(due_at, held.until) if held else due_at,
        reason=outcome.reason,
        uncertain=uncertain,
    )


def hold(outcome: Outcome, now: datetime) -> Hold | None:
    """What an attempt says about all that would go the same way."""
    if isinstance(outcome, Fatal):
        return Hold(until=now + FATAL_HOLD, reason=outcome.reason, whole_channel=True)
    if isinstance(outcome, Later) and outcome.after is not None:
        asked = min(max(timedelta(seconds=outcome.after), timedelta(0)), LONGEST_RETRY_AFTER)
        return Hold(until=now + asked, reason=outcome.reason)
    return None


def backoff(tries: int, dice: float) -> timedelta:
    """The wait after the failure of try number `tries`, spread by a fifth to either side."""
    step = BACKOFF[min(max(tries, 1), len(BACKOFF)) - 1]
    return step * (1 - JITTER + 2 * JITTER * dice)
