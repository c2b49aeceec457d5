"""How far the score moved over some days by what happened to the account, and not by what we came to know or forgot."""

from bisect import bisect_right
from collections.abc import Sequence

from services.scoring.core.decision import Changes, Decision, Occasion
from services.scoring.core.health import Health
from services.scoring.core.measures import MEASURES
from shared.conditions import source_of
from shared.messages.assessments import Driver

DAYS = (1, 7, 14, 30, 90)


def facts_of(changes: Changes, today: int) -> dict[str, float]:
    """`health.change.7d` and its like, in points: from the end of the day so many days ago until now.

    Of an account that is known for less, from the end of its first day.
    """
    days = changes.days
    if not days or days[0][0] >= today:
        return {}
    now = days[-1][1]
    return {f"health.change.{back}d": (now - days[max(0, _after(days, today - back) - 1)][1]) / 100 for back in DAYS}


def next_day(changes: Changes, today: int) -> int | None:
    """The next day at whose midnight one of these facts may change by time alone."""
    days = changes.days
    later = [days[place][0] + back for back in DAYS if (place := _after(days, today - back)) < len(days)]
    return min(later, default=None)


def after(changes: Changes, today: int, score: int | None, moved: int) -> Changes:
    """What there is to remember once the score is this, and such a part of its move counts, in hundredths."""
    days = changes.days
    if score is None or (days and not moved):
        return changes
    level = days[-1][1] + moved if days else score
    kept = [day for day in days if day[0] != today]
    first = max(0, _after(kept, today - DAYS[-1]) - 1)
    return Changes((*kept[first:], (today, level)))


def counted(drivers: Sequence[Driver], health: Health, before: Decision, occasion: Occasion) -> int:
    """How much of a move counts, in hundredths: what the account and its people did, not what we know of them.

    Left out is what an import brought; a change of rules and what another card's caps do; a measure that began or
    ceased to have data; answers that expired; a cap that time alone lifts, as what it rests on has become too old; and
    what an interruption of a source moved, with the caps that its end lets hold or lift.
    Where the same cap holds before and after the score is pinned, whatever its measures do.
    """
    if occasion.cause.kind in ("history", "scorecard") or occasion.imports or occasion.found_in is not None:
        return 0
    cap, same_card = health.score.cap, health.card.ref == before.scorecard
    if cap is not None and before.hold is not None and same_card and cap.name == before.hold.while_:
        return 0
    # One cap that gives way to another is one move: it is lifted by time only where all of them together lift.
    caps = sum(driver.points for driver in drivers if driver.kind == "cap")
    lifted_by_time = occasion.cause.kind == "time" and caps > 0
    own = sum(driver.points for driver in drivers if _counts(driver, health, before, occasion))
    stopped = health.view.interrupted
    resumed = any(one.kept and source_of(name) not in stopped for name, one in before.readings.items())
    return own + (caps if same_card and not lifted_by_time and not resumed else 0)


def _counts(driver: Driver, health: Health, before: Decision, occasion: Occasion) -> bool:
    if driver.kind != "measure":
        return False
    old, new = before.readings.get(driver.name), health.readings[driver.name]
    if old is None or old.points is None or new.points is None:
        return False
    measure = MEASURES[driver.name]
    return measure.group != "voices" or (occasion.cause.type or "").startswith(measure.moved_by)


def _after(days: Sequence[tuple[int, int]], day: int) -> int:
    """The place of the first that lies after a day."""
    return bisect_right(days, day, key=lambda one: one[0])
