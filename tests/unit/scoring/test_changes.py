"""How far the score moved over some days: by what happened, and not by what we came to know or forgot."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core import changes
from services.scoring.core.assess import Outcome
from services.scoring.core.clock import DAY_US, day_of
from services.scoring.core.decision import Changes, Decision, Occasion
from services.scoring.core.health import health_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.core.timing import next_look
from shared.messages.assessments import Cause
from shared.messages.envelope import Event
from shared.messages.stamps import instant_of
from tests.support.scoring import (
    BY_TIME,
    DAY,
    NOW,
    SHIPPED,
    a_pulse,
    a_ticket,
    after,
    an_account,
    an_event,
    assessed,
    busy,
    nps,
    told,
    traits,
)

TODAY = day_of(NOW)


@given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(-900, 900)), max_size=40))
def test_each_window_begins_at_the_end_of_its_day(moves: list[tuple[int, int | None]]) -> None:
    """Whatever happens on which days: kept in few pairs, and as if every day had been kept."""
    kept, today = Changes(), TODAY
    ends: dict[int, int] = {}
    for days, moved in moves:
        today += days
        score = None if moved is None else 5000
        kept = changes.after(kept, today, score, moved or 0)
        if score is not None:
            ends[today] = (ends[max(ends)] + (moved or 0)) if ends else score
    assert len(kept.days) <= 92
    expected = {}
    for back in changes.DAYS if ends and min(ends) < today else ():
        then = max((day for day in ends if day <= today - back), default=min(ends))
        expected[f"health.change.{back}d"] = (ends[max(ends)] - ends[then]) / 100
    assert changes.facts_of(kept, today) == expected


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(-900, 900)), max_size=20))
def test_by_time_alone_nothing_changes_before_the_day_that_is_looked_at(moves: list[tuple[int, int]]) -> None:
    kept, today = Changes(), TODAY
    for days, moved in moves:
        today += days
        kept = changes.after(kept, today, 5000, moved)
    day = changes.next_day(kept, today)
    until = today + 100 if day is None else day
    assert all(changes.facts_of(kept, each) == changes.facts_of(kept, today) for each in range(today, until))


def _slides(*steps: tuple[float, Event | Occasion], account: Account | None = None, rules: Rules = SHIPPED) -> Outcome:
    """An account that does well at first; then each of these events, so many days later."""
    account = account or an_account(*busy(range(60)), nps(9, contact="c1", at=NOW - 10 * DAY))
    outcome = assessed(account, rules=rules)
    for days, what in steps:
        if isinstance(what, Event):
            after(what, account=account)
        outcome = assessed(account, before=outcome.decision, now=NOW + days * DAY, by=what, rules=rules)
    return outcome


def _of(outcome: Outcome) -> dict[str, Any]:
    facts = told(outcome).facts
    return {name: facts.get(f"health.change.{name}") for name in ("1d", "7d", "14d", "30d", "90d")}


def _urgent(days: float, id: str = "T-1") -> Event:
    at: datetime = NOW + days * DAY
    return a_ticket(id, at=at, opened_at=at, priority="urgent")


def test_on_its_first_day_there_is_no_change_to_tell() -> None:
    assert set(_of(_slides()).values()) == {None}


def test_what_happens_moves_it_at_once() -> None:
    # The second urgent ticket is no first data: it has a reading to change.
    opened = _slides((1, _urgent(1)), (2, _urgent(2, "T-2")))
    fell = (told(opened).score or 0) - (told(opened).previous_score or 0)
    assert fell < 0
    assert _of(opened)["1d"] == fell / 100


def test_a_day_that_leaves_a_window_is_news_at_its_midnight_alone() -> None:
    account = an_account(*busy(range(60)))
    first = assessed(account).decision
    assert assessed(account, before=first).assessed is None
    days = ((TODAY - 30, 9000), (TODAY - 7, 8000))
    moved = msgspec.structs.replace(first, changes=Changes(days))
    assert assessed(account, before=moved).assessed is None, "it was told today"
    rolled = assessed(account, before=msgspec.structs.replace(moved, at=first.at - DAY_US))
    assert (_of(rolled)["7d"], _of(rolled)["14d"]) == (0, -10)
    bare = health_of(after(traits(name="Bare")), NOW, SHIPPED)
    assert next_look(bare, SHIPPED, Changes()) is None
    assert next_look(bare, SHIPPED, Changes(days)) == instant_of((TODAY + 7) * DAY_US)


def test_a_first_answer_does_not_move_it() -> None:
    account = an_account(*busy(range(60)))
    first = _slides((1, nps(0, contact="c2", at=NOW + DAY)), account=account)
    assert (told(first).score or 0) < (told(first).previous_score or 0)
    measures = {driver.name: driver.points for driver in told(first).drivers if driver.kind == "measure"}
    assert measures["feedback.nps"] < 0
    before = told(first).facts["health.change.7d"]
    expected = sum(points for name, points in measures.items() if name != "feedback.nps")
    caps = sum(driver.points for driver in told(first).drivers if driver.kind == "cap")
    assert before == (expected + caps) / 100


@pytest.mark.parametrize("by", [Occasion(Cause(kind="history"), found_in="i1"), Occasion(Cause(kind="scorecard"))])
def test_what_is_found_moves_nothing(by: Occasion) -> None:
    account = an_account(*busy(range(60)), _urgent(0))
    outcome = assessed(account)
    after(_urgent(1, "T-2"), account=account)
    found = assessed(account, before=outcome.decision, now=NOW + DAY, by=by)
    assert (told(found).score or 0) < (told(found).previous_score or 0)
    assert _of(found)["7d"] == 0


def test_an_answer_that_expires_does_not_move_it() -> None:
    rules = SHIPPED
    answers = [nps(0, contact="c1", at=NOW - 179 * DAY), nps(10, contact="c2", at=NOW - 10 * DAY)]
    account = an_account(*busy(range(60)), *answers)
    first = assessed(account, rules=rules)
    for day in range(1, 4):
        after(*busy(range(1), now=NOW + day * DAY), account=account)
        second = assessed(account, before=first.decision, now=NOW + day * DAY, by=BY_TIME, rules=rules)
        if second.assessed is not None and any(d.name == "feedback.nps" for d in second.assessed.drivers):
            rest = sum(d.points for d in second.assessed.drivers if d.name != "feedback.nps" and d.kind == "measure")
            moved = _level(second.decision) - _level(first.decision)
            assert moved == rest != (second.assessed.score or 0) - (second.assessed.previous_score or 0)
            return
        first = second
    raise AssertionError("the answer did not expire")


def _level(decision: Decision) -> int:
    return decision.changes.days[-1][1]


def test_another_card_does_not_move_it() -> None:
    account = an_account(*busy(range(60)), _urgent(0), stage="adopting")
    first = assessed(account)
    changed = traits(NOW + DAY, stage="renewal")
    outcome = assessed(after(changed, account=account), before=first.decision, now=NOW + DAY, by=changed)
    card = sum(driver.points for driver in told(outcome).drivers if driver.kind == "scorecard")
    assert card != 0
    move = (told(outcome).score or 0) - (told(outcome).previous_score or 0)
    assert _level(outcome.decision) - _level(first.decision) == move - card


def test_an_account_that_is_unknown_or_gone_has_no_change() -> None:
    account = an_account(*busy(range(60)), a_pulse(5))
    outcome = assessed(account)
    left = an_event("account.churned", at=NOW + DAY, reason="price")
    outcome = assessed(after(left, account=account), before=outcome.decision, now=NOW + DAY, by=left)
    assert set(_of(outcome).values()) == {None}
    erased = an_event("account.erased", at=NOW + DAY)
    outcome = assessed(after(erased, account=account), before=outcome.decision, now=NOW + DAY, by=erased)
    assert outcome.decision.changes == Changes()
