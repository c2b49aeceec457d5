"""What the account buys, against what it bought."""

from typing import Any, Final

from services.scoring.core import subscriptions as subs
from services.scoring.core.clock import DAY_US, in_words, micros, written_or_none
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.state import BY_DAY, Said
from shared.words import money, number

_DAYS = 90


def _since(view: View) -> int:
    """The end of the day that it is compared with."""
    return (view.today - _DAYS + 1) * DAY_US - 1


def bought_at(view: View, at: int) -> subs.Figures:
    """What the account bought at an instant of the past."""
    traits = subs.bought_at(view.state.bought, at)
    return subs.figures_of(subs.rows_of(view.state, at), traits, at, view.catalogue.rates)


def _before(view: View) -> subs.Figures:
    return bought_at(view, _since(view))


def _change(view: View) -> Reading:
    now, before = view.profile.figures, view.once(_before)
    if view.profile.left is not None:
        return Reading(None, "the customer left")
    if now.mrr_minor is None:
        return Reading(None, "its monthly revenue is not known")
    if before.mrr_minor is None:
        return Reading(None, f"its monthly revenue of {_DAYS} days ago is not known")
    if before.currency != now.currency or set(before.apart or ()) ^ set(now.apart or ()):
        return Reading(None, f"its currency has changed in {_DAYS} days")
    if before.mrr_minor <= 0:
        return Reading(None, f"it paid nothing {_DAYS} days ago")
    change = 100 * (now.mrr_minor - before.mrr_minor) / before.mrr_minor
    if not change:
        return Reading(0, f"pays {money(now.mrr_minor, now.currency)} a month, as {_DAYS} days ago")
    verb = "contracted by" if change < 0 else "grew by"
    amounts = f"from {money(before.mrr_minor, now.currency)} to {money(now.mrr_minor, now.currency)} a month"
    return Reading(change, f"{verb} {number(abs(change))} %: {amounts}")


def seats_change(view: View) -> float | None:
    """Seats against 90 days ago, in %."""
    now, before = view.profile.figures.seats, view.once(_before).seats
    return None if now is None or not before or view.profile.left is not None else 100 * (now - before) / before


def contracted_at(view: View) -> int | None:
    """When, within 90 days, revenue or seats last fell below what they had been and have not reached since."""
    if view.profile.left is not None:
        return None
    since, now = _since(view), micros(view.now)
    rows = [one.said for one in view.state.subscriptions.values()]
    recent = [said for said in (view.state.bought, *rows) if said and said[-1].at > since]
    instants = {at for said in recent for at in _changes(said) if at > since}
    instants |= {row.until for row in view.profile.rows if row.until is not None and since < row.until <= now}
    found, before = None, view.once(_before)
    for at in sorted(instants):
        here = bought_at(view, at)
        if _fell(before, here, view.profile.figures):
            found = at
        before = here
    return found


def _changes(said: list[Said]) -> list[int]:
    """When what is remembered by day was said to be another than before."""
    known: dict[str, Any] = {}
    found = []
    for one in said:
        given = {name: value for name, value in one.fields.items() if name in BY_DAY}
        if any(known.get(name) != value for name, value in given.items()):
            found.append(one.at)
        known |= given
    return found


def _fell(before: subs.Figures, here: subs.Figures, now: subs.Figures) -> bool:
    if before.currency == here.currency == now.currency and None not in (
        money := (before.mrr_minor, here.mrr_minor, now.mrr_minor)
    ):
        was, is_, at_last = money
        if is_ < was > at_last:  # type: ignore[operator]
            return True
    if None not in (seats := (before.seats, here.seats, now.seats)):
        return seats[1] < seats[0] > seats[2]  # type: ignore[operator]
    return False


# Thresholds are practice: as much as before is well, and a fifth less in a quarter is where cards begin to cap.
CHANGE = Measure(
    "contract.change",
    "%",
    ((-50, 0), (-20, 30), (-5, 70), (0, 90), (10, 100)),
    _change,
    ("subscription.", "account."),
    facts=("contract.contracted_at", "contract.seats_change"),
)


def facts(view: View) -> dict[str, Any]:
    """What its contract says, and what has become of it."""
    profile, now = view.profile, micros(view.now)
    end = profile.end
    apart = (profile.figures.apart or {}).values()
    return {
        "contract.ends_at": None if end is None else written_or_none(end.at),
        "contract.notice_at": None if end is None else written_or_none(end.at - end.notice_days * DAY_US),
        "contract.term_months": None if end is None else end.term_months,
        "contract.lapsed": profile.lapsed,
        "contract.ending_share": subs.ending_share(profile.rows, profile.figures, now),
        "contract.seats_change": seats_change(view),
        "contract.contracted_at": written_or_none(contracted_at(view)),
        "contract.other_currencies": sorted({money(minor, currency) for minor, currency in apart}) or None,
    }


def _leaving(view: View) -> str:
    at = view.profile.leaves_at
    return "" if at is None else f"they have cancelled, and leave on {in_words(at)}"


def _ending(view: View) -> str:
    share = subs.ending_share(view.profile.rows, view.profile.figures, micros(view.now))
    return "" if share is None else f"{number(share, 0)} % of what they pay has an end set"


def _seats(view: View) -> str:
    change = seats_change(view)
    return "" if change is None or change >= 0 else f"{number(-change, 0)} % fewer seats than before"


IN_WORDS: Final = {
    "account.leaving": _leaving,
    "contract.ending_share": _ending,
    "contract.lapsed": lambda _: "its contract is past its end, and nobody has renewed it",
    "contract.seats_change": _seats,
}
"""What these facts say by themselves."""
