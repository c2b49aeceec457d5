"""When to look at an account again, because time alone may change something."""

from datetime import datetime

from services.scoring.core import changes, goals, windows
from services.scoring.core.clock import DAY_US, LAST_US, midnight_after
from services.scoring.core.decision import Changes
from services.scoring.core.health import Health
from services.scoring.core.measures.relationship.pulse import PULSE, ends_at
from services.scoring.core.scorecard import Rules
from shared.conditions import Facts, flip_instant
from shared.messages.stamps import instant_of, micros


def next_look(health: Health, rules: Rules, moves: Changes) -> datetime | None:
    """The earliest instant after now at which anything that is told of the account may change; None: never.

    Why nothing is missed between now and then. A measure sees time as whole UTC days, so readings, points and score
    stand still until midnight, and a midnight counts only while anything dated is in a window or ahead (`windows`), or
    where a day on which the score moved leaves a window of the facts on change. Finer than that are four things: a
    pulse, which ends to the microsecond (and, as the last known one, some days later), a subscription, which does so
    too, a goal, which becomes overdue so, and conditions on what is linear in time, of which `flip_instant` names the
    next instant that any leaf changes: those of the account's own caps, and those by which *any* card or model of
    onboarding chooses its accounts, as another may take it over. Too early is safe: whoever looks and finds nothing new
    tells nothing and sets the next timer. Too late would be silence that nobody hears, so each source may only be
    widened, never narrowed.
    """
    view = health.view
    if view.profile.gone is not None:
        return None
    state, now = view.state, view.now
    days = windows.next_day(view, health.card), changes.next_day(moves, view.today)
    # What is dated for the calendar's last day has no morning after.
    instants = [instant_of(day * DAY_US) for day in days if day is not None and day * DAY_US <= LAST_US]
    if (end := view.profile.next_end(micros(now))) is not None:
        instants.append(instant_of(end))
    if state.pulse is not None:
        more = next((one.days_back for one in health.card.measures if one.name == PULSE.name), 0)
        end = ends_at(state.pulse)
        ends = (end, end + more * DAY_US)
        instants += [instant_of(end) for end in ends if end > micros(now)]
    instants += [instant_of(mute.value[0]) for mute in state.mutes.values() if mute.value[0] > micros(now)]
    facts = Facts.of(health.facts, stopped=view.interrupted)
    instants += goals.turns(state, view.catalogue, facts, now)
    timed = (*health.card.timed, *rules.timed)
    if view.interrupted:
        # What stands still now goes on when the source is back: whoever was looked at meanwhile is looked at then.
        instants.append(midnight_after(now))
    # An instant that isn't known is none that time comes to: so is most of what caps ask.
    dated = [leaf for leaf in timed if leaf.subject.linear_of in health.facts]
    instants += [at for leaf in dated if (at := flip_instant(leaf, facts, now)) is not None]
    return min(instants, default=None)
