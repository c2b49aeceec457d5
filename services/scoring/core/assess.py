"""One assessment: from an account's state and what was last decided to what is told, kept, and looked at again when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import blake2b
from typing import Final

import msgspec

from services.scoring.core import drivers as d
from services.scoring.core.clock import DAY_US, day_of_us, instant_of, micros, midnight_after
from services.scoring.core.facts import LAST_SEEN, account_facts, facts_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import View, points_on
from services.scoring.core.measures.relationship import PULSE, PULSE_US
from services.scoring.core.profile import Profile
from services.scoring.core.reasons import reason
from services.scoring.core.score import Read, Scored, band, mean_of, points_without_data, read_measures, score
from services.scoring.core.scorecard import Cap, Rules, Scorecard
from services.scoring.core.state import Account
from shared.conditions import Facts, flip_instant, leaves_of
from shared.conditions.words import described
from shared.messages.assessments import AccountAssessed, Band, Cause, Driver, FactValue, MeasureReading
from shared.words import clean, scored

_NO_NEWS: Final = ("health.previous_score", "health.previous_band", "health.change", LAST_SEEN)
"""Facts about the step itself don't make news of an assessment, and the last use does now and then only."""
_HOUR_US: Final = DAY_US // 24
_GOOD: Final = 7500
NONE_YET: Final = "it has not been assessed yet"


class Decision(msgspec.Struct, array_like=True, frozen=True):
    """What was last decided about an account, kept for the next time."""

    rev: int
    at: int
    """In microseconds since 1970, as whatever is kept."""
    score: int | None
    band: Band
    coverage: int
    card: str
    mean: tuple[int, int]
    """Σ weight·points and Σ weight."""
    cap: tuple[str, int] | None
    """The cap that holds the score, and at what."""
    reads: dict[str, tuple[float | None, int | None, str]]
    news: bytes
    """A digest of the facts, to see whether anything is new."""
    reason: str
    previous_score: int | None
    previous_band: Band
    last_used: int = 0
    """The last use that was told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of looking at an account."""

    assessed: AccountAssessed | None
    """None: nothing is new, so nothing is told."""
    decision: Decision
    next_at: datetime | None
    """When time alone may change something."""
    for_ledger: bool
    profile: Profile


@dataclass(frozen=True, slots=True)
class Asked:
    """Why an account is looked at, and what else its assessment carries."""

    cause: Cause
    events: Sequence[str] = ()
    """`source id` of the usage behind it."""
    imports: Sequence[str] = ()
    found_in: str | None = None
    act_on_found: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """An account measured and scored at an instant, before any decision."""

    view: View
    card: Scorecard
    reads: dict[str, Read]
    facts: dict[str, FactValue]
    unknown: dict[str, str]
    scored: Scored


def look(account: Account, now: datetime, rules: Rules) -> Look:
    """Measure and score. A function of state and `now`: it depends on no order and no earlier decision."""
    view = View(account, now, rules.catalogue)
    who = account_facts(view)
    card = rules.card_for(Facts.of(who), now)
    if view.profile.gone is not None:
        return Look(view, card, {}, _gone_facts(who), {}, Scored(0, 0, 0, None, None, view.profile.gone_in_words))
    reads = read_measures(view, card)
    facts, unknown = facts_of(view, reads)
    return Look(view, card, reads, facts, unknown, score(reads, card, Facts.of(facts), view))


def _gone_facts(who: Mapping[str, FactValue]) -> dict[str, FactValue]:
    """Nothing is told of an account that is gone but its name, so that no rule finds anything in it."""
    return {name: who[name] for name in ("account.id", "account.name") if name in who}


