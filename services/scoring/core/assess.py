"""One assessment: from an account's health and what was last decided to what is told, kept, and looked at when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from services.scoring.core import changes
from services.scoring.core.clock import DAY_US, day_of_us
from services.scoring.core.decision import Changes, Decided, Decision, Hold, Occasion
from services.scoring.core.drivers import drivers_of
from services.scoring.core.facts import LAST_SEEN, plan_facts
from services.scoring.core.goals import rest_on_score
from services.scoring.core.health import Health, health_of
from services.scoring.core.measures.base import View
from services.scoring.core.profile import Profile
from services.scoring.core.score import band, groups_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.core.timing import next_look
from shared.conditions import NOWHERE
from shared.messages.assessments import AccountAssessed, Band, Driver, FactValue, MeasureReading
from shared.messages.stamps import micros

_NO_NEWS: Final = ("health.previous_score", "health.previous_band", "health.change", LAST_SEEN, "usage.uses")
"""Facts about the step itself don't make news of an assessment, and the last use, with their number, now and then."""
_HOUR_US: Final = DAY_US // 24
_TENTH: Final = 10
"""Percent: less is how revenue moves, more is news."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of looking at an account."""

    assessed: AccountAssessed | None
    """None: nothing is new, so nothing is told."""
    decision: Decision
    for_ledger: bool
    """It moved score or band or the books that the account is in, or an event caused it."""
    for_days: bool
    """It changed how the account stands that day."""
    health: Health = field(compare=False, repr=False)
    rules: Rules = field(compare=False, repr=False)
    reason: str = ""
    """Why there is no score, or that the customer came back: what stands where there can be no drivers."""

    @property
    def view(self) -> View:
        """What was looked at."""
        return self.health.view

    @property
    def profile(self) -> Profile:
        """Who the account is."""
        return self.view.profile

    @property
    def next_at(self) -> datetime | None:
        """When time alone may change something. Not kept: of all that is decided in a batch the last alone is asked."""
        return next_look(self.health, self.rules, self.decision.changes)


def assess(
    account: Account,
    before: Decision | None,
    occasion: Occasion,
    now: datetime,
    rules: Rules,
    seen: View | None = None,
    interrupted: Mapping[str, datetime] = NOWHERE,
) -> Outcome:
    """Look at an account and decide. What usage or time caused is told only when a fact changed, and so is what says
    again what was known.

    `seen` is a view at this instant since when only tickets and invoices have changed. `interrupted` says of sources
    since when they are.
    """
    health = health_of(account, now, rules, seen, interrupted)
    score, profile, cause = health.score, health.view.profile, occasion.cause
    old_score, old_band = (None, "unknown") if before is None else (before.score, before.band)
    new_band = band(score.points, health.card.bands, old_band)
    facts = {**health.facts, **health_facts(health, new_band, old_score, old_band)}
    if rest_on_score(account.state) and "goals.open" in facts:
        facts = {name: value for name, value in facts.items() if not name.startswith("goals.")}
        facts |= plan_facts(health.view, facts, health.unknown)
    news = _digest(facts, health.card.ref)
    anew = before is not None and before.left_at is not None and profile.came_back_at is not None
    moves = Changes() if before is None or anew else before.changes
    quiet = occasion.nothing_new or (cause.kind in ("usage", "time", "scorecard") and occasion.found_in is None)
    if quiet and before is not None and before.news == news and not _is_seen_anew(before, health):
        return Outcome(None, before, for_ledger=False, for_days=False, health=health, rules=rules)
    drivers: list[Driver] = []
    moved = 0
    if before is not None:
        drivers = drivers_of(health, before, occasion)
        moved = changes.counted(drivers, health, before, occasion)
    moves = Changes() if profile.gone else changes.after(moves, health.view.today, score.points, moved)
    facts |= changes.facts_of(moves, health.view.today) if score.points is not None else {}
    rev = 1 if before is None else before.rev + 1
    assessed = AccountAssessed(
        rev=rev,
        at=now,
        cause=cause,
        facts=facts,
        unknown={**health.unknown, **({"health.score": score.why_unknown} if score.points is None else {})},
        score=score.points,
        band=new_band,
        previous_score=old_score,
        previous_band=old_band,
        coverage=score.coverage,
        scorecard=health.card.ref,
        measures=health.counted,
        drivers=drivers,
        imports=list(occasion.imports),
        found_in=occasion.found_in,
        act_on_found=occasion.act_on_found,
        gone=profile.gone,
        merged_into=profile.merged_into,
    )
    changed = before is None or (score.points, new_band) != (old_score, old_band)
    decision = Decision(
        rev=rev,
        at=micros(now),
        score=score.points,
        band=new_band,
        coverage=score.coverage,
        scorecard=health.card.ref,
        mean=(score.total, score.weight),
        hold=None if score.cap is None else Hold(health.card.ceiling(score.cap), score.cap.name),
        readings={
            name: Decided(
                one.raw, one.points, one.words, health.spreads.get(name, ()), one.interrupted_since is not None
            )
            for name, one in health.readings.items()
        },
        news=news,
        reason=health.reason,
        previous_score=old_score if changed or before is None else before.previous_score,
        last_used=health.view.state.last_used,
        book=profile.book,
        changes=moves,
        left_at=profile.churned_at,
    )
    parted = before is not None and before.left_at != decision.left_at
    for_ledger = changed or parted or cause.kind == "event" or before is None or before.book != decision.book
    for_days = changed or before is None or before.coverage != decision.coverage
    why = [profile.back_in_words if anew else "", score.why_unknown if score.points is None else ""]
    return Outcome(assessed, decision, for_ledger, for_days, health, rules, "; ".join(filter(None, why)))


