"""The success plan: goals are measured live, overdue on the second, and the same in whatever order they come."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.scoring.core import state as s
from services.scoring.core.clock import day_of
from services.scoring.core.goals import Progress, goals_of, progress_of
from services.scoring.core.packing import canonical
from services.scoring.core.state import Account
from shared.conditions import Facts
from shared.messages.assessments import FactValue
from shared.messages.envelope import Event
from shared.messages.stamps import micros
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_goal,
    a_ticket,
    after,
    an_account,
    an_event,
    an_invoice,
    assessed,
    busy,
    rules_of_one,
    told,
)

SEATS: dict[str, Any] = {"fact": "account.seats", "op": ">=", "target": 20}


def ended(goal: str = "g1", how: str = "reached", at: Any = NOW) -> Event:
    return an_event(f"goal.{how}", at=at, goal_id=goal)


def plan(account: Account, now: Any = NOW) -> dict[str, Progress]:
    """Its goals by these facts alone that are told of it."""
    facts = Facts.of(told(assessed(account, now=now)).facts)
    return {goal.id: progress_of(goal, SHIPPED.catalogue, facts, now) for goal in goals_of(account.state)}


def facts(account: Account, now: Any = NOW) -> dict[str, FactValue]:
    """What conditions can ask of its goals."""
    found = told(assessed(account, now=now)).facts
    return {name.removeprefix("goals."): value for name, value in found.items() if name.startswith("goals.")}


def test_who_has_no_plan_has_no_goal() -> None:
    assert facts(an_account()) == {"open": 0, "met": 0, "overdue": 0, "reached": 0}


def test_how_far_a_goal_is_is_told_by_its_fact_as_it_is_now() -> None:
    account = an_account(a_goal(**SEATS), a_goal("words", "Go live", due_at=NOW + 9 * DAY))
    one = plan(account)["g1"]
    assert (one.stands, one.value, one.holds, one.measure) == ("open", 10, False, "account.seats >= 20 seats")
    assert one.words == "10 seats, under 20"
    bare = plan(account)["words"]
    assert (bare.stands, bare.holds, bare.measure, bare.words) == ("open", None, None, "")
    grown = plan(an_account(a_goal(**SEATS), seats=20))["g1"]
    assert (grown.stands, grown.value, grown.holds) == ("met", 20, True)


def test_what_is_known_of_goals_can_be_asked_by_conditions() -> None:
    account = an_account(
        a_goal("late", "Go live", due_at=NOW - 9 * DAY),
        a_goal("later", "Train all", due_at=NOW - 2 * DAY, **SEATS),
        a_goal("met", "Fill ten seats", due_at=NOW - DAY, fact="account.seats", op=">=", target=10),
        a_goal("done", due_at=NOW - DAY),
        ended("done"),
        a_goal("gone", due_at=NOW - DAY),
        ended("gone", "dropped"),
        a_goal("next", due_at=NOW + 9 * DAY),
        ended("nothing known of"),
    )
    assert facts(account) == {
        "open": 4,
        "met": 1,
        "met_titles": ["Fill ten seats"],
        "overdue": 2,
        "overdue_titles": ["Go live", "Train all"],
        "overdue_since": "2026-05-11T12:00:00Z",
        "next_due_at": "2026-05-29T12:00:00Z",
        "reached": 1,
    }


def test_a_goal_is_overdue_on_the_second() -> None:
    due = NOW + timedelta(hours=5, seconds=1)
    account = an_account(a_goal(due_at=due))
    before = assessed(account)
    assert (before.next_at, told(before).facts["goals.overdue"]) == (due, 0)
    late = told(assessed(account, before=before.decision, now=due)).facts
    assert (late["goals.overdue"], late["goals.overdue_since"]) == (1, "2026-05-20T17:00:01Z")
    assert "goals.next_due_at" not in late


def test_what_time_alone_reaches_is_met_on_the_second() -> None:
    due = NOW - 3 * DAY - timedelta(hours=1)
    account = an_account(
        an_invoice(at=NOW - 9 * DAY, due_at=due),
        a_goal(due_at=NOW + 90 * DAY, fact="billing.overdue", op="<", target=3),
        a_goal("g2", due_at=NOW + 90 * DAY, fact="days_since billing.overdue_since", op=">=", target="74 hours"),
    )
    before = assessed(account)
    assert told(before).facts["goals.met"] == 0
    assert before.next_at == due + timedelta(hours=74)
    assert told(assessed(account, before=before.decision, now=due + timedelta(hours=74))).facts["goals.met"] == 1


def test_a_goal_on_the_score_is_measured_by_the_score_of_this_very_look() -> None:
    goal: dict[str, Any] = {"fact": "health.score", "op": ">=", "target": 90}
    account = an_account(*busy(range(60)), a_goal(**goal))
    before = assessed(account)
    assert (told(before).score or 0) < 9000
    assert told(before).facts["goals.met"] == 0
    rules = rules_of_one("usage.recency")
    assert told(assessed(account, rules=rules)).facts["goals.met"] == 1


def test_a_cap_may_rest_on_the_plan() -> None:
    rules = rules_of_one("usage.recency", caps={"goals.overdue >= 1": "amber"})
    account = an_account(*busy(range(60)), a_goal(due_at=NOW + DAY))
    assert told(assessed(account, rules=rules)).band == "green"
    assert told(assessed(account, now=NOW + DAY, rules=rules)).band == "amber"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"fact": "account.traits.size", "op": ">=", "target": 5}, "The trait `size` is not declared."),
        ({"fact": "usage.brteadth", "op": ">=", "target": 5}, "There is no fact `usage.brteadth`."),
        ({"fact": "feedback.nps", "op": ">=", "target": 50}, "NPS is unknown: no NPS answer in 180 days"),
        ({"fact": "goals.open", "op": "==", "target": 0}, "`goals.open` can't be used"),
    ],
)
def test_what_is_not_known_is_shown_as_unknown_with_the_reason(asked: dict[str, Any], words: str) -> None:
    account = an_account(a_goal(due_at=NOW - DAY, **asked))
    outcome = assessed(account)
    known = Facts.of(told(outcome).facts, told(outcome).unknown)
    (goal,) = goals_of(account.state)
    one = progress_of(goal, SHIPPED.catalogue, known, NOW)
    assert (one.stands, one.value, one.holds) == ("overdue", None, None)
    assert one.words.startswith(words)
    assert one.measure is not None


def test_what_was_said_last_counts_in_whatever_order_it_comes() -> None:
    said = [
        a_goal(title="first", at=NOW - 3 * DAY),
        ended(at=NOW - 2 * DAY),
        a_goal(title="anew", at=NOW - DAY),
        ended(how="dropped", at=NOW),
        ended(how="reached", at=NOW),
    ]
    seen = {canonical(after(*order), day_of(NOW)) for order in permutations(said)}
    assert len(seen) == 1
    (goal,) = goals_of(after(*said).state)
    assert (goal.title, goal.ended, goal.ended_at) == ("anew", "dropped", micros(NOW))
    (again,) = goals_of(after(*said[:3]).state)
    assert (again.ended, again.ended_at) == (None, None)


def test_more_goals_than_anybody_strives_for_are_bounded_alike_in_any_order() -> None:
    said = [a_goal(f"g{n:03}", due_at=NOW + n * DAY) for n in range(s.MOST_GOALS + 20)]
    assert canonical(after(*said), day_of(NOW)) == canonical(after(*reversed(said)), day_of(NOW))
    assert len(after(*said).state.goals) == s.MOST_GOALS


def test_of_who_was_erased_or_merged_no_goal_is_told() -> None:
    account = after(an_event("account.merged", into="other"), account=an_account(a_goal()))
    assert facts(account) == {}
    assert assessed(account).next_at is None
    assert goals_of(after(an_event("account.erased"), a_goal(), account=account).state) == []


def test_a_ticket_that_moves_a_goals_fact_tells_of_it() -> None:
    account = an_account(a_goal(fact="support.open", op="==", target=0), a_ticket())
    assert facts(account)["met"] == 0
    assert facts(after(a_ticket(type="closed", at=NOW), account=account))["met"] == 1