def assess(account: Account, before: Decision | None, asked: Asked, now: datetime, rules: Rules) -> Outcome:
    """Look at an account and decide. What usage or time caused is told only when a fact changed."""
    seen = look(account, now, rules)
    old_score, old_band = (None, "unknown") if before is None else (before.score, before.band)
    new_score = seen.scored.score
    new_band = band(new_score, seen.card.bands, old_band)
    health: dict[str, FactValue | None] = {
        "health.score": _points(new_score),
        "health.band": new_band,
        "health.coverage": seen.scored.coverage / 100,
        "health.previous_score": _points(old_score),
        "health.previous_band": old_band,
        "health.change": _points(new_score - old_score) if new_score is not None and old_score is not None else None,
    }
    facts = seen.facts | {name: value for name, value in health.items() if value is not None}
    news = _news(facts, seen.card)
    next_at = _next_at(seen, rules)
    quiet = asked.cause.kind in ("usage", "time", "scorecard") and asked.found_in is None
    if quiet and before is not None and before.news == news and not _was_seen_anew(before, seen):
        return Outcome(None, before, next_at, for_ledger=False, profile=seen.view.profile)
    moved = _drivers(seen, before, asked) if before is not None else []
    unknown = seen.unknown if new_score is not None else {**seen.unknown, "health.score": seen.scored.why_unknown}
    rev = 1 if before is None else before.rev + 1
    assessed = AccountAssessed(
        rev=rev,
        at=now,
        cause=asked.cause,
        facts=facts,
        unknown=unknown,
        score=new_score,
        band=new_band,
        previous_score=old_score,
        previous_band=old_band,
        coverage=seen.scored.coverage,
        scorecard=seen.card.ref,
        measures=readings(seen.card, seen.reads),
        drivers=moved,
        imports=list(asked.imports),
        found_in=asked.found_in,
        act_on_found=asked.act_on_found,
        gone=seen.view.profile.gone,
    )
    cap = seen.scored.cap
    changed = before is None or (new_score, new_band) != (old_score, old_band)
    decision = Decision(
        rev=rev,
        at=micros(now),
        score=new_score,
        band=new_band,
        coverage=seen.scored.coverage,
        card=seen.card.ref,
        mean=(seen.scored.total, seen.scored.weight),
        cap=None if cap is None else (cap.name, cap.at_most),
        reads={name: (one.raw, one.points, one.words) for name, one in seen.reads.items()},
        news=news,
        reason=_in_one_line(seen),
        previous_score=old_score if changed or before is None else before.previous_score,
        previous_band=old_band if changed or before is None else before.previous_band,
        last_used=seen.view.state.last_used,
    )
    for_ledger = changed or asked.cause.kind == "event"
    return Outcome(assessed, decision, next_at, for_ledger, seen.view.profile)