def health_facts(health: Health, new_band: Band, old_score: int | None, old_band: Band) -> dict[str, FactValue]:
    """What is known of the score and its band."""
    new_score = health.score.points
    facts: dict[str, FactValue | None] = {
        "health.score": None if new_score is None else new_score / 100,
        "health.band": new_band,
        "health.coverage": health.score.coverage / 100,
        "health.previous_score": None if old_score is None else old_score / 100,
        "health.previous_band": old_band,
        "health.change": None if new_score is None or old_score is None else (new_score - old_score) / 100,
        "health.disagreement": _disagree(new_band, health.readings),
        **{f"health.{group}": points / 100 for group, points in groups_of(health.readings, health.card).items()},
    }
    return {name: value for name, value in facts.items() if value is not None}


def _disagree(band: Band, readings: Mapping[str, MeasureReading]) -> bool | None:
    """Whether the score says another thing than the revenue of 90 days: green while it fell, red while it grew."""
    change = readings["contract.change"].raw if "contract.change" in readings else None
    if change is None or band == "unknown":
        return None
    return (band == "green" and change <= -_TENTH) or (band == "red" and change >= _TENTH)


_encoder = msgspec.msgpack.Encoder(order="sorted")


def _digest(facts: Mapping[str, FactValue], card: str) -> bytes:
    told = {name: value for name, value in facts.items() if name not in _NO_NEWS}
    return blake2b(_encoder.encode((card, told)), digest_size=16).digest()


def _is_seen_anew(before: Decision, health: Health) -> bool:
    """Whether what is no news by itself is some now: the last use, or a day that left the windows of change."""
    return _was_used_anew(before, health) or _has_rolled(before, health)


def _has_rolled(before: Decision, health: Health) -> bool:
    then, today = day_of_us(before.at), health.view.today
    if then == today or health.score.points is None:
        return False
    return changes.facts_of(before.changes, then) != changes.facts_of(before.changes, today)


def _was_used_anew(before: Decision, health: Health) -> bool:
    """Whether the last use is news: once an hour while it is today's, and at last, at midnight, to the second.

    What is in use all day long would else have a new fact every second.
    """
    last, told = health.view.state.last_used, before.last_used
    if last == told or LAST_SEEN not in health.facts:
        return False
    return day_of_us(last) < health.view.today or last // _HOUR_US != told // _HOUR_US
