"""How an account stands: its last assessment, as compact as looking again and writing about it allow."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.core.days import Before
from shared.messages.accounts import AccountTraits
from shared.messages.actions import AccountCard
from shared.messages.assessments import AccountAssessed, Band, Cause, Driver, FactValue

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""By how much they may, of machines that go together."""
_MOST_SETS: Final = 10
"""How often playbooks may set one trait of an account within a day."""
_DAY: Final = timedelta(days=1)
_KNOWN_TRAITS: Final = frozenset(AccountTraits.__struct_fields__)
_MOST_LOW: Final = 3
_LOW_POINTS: Final = 5000


class Booking(msgspec.Struct, frozen=True, array_like=True):
    """What an account counts for in its owner's book."""

    owner: str
    touch: str
    """How it is served."""
    currency: str
    """Empty where it is not known."""
    mrr_minor: int


class Promise(msgspec.Struct, frozen=True, array_like=True):
    """An owner whom a playbook chose, of whom no assessment has told yet."""

    to: str
    instead_of: str | None
    until: datetime


class Mute(msgspec.Struct, frozen=True, array_like=True):
    """Until when no playbook fires or tells anything about an account, and why; who said so, and when."""

    until: datetime
    reason: str
    author: str
    since: datetime


class Turned(msgspec.Struct, frozen=True, array_like=True):
    """When the band of an account turned, and from which."""

    at: datetime
    before: Band