def _points(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


_encoder = msgspec.msgpack.Encoder(order="sorted")


def _news(facts: Mapping[str, FactValue], card: Scorecard) -> bytes:
    told = {name: value for name, value in facts.items() if name not in _NO_NEWS}
    return blake2b(_encoder.encode((card.ref, told)), digest_size=16).digest()


def _was_seen_anew(before: Decision, seen: Look) -> bool:
    """Whether the last use is news: once an hour while it is today's, and at last, at midnight, to the second.

    What is in use all day long would else have a new fact every second.
    """
    last, told = seen.view.state.last_used, before.last_used
    if last == told or LAST_SEEN not in seen.facts:
        return False
    return day_of_us(last) < seen.view.today or last // _HOUR_US != told // _HOUR_US


def readings(card: Scorecard, reads: Mapping[str, Read]) -> list[MeasureReading]:
    """The card's measures, heaviest first."""
    return [
        MeasureReading(
            name=one.name,
            weight=one.weight,
            raw=reads[one.name].raw,
            unit=MEASURES[one.name].unit,
            points=reads[one.name].points,
            words=reads[one.name].words,
        )
        for one in sorted(card.measures, key=lambda one: -one.weight)
        if one.name in reads
    ]


def _in_words(cap: Cap, seen: Look) -> str:
    """A cap as a customer-success manager would put it: by what its measures read, else by its condition."""
    names = [leaf.subject.name for leaf in leaves_of(cap.condition)]
    read = [seen.reads[name].words for name in names if name in seen.reads and seen.reads[name].words]
    return f"held at {scored(cap.at_most)} at most: {', '.join(read) or described(cap.condition)}"


def _in_one_line(seen: Look) -> str:
    """What a list shows beside the score: why it is unknown, what caps it, or what costs most."""
    if seen.scored.score is None:
        return seen.scored.why_unknown
    if seen.scored.cap is not None:
        return _in_words(seen.scored.cap, seen)
    lost = [
        (one.weight * (10000 - points), one.name)
        for one in seen.card.measures
        if (points := seen.reads[one.name].points) is not None and points < _GOOD
    ]
    return seen.reads[max(lost)[1]].words if lost else ""


def _next_at(seen: Look, rules: Rules) -> datetime | None:
    """The next midnight where anything is dated; sooner where a pulse ends or a condition of a card flips."""
    view = seen.view
    if view.profile.gone is not None:
        return None
    state, now = view.state, view.now
    dated = state.last_used or view.tickets or view.invoices or state.answers or state.interaction or state.pulse
    instants: list[datetime] = []
    if dated or view.profile.signed_at is not None or view.profile.renews_at is not None:
        instants.append(midnight_after(now))
    if state.pulse is not None:
        # It counts for so long, and perhaps as the last known one for some days more: each to the microsecond.
        more = next((one.days_back for one in seen.card.measures if one.name == PULSE.name), 0)
        ends = (state.pulse.at + PULSE_US, state.pulse.at + PULSE_US + more * DAY_US)
        instants += [instant_of(end) for end in ends if end > micros(now)]
    facts = Facts.of(seen.facts)
    conditions = [cap.condition for cap in seen.card.caps]
    conditions += [card.for_accounts for card in rules.cards if card.for_accounts is not None]
    instants += [at for one in conditions if (at := flip_instant(one, facts, now)) is not None]
    return min(instants, default=None)


def _drivers(seen: Look, before: Decision, asked: Asked) -> list[Driver]:
    """What moved the score since the last decision; none from or to unknown. They sum to the change, exactly."""
    if seen.scored.score is None or before.score is None:
        return []
    card, new = seen.card, {name: one.points for name, one in seen.reads.items()}
    old = {name: points for name, (_, points, _) in before.reads.items()}
    old_mean = Fraction(*before.mean)
    parts: dict[tuple[str, str], Fraction] = {}
    if card.ref != before.card:
        old = _read_anew(seen, before)
        total, weight = mean_of(old, card)
        if not weight:
            # Nothing that the new card counts was known: it explains the whole change of the mean.
            old, (total, weight) = new, (seen.scored.total, seen.scored.weight)
        parts["scorecard", card.id] = Fraction(total, weight) - old_mean
    parts |= {("measure", name): value for name, value in d.shares(old, new, card).items()}
    new_cap = seen.scored.cap
    held = None if before.cap is None else (before.cap[0], old_mean - before.cap[1])
    holds = None if new_cap is None else (new_cap, Fraction(seen.scored.total, seen.scored.weight) - new_cap.at_most)
    parts |= {("cap", name): value for name, value in d.caps_moved(held, holds).items()}
    whole = d.in_whole({key: value for key, value in parts.items() if value}, seen.scored.score - before.score)
    found = [_driver(kind, name, points, seen, before, asked) for (kind, name), points in whole.items() if points]
    return sorted(found, key=lambda driver: -abs(driver.points))


def _read_anew(seen: Look, before: Decision) -> dict[str, int | None]:
    """The readings of the last decision by another card: its curves, and its answers to what is missing."""
    anew: dict[str, int | None] = {}
    for one in seen.card.measures:
        raw = before.reads.get(one.name, (None, None, ""))[0]
        if raw is not None:
            anew[one.name] = points_on(one.curve, raw)
        elif one.missing == "last-known":
            # What it finds now: that it looks for it at all is the card's doing.
            anew[one.name] = seen.reads[one.name].points
        else:
            anew[one.name] = points_without_data(one)
    return anew


def _driver(kind: str, name: str, points: int, seen: Look, before: Decision, asked: Asked) -> Driver:
    if kind == "measure":
        raw, old_points, words = before.reads.get(name, (None, None, ""))
        why, events = reason(
            name, Read(raw, old_points, words), seen.reads[name], seen.view, asked.cause, before.at, asked.events
        )
        return Driver(kind="measure", name=name, points=points, reason=clean(why), events=events)
    if kind == "cap":
        cap = next((one for one in seen.card.caps if one.name == name), None)
        held = seen.scored.cap is not None and seen.scored.cap.name == name
        words = f"while {name}" if cap is None else _in_words(cap, seen)
        return Driver(kind="cap", name=name, points=points, reason=words if held else f"no longer {words}")
    return Driver(kind="scorecard", name=name, points=points, reason=f"now scored as {seen.card.title}")
