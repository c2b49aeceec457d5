"""At which midnights time alone may change what is known of an account: who is long silent isn't looked at each day.

Whatever a measure reads of something dated it reads from whole days that have passed since, and all of that ends: a
window closes, a curve is level, a count of days stops. So each day counts while anything dated lies in the longest
window (or ahead), and after that only the days on which a contract or a stage turns. A row may be named too often
here, never too seldom.
"""

from collections.abc import Iterator
from typing import Final

from services.scoring.core import subscriptions as subs
from services.scoring.core.clock import DAY_US, day_of_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.relationship import SILENCE
from services.scoring.core.measures.usage.silence import still_counts
from services.scoring.core.profile import MATURE_DAYS
from services.scoring.core.scorecard import Scorecard
from services.scoring.core.state import DATED, USAGE_DAYS
from shared.messages.stamps import micros

_LONGEST: Final = 182
"""The longest windows, those of answers and invoices, have 180 days; and a day at either end."""

_SPARED: Final = _LONGEST - USAGE_DAYS
"""By so many days less is looked back at use."""


def next_day(view: View, card: Scorecard) -> int | None:
    """The next day at whose beginning a reading or a fact may change; None: none will."""
    if still_counts(view) or _lies_in(view, (view.today - _reach(view, card)) * DAY_US):
        return view.today + 1
    return min((day for day in _turns(view, card) if day > view.today), default=None)


def _lies_in(view: View, since: int) -> bool:
    return any(at >= since for at in _instants(view))


def _reach(view: View, card: Scorecard) -> int:
    """For how many days anything counts: in the longest window, or until a day more of silence costs nothing."""
    silent = [one for one in card.measures if one.name == SILENCE.name]
    curves = [curve for one in silent for curve in (one.curve, *(curve for _, curve in one.later))] or [SILENCE.curve]
    silence = max(int(curve[-1][0]) for curve in curves) + 1 + len(view.catalogue.unlogged)
    return max(_LONGEST, silence) + max((one.days_back for one in card.measures), default=0)


def _instants(view: View) -> Iterator[int]:
    """Of all that counts for so many days, the latest first where there may be many."""
    state = view.state
    # Use is looked back at for no longer than its days are remembered.
    yield state.last_used - _SPARED * DAY_US
    silent = ("tickets", "interactions") if state.last_used else ("usage", "tickets", "interactions")
    yield from (day * DAY_US for source in silent if (day := view.connected(source)) is not None)
    for name in DATED:
        yield from (cell.at for cell in view.of_contacts(name).values())
    yield from (one.at for one in (state.interaction, state.pulse) if one is not None)
    for answers in state.moments.values():
        yield max(answers, default=0) * DAY_US
    for said in (state.bought, *(one.said for one in state.subscriptions.values())):
        yield from (one.at for one in said[-1:])
    yield from (row.until for row in view.profile.rows if row.until is not None)
    yield from (mute.at for mute in state.mutes.values())
    for ticket in reversed(view.tickets.values()):
        yield max(ticket.at, ticket.opened, ticket.settled or 0, ticket.responded or 0)
    for invoice in reversed(view.invoices.values()):
        contested = 0 if invoice.dispute is None else invoice.dispute.at
        yield max(invoice.at, invoice.due_at or 0, invoice.settled or 0, contested)


def _turns(view: View, card: Scorecard) -> Iterator[int]:
    """The days on which a stage, a milestone, a contract or a curve turns."""
    profile = view.profile
    if view.since is not None:
        yield from (view.since + days for one in card.measures for days, _ in one.later)
    if profile.signed_at is not None:
        signed = day_of_us(profile.signed_at)
        yield signed + MATURE_DAYS
        yield from (signed + by for by in profile.onboarding.milestones.values())
    if profile.onboarding_ends_at is not None:
        yield -(-profile.onboarding_ends_at // DAY_US)
    if profile.end is not None:
        end = day_of_us(profile.end.at)
        yield from (end - profile.end.lead_days, end, end + 1)
    if profile.renews_at is not None:
        yield day_of_us(profile.renews_at) + 1
    for row in profile.rows:
        if (renews := row.fields.get("renews_at")) is not None:
            yield day_of_us(subs.moved_on(renews, row.term_months, micros(view.now))) + 1
