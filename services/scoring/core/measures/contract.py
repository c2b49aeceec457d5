"""What the account buys, against what it bought."""

from typing import Any, Final

from services.scoring.core import subscriptions as subs
from services.scoring.core.clock import DAY_US, in_words, written_or_none
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.renewals import Renewed, renewed_last, said_of
from services.scoring.core.state import BY_DAY, Said
from shared.messages.stamps import micros
from shared.words import money, number

_DAYS = 90
SPANS: Final = (1, 7, 14, 30)
"""Days over which changes are facts, beside the 90 of the measure."""


def _since(view: View, days: int = _DAYS) -> int:
    """The end of the day that it is compared with."""
    return (view.today - days + 1) * DAY_US - 1


def bought_at(view: View, at: int) -> subs.Figures:
    """What the account bought at an instant of the past."""
    traits = subs.bought_at(view.state.bought, at)
    rows = subs.beside(subs.rows_of(view.state, at), traits)
    return subs.figures_of(rows, traits, at, view.catalogue.rates)


def before(view: View, days: int = _DAYS) -> subs.Figures:
    """What it bought at the end of the day so many days ago: what it buys, where nothing has moved since."""
    since = _since(view, days)
    if view.once(_moved_at) <= since:
        return view.profile.figures
    return view.kept(("bought", days), lambda: bought_at(view, since))


def _moved_at(view: View) -> int:
    """The last instant at which what it buys may have become another."""
    now, state = micros(view.now), view.state
    said = (state.bought, *(one.said for one in state.subscriptions.values()))
    ends = (row.until for row in view.profile.rows if row.until is not None and row.until <= now)
    return max((*(one[-1].at for one in said if one), *ends), default=0)


def _are_comparable(before: subs.Figures, now: subs.Figures) -> bool:
    return before.currency == now.currency and not set(before.apart or ()) ^ set(now.apart or ())


def change_in(view: View, days: int) -> float | None:
    """Its monthly revenue against that of so many days ago, in %."""
    now = view.profile.figures
    if view.profile.left is not None or now.mrr_minor is None:
        return None
    then = before(view, days)
    if (then.mrr_minor or 0) <= 0 or not _are_comparable(then, now):
        return None
    return 100 * (now.mrr_minor - then.mrr_minor) / then.mrr_minor  # type: ignore[operator]


def _change(view: View) -> Reading:
    now, then = view.profile.figures, before(view)
    if view.profile.left is not None:
        return Reading(None, "the customer left")
    if now.mrr_minor is None:
        return Reading(None, "its monthly revenue is not known")
    if then.mrr_minor is None:
        return Reading(None, f"its monthly revenue of {_DAYS} days ago is not known")
    if not _are_comparable(then, now):
        return Reading(None, f"its currency has changed in {_DAYS} days")
    change = change_in(view, _DAYS)
    if change is None:
        return Reading(None, f"it paid nothing {_DAYS} days ago")
    if not change:
        return Reading(0, f"pays {money(now.mrr_minor, now.currency)} a month, as {_DAYS} days ago")
    verb = "contracted by" if change < 0 else "grew by"
    amounts = f"from {money(then.mrr_minor, then.currency)} to {money(now.mrr_minor, now.currency)} a month"
    return Reading(change, f"{verb} {number(abs(change))} %: {amounts}")


def seats_change(view: View, days: int = _DAYS) -> float | None:
    """Seats against those of 90, or so many, days ago, in %."""
    now = view.profile.figures.seats
    if now is None or view.profile.left is not None:
        return None
    then = before(view, days).seats
    return 100 * (now - then) / then if then else None


def contracted_at(view: View) -> int | None:
    """When, within 90 days, revenue or seats last fell below what they had been and have not reached since."""
    if view.profile.left is not None:
        return None
    since, now = _since(view), micros(view.now)
    rows = [one.said for one in view.state.subscriptions.values()]
    recent = [said for said in (view.state.bought, *rows) if said and said[-1].at > since]
    instants = {at for said in recent for at in _changes(said) if at > since}
    instants |= {row.until for row in view.profile.rows if row.until is not None and since < row.until <= now}
    found, earlier = None, before(view)
    for at in sorted(instants):
        here = bought_at(view, at)
        if _fell(earlier, here, view.profile.figures):
            found = at
        earlier = here
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
    facts=(
        "contract.contracted_at",
        "contract.seats_change",
        *(f"contract.{what}.{days}d" for what in ("change", "seats.change") for days in SPANS),
    ),
)


def facts(view: View) -> dict[str, Any]:
    """What its contract says, and what has become of it."""
    profile, now = view.profile, micros(view.now)
    end = profile.end
    apart = (profile.figures.apart or {}).values()
    said = said_of(view.account.id, view.state, end)
    renewed = _renewed(view)
    return {
        "contract.ends_at": None if end is None else written_or_none(end.at),
        "contract.notice_at": None if end is None else written_or_none(end.at - end.notice_days * DAY_US),
        "contract.term_months": None if end is None else end.term_months,
        "contract.lapsed": profile.lapsed,
        "contract.renewal_forecast": said.get("forecast"),
        "contract.renewal_outcome": said.get("outcome"),
        "contract.renewed_at": None if renewed is None else written_or_none(renewed.at),
        "contract.renewed_from_minor": None if renewed is None else renewed.before,
        "contract.renewed_minor": None if renewed is None else renewed.after,
        "contract.subscriptions": sum(row.is_live(now) for row in profile.rows) or None,
        "contract.ending_share": subs.ending_share(profile.rows, profile.figures, now),
        "contract.seats_change": seats_change(view),
        "contract.contracted_at": written_or_none(contracted_at(view)),
        **{f"contract.change.{days}d": change_in(view, days) for days in SPANS},
        **{f"contract.seats.change.{days}d": seats_change(view, days) for days in SPANS},
        "contract.other_currencies": sorted({money(minor, currency) for minor, currency in apart}) or None,
    }


def _renewed(view: View) -> Renewed | None:
    figures, rates = view.profile.figures, view.catalogue.rates
    return renewed_last(view.account.id, view.state, view.now, figures.currency, rates)


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
