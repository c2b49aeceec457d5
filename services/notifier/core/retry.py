"""What follows an attempt: three ways to fail, bounded tries, and the end states.

A channel turns whatever its vendor answers into one of four outcomes. A *later* or *fatal* outcome is tried again until
`MOST_TRIES`; *never* ends at once. Every road ends in delivered, failed or cancelled.

What may have arrived as one message has one fate: it is tried again as that message, or ends as it. What surely did not
arrive is no message yet, and each delivery in it goes on by itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec


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


class Fatal(msgspec.Struct, frozen=True, kw_only=True, tag="fatal"):
    """Nothing gets through on this channel until someone mends its settings, such as a revoked token."""

    reason: str


Outcome = Sent | Later | Never | Fatal

State = Literal["waiting", "sending", "delivered", "failed", "cancelled"]

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800))
"""The waits after the first, second, ... failure: a night's outage is outlived, and no more than 16 hours pass."""

MOST_TRIES: Final = len(BACKOFF) + 1
JITTER: Final = 0.2
LONGEST_RETRY_AFTER: Final = timedelta(hours=8)
FATAL_HOLD: Final = timedelta(seconds=60)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a delivery after an attempt."""

    state: Literal["delivered", "failed", "waiting"]
    due_at: datetime | None = None
    """When to try again, while it waits."""
    reason: str = ""
    uncertain: bool = False
    hold_target: datetime | None = None
    """Send nothing to this target until then: it said that it is busy."""
    hold_channel: datetime | None = None
    """Send nothing on this channel until then: it is out of order."""


def judge_parcel(
    outcome: Outcome, tries: Sequence[int], may_have_arrived: bool, now: datetime, dice: float
) -> list[Verdict]:
    """Decide what follows an attempt at several deliveries as one message, for each, from the tries that each has had.

    `may_have_arrived` says so of an earlier attempt under the same id; then, or when this one's end is not known, all
    have the verdict of the one that was tried least: nobody's tries are used up by those who joined later or earlier.
    """
    if may_have_arrived or (isinstance(outcome, Later) and outcome.uncertain):
        return [judge(outcome, min(tries), now, dice)] * len(tries)
    return [judge(outcome, each, now, dice) for each in tries]


def judge(outcome: Outcome, tries: int, now: datetime, dice: float) -> Verdict:
    """Decide what follows the attempt number `tries` (from 1). `dice` is uniform in [0, 1) and spreads the retries."""
    if isinstance(outcome, Sent):
        return Verdict(state="delivered")
    if isinstance(outcome, Never):
        return Verdict(state="failed", reason=outcome.reason)
    hold_target = hold_channel = None
    asked = timedelta(0)
    if isinstance(outcome, Later) and outcome.after is not None:
        asked = min(max(timedelta(seconds=outcome.after), timedelta(0)), LONGEST_RETRY_AFTER)
        hold_target = now + asked
    if isinstance(outcome, Fatal):
        asked = FATAL_HOLD
        hold_channel = now + asked
    uncertain = isinstance(outcome, Later) and outcome.uncertain
    if tries >= MOST_TRIES:
        reason = f"given up after {tries} tries; the last: {outcome.reason}"
        return Verdict(
            state="failed", reason=reason, uncertain=uncertain, hold_target=hold_target, hold_channel=hold_channel
        )
    return Verdict(
        state="waiting",
        # No jitter on what the vendor asked for: what waits for the same hold goes together when it ends.
        due_at=now + max(asked, backoff(tries, dice)),
        reason=outcome.reason,
        uncertain=uncertain,
        hold_target=hold_target,
        hold_channel=hold_channel,
    )


def backoff(tries: int, dice: float) -> timedelta:
    """The wait after the failure of try number `tries`, spread by a fifth to either side."""
    step = BACKOFF[min(max(tries, 1), len(BACKOFF)) - 1]
    return step * (1 - JITTER + 2 * JITTER * dice)