class Standing(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One account after its latest assessment."""

    account: str
    rev: int
    at: datetime
    facts: dict[str, FactValue]
    score: int | None
    previous_score: int | None
    band: Band
    previous_band: Band
    drivers: list[Driver]
    """What moved the score, most first; all of it, since every face shows points that sum to the change."""
    low: list[str]
    """The words of the measures that cost most."""
    quiet: bool
    """An import is open."""
    low_names: list[str] = []
    """The names of the measures whose words are in `low`."""
    look_at: datetime | None = None
    """When time alone may change something next: a look that an event of later must not overtake."""
    met: list[int] | None = None
    """The checksums of the playbooks that looked last; None is not known."""
    gone: str | None = None
    """Why nothing is asked about the account any more: it was merged into another one, or erased."""
    settled: bool = False
    """The last look moved nothing, and would again find nothing to do until a fact changes or `look_at` comes."""
    sets: dict[str, list[datetime]] = {}
    """When playbooks have set traits of the account, by trait, within a day."""
    unasked: dict[str, str] = {}
    """Playbooks that nobody could ask, as a source is interrupted, when what holds was to be found so: in what."""
    day: date | None = None
    """The UTC day that is being recorded; None is none yet."""
    before: Before = Before()
    """What was so before it."""
    booked: Booking | None = None
    """What it counts for where accounts and revenue are counted by owner."""
    promised: Promise | None = None
    muted: Mute | None = None
    turned: Turned | None = None
    """When its band last turned."""
    before_import: tuple[int | None, Band] | None = None
    """Score and band as they were before the import that is open: what others were told last."""
    sent: dict[str, Any] = {}
    """Traits that playbooks have set and no assessment has told of yet, with their values."""


def standing(account: str, assessed: AccountAssessed) -> Standing:
    """Keep what matters of an assessment."""
    drivers = sorted(assessed.drivers, key=lambda driver: -abs(driver.points))
    lost = sorted(
        (-measure.weight * (10_000 - measure.points), measure.name, measure.words)
        for measure in assessed.measures
        if measure.points is not None and measure.points < _LOW_POINTS and measure.words
    )[:_MOST_LOW]
    return Standing(
        account=account,
        rev=assessed.rev,
        at=assessed.at,
        facts=assessed.facts | {"account.id": account},
        score=assessed.score,
        previous_score=assessed.previous_score,
        band=assessed.band,
        previous_band=assessed.previous_band,
        drivers=drivers,
        low=[words for _, _, words in lost],
        quiet=bool(assessed.imports),
        low_names=[name for _, name, _ in lost],
        gone=_gone(assessed),
    )


def _gone(assessed: AccountAssessed) -> str | None:
    if assessed.merged_into is not None:
        return f"merged into {assessed.merged_into}"
    return None if assessed.gone is None else f"the account was {assessed.gone}"


def mute_of(stands: Standing) -> Mute | None:
    """The mute under which an account is now, if any."""
    return stands.muted if stands.muted is not None and stands.muted.until > stands.at else None


def turned(before: Standing, stands: Standing) -> Turned | None:
    """When its band last turned; what an open import makes of it is no news, nor is the first that is known."""
    known = "unknown" not in (before.band, stands.band) or stands.band == "red"
    is_news = known and before.band != stands.band and not stands.quiet
    return Turned(stands.at, before.band) if is_news else before.turned


def known_before(before: Standing | None) -> tuple[int | None, Band]:
    """Score and band of which others know: while an import is open, those of before it."""
    if before is None:
        return None, "unknown"
    return before.before_import if before.before_import is not None else (before.score, before.band)


def renews_at(stands: Standing) -> datetime | None:
    """When its contract renews, as far as that is known."""
    return _instant(_text(stands, "account.renews_at"))


def set_by_us(stands: Standing, traits: Mapping[str, Any], now: datetime) -> Standing:
    """The same, with these traits set by playbooks now."""
    kept = {name: [at for at in ats if at > now - _DAY] for name, ats in stands.sets.items()}
    kept |= {name: [*kept.get(name, ()), now] for name in traits}
    sets = {name: ats for name, ats in kept.items() if ats}
    return msgspec.structs.replace(stands, sets=sets, sent={**stands.sent, **traits})


def still_sent(before: Standing | None, assessed: AccountAssessed) -> dict[str, Any]:
    """Of what playbooks have set at an account that of which this assessment doesn't tell, either."""
    if before is None or not before.sent:
        return {}
    told = assessed.cause.data.get("traits") if assessed.cause.type == "account.updated" else None
    names = told if isinstance(told, dict) else {}
    return {
        name: value
        for name, value in before.sent.items()
        if name not in names and assessed.facts.get(fact_of(name)) != value
    }


def fact_of(trait: str) -> str:
    """The fact that a trait of an account is."""
    return f"account.{trait}" if trait in _KNOWN_TRAITS else f"account.traits.{trait}"


def stand_already(stands: Standing, traits: Mapping[str, Any]) -> bool:
    """Do the facts say of all these traits that they are so, and has no playbook just set another?"""
    return all(
        stands.facts.get(fact_of(name)) == value and stands.sent.get(name, value) == value
        for name, value in traits.items()
    )


def set_too_often(stands: Standing, traits: Iterable[str], now: datetime) -> str | None:
    """Which of these traits playbooks have set so often within a day that they may undo each other's work, if any."""
    since = now - _DAY
    often = (name for name in traits if sum(at > since for at in stands.sets.get(name, ())) >= _MOST_SETS)
    return next(often, None)


def looked_at(before: Standing | None, assessed: AccountAssessed) -> datetime:
    """When the look at an assessment is: never before the last, unless that was by a clock that ran ahead."""
    if before is None or ran_ahead(before, assessed):
        return assessed.at
    return max(assessed.at, before.at)


def ran_ahead(before: Standing, assessed: AccountAssessed) -> bool:
    """Was the last look by a clock that ran ahead?"""
    return before.at - assessed.at > _CLOCKS_DIFFER


def is_by_time(cause: Cause) -> bool:
    """True when no event caused the assessment, so that what comes of it can wait for working hours."""
    return cause.kind not in ("event", "usage")


def knew_until(assessed: AccountAssessed) -> datetime | None:
    """The instant up to which nothing was accepted that this assessment, or a later one, is the first to tell of."""
    if assessed.cause.kind == "time":
        # Scoring's timers are due at midnight or later, and run when everything accepted by then was read.
        return assessed.at.replace(hour=0, minute=0, second=0, microsecond=0)
    return assessed.cause.accepted


def owner(stands: Standing) -> str | None:
    """The owner's e-mail."""
    return _text(stands, "account.owner")


def stage(stands: Standing) -> str | None:
    """Where the account is on its way."""
    return _text(stands, "account.stage")


def card(stands: Standing) -> AccountCard:
    """The account at a glance."""
    mrr: Any = stands.facts.get("account.mrr_minor")
    return AccountCard(
        id=stands.account,
        name=_text(stands, "account.name") or stands.account,
        **{name: _text(stands, f"account.{name}") for name in ("plan", "segment", "stage", "owner", "currency")},
        mrr_minor=int(mrr) if isinstance(mrr, int | float) else None,
        renews_at=_instant(_text(stands, "account.renews_at")),
        score=stands.score,
        previous_score=stands.previous_score,
        band=stands.band,
        previous_band=stands.previous_band,
        last_contact_at=_instant(_text(stands, "relationship.last_interaction_at")),
        contact_id=_text(stands, "contacts.main_id"),
        contact=_text(stands, "contacts.main"),
    )


def _text(stands: Standing, name: str) -> str | None:
    value = stands.facts.get(name)
    return value if isinstance(value, str) else None


def _instant(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
