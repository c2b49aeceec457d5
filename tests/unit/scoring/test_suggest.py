"""A draft of the catalogue says what accounts did, and nothing that it has not seen."""

from collections.abc import Iterable

import pytest

from services.scoring.core.clock import day_of
from services.scoring.core.profile import profile_of
from services.scoring.core.state import Account
from services.scoring.core.suggest import Draft
from tests.support.scoring import DAY, NEWCOMER, NOW, after, an_account, an_event, traits, usage


def drafted(accounts: Iterable[Account]) -> Draft:
    """The draft from these accounts."""
    draft = Draft(day_of(NOW))
    for one in accounts:
        draft.add(profile_of(one.id, one.state, NOW, NEWCOMER.catalogue), one.state)
    return draft


def test_features_come_by_plan_with_how_many_accounts_use_them() -> None:
    boards = [an_account(usage(NOW, "kanban"), seats=seats) for seats in (5, 9, 40)]
    charts = an_account(usage(NOW, "kanban"), usage(NOW - 3 * DAY, "gantt"), usage(NOW - 30 * DAY, "old"))
    draft = drafted([*boards, charts, an_account(usage(NOW, "gantt"), plan="starter"), after(traits(name="Bare"))])
    assert {name: plan.used for name, plan in draft.plans.items()} == {
        "pro": [("kanban", 4), ("gantt", 1)],
        "starter": [("gantt", 1)],
    }
    assert (draft.plans["pro"].accounts, draft.plans["pro"].median_seats, draft.without_plan) == (4, 9, 1)


def test_what_hardly_anybody_uses_is_left_out() -> None:
    accounts = [an_account(usage(NOW, "kanban")) for _ in range(10)]
    assert drafted([*accounts, an_account(usage(NOW, "trial"))]).plans["pro"].used == [("kanban", 10)]


@pytest.mark.parametrize(
    ("days", "cadence"),
    [
        (range(0, 90, 3), "daily"),
        (range(0, 90, 7), "weekly"),
        (range(2, 90, 28), "monthly"),
        ([85, 20], "quarterly"),
        ([85], None),
        (range(60), None),
        ([], None),
    ],
)
def test_the_cadence_is_how_often_accounts_came_in_twelve_weeks(days: Iterable[int], cadence: str | None) -> None:
    account = an_account(*(usage(NOW - day * DAY) for day in days))
    assert drafted([account]).plans["pro"].cadence == cadence


def test_milestones_come_with_the_day_by_which_most_had_reached_them() -> None:
    signed = NOW - 90 * DAY
    accounts = [
        an_account(an_event("milestone.reached", at=signed + day * DAY, milestone="imported"), signed=signed)
        for day in (3, 5, 9, 40)
    ]
    invited = an_account(an_event("milestone.reached", at=signed + DAY, milestone="invited"), signed=signed)
    assert drafted([*accounts, invited]).milestones == [("invited", 1, 1), ("imported", 9, 4)]
