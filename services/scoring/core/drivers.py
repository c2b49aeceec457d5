"""What moved a score since it was last decided: each measure, cap and change of scorecard, in words and hundredths."""

from fractions import Fraction

from services.scoring.core.clock import day_of_us
from services.scoring.core.decision import Decided, Decision, Occasion
from services.scoring.core.health import Health
from services.scoring.core.measures.base import points_of
from services.scoring.core.reasons import reason
from services.scoring.core.score import mean_of, points_without_data
from services.scoring.core.scorecard import Cap
from services.scoring.core.shapley import shares
from shared.conditions import source_of
from shared.messages.assessments import Driver
from shared.words import clean, in_whole


def drivers_of(health: Health, before: Decision, occasion: Occasion) -> list[Driver]:
    """Heaviest first; none from or to unknown. They sum to the change that is shown, exactly.

    The change is divided into three steps, one after the other: the old readings by the new card, the new readings on
    that card, and the caps on either side. The last mean of each step is the first of the next.
    """
    score = health.score
    if score.points is None or before.score is None:
        return []
    if not (score.weight and before.mean[1]):
        # On one side or both the score is a cap's alone: there is no mean to divide.
        return _by_cap_alone(health, before, occasion)
    card, new = health.card, {name: one.points for name, one in health.readings.items()}
    old = {name: one.points for name, one in before.readings.items()}
    old_mean, new_mean = Fraction(*before.mean), Fraction(score.total, score.weight)
    parts: dict[tuple[str, str], Fraction] = {}
    if card.ref != before.scorecard:
        old = _by_new_card(health, before)
        total, weight = mean_of(old, card)
        if not weight:
            # Nothing that the new card counts was known: it explains the whole change of the mean.
            old, (total, weight) = new, (score.total, score.weight)
        parts["scorecard", card.id] = Fraction(total, weight) - old_mean
    for name, value in shares(old, new, card).items():
        key = _key_of(name, health, before)
        parts[key] = parts.get(key, Fraction(0)) + value
    if before.hold is not None:
        parts["cap", before.hold.while_] = old_mean - before.hold.at_most
    if score.cap is not None:
        key = "cap", score.cap.name
        parts[key] = parts.get(key, Fraction(0)) - (new_mean - card.ceiling(score.cap))
    whole = in_whole({key: value for key, value in parts.items() if value}, score.points - before.score)
    found = [_driver(kind, name, points, health, before, occasion) for (kind, name), points in whole.items() if points]
    return sorted(found, key=lambda driver: -abs(driver.points))


def _key_of(name: str, health: Health, before: Decision) -> tuple[str, str]:
    """What a measure's move is told as: as the interruption's of its source, where one kept it on either side."""
    source = source_of(name)
    kept = before.readings.get(name, Decided()).kept or source in health.view.interrupted
    return ("interruption", source) if source is not None and kept else ("measure", name)


def _by_cap_alone(health: Health, before: Decision, occasion: Occasion) -> list[Driver]:
    """The whole change is a cap's: the one that holds now, else the one that has gone."""
    moved = (health.score.points or 0) - (before.score or 0)
    held = health.score.cap.name if health.score.cap is not None else before.hold.while_ if before.hold else None
    return [] if not moved or held is None else [_driver("cap", held, moved, health, before, occasion)]


def _by_new_card(health: Health, before: Decision) -> dict[str, int | None]:
    """The readings of the last decision by another card: its curves, and its answers to what is missing."""
    anew: dict[str, int | None] = {}
    for one in (each.at(health.view.tenure) for each in health.card.measures):
        was = before.readings.get(one.name, Decided())
        if was.raw is not None:
            anew[one.name] = points_of(one.curve, was.raw, was.spread)
        elif one.missing == "last-known" or health.view.muted(one.name) is not None:
            # What it finds now: that it looks for it at all is the card's doing. A muted one has nothing on any card.
            anew[one.name] = health.readings[one.name].points
        else:
            anew[one.name] = points_without_data(one)
    return anew


def _of_cap(name: str, cap: Cap | None, health: Health, holds: bool) -> str:
    """What holds the score down; or that it does no more, which the card's own words say best."""
    if cap is None:
        return f"no longer while {name}"
    if holds:
        return health.in_words(cap)
    return f"no longer at most {cap.at_most}: {cap.says}" if cap.says else f"no longer {health.in_words(cap)}"


def _turned(name: str, health: Health, before: Decision) -> int | None:
    """From which day of tenure a measure has another curve, where it was decided last by the one before."""
    since, card = health.view.since, health.card
    if since is None or card.ref != before.scorecard:
        return None
    then, now = day_of_us(before.at) - since, health.view.today - since
    turns = [days for one in card.measures if one.name == name for days, _ in one.later if then < days <= now]
    return max(turns, default=None)


def _driver(kind: str, name: str, points: int, health: Health, before: Decision, occasion: Occasion) -> Driver:
    if kind == "measure":
        raw = before.readings.get(name, Decided()).raw
        why, events = reason(raw, health.readings[name], health.view, occasion, before.at)
        if (turned := _turned(name, health, before)) is not None:
            why = f"{why}; from day {turned} on another curve counts"
        return Driver(kind="measure", name=name, points=points, reason=clean(why), events=events)
    if kind == "cap":
        cap = next((one for one in health.card.caps if one.name == name), None)
        holds = health.score.cap is not None and health.score.cap.name == name
        return Driver(kind="cap", name=name, points=points, reason=_of_cap(name, cap, health, holds))
    if kind == "interruption":
        over = name not in health.view.interrupted
        why = f"{name}, which had been interrupted, is heard of again" if over else f"{name} is interrupted"
        return Driver(kind="interruption", name=name, points=points, reason=why)
    return Driver(kind="scorecard", name=name, points=points, reason=f"now scored as {health.card.title}")
