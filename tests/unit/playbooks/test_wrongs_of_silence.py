"""Silence, seasons, own features and robots once came out wrong: what people are asked to do about them, and why."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import Rules as Cards
from shared.messages.envelope import Event
from tests.support.book import Book
from tests.support.playbooks import MONDAY
from tests.support.scoring import DAY, NEWCOMER, SHIPPED, a_subscription, a_talk, an_invoice, traits, usage

BEFORE, AFTER = range(-100, 0), range(40)
FEATURES = ("reports", "dashboards", "import", "automations", "api", "integrations")


def on(day: float) -> datetime:
    return MONDAY + day * DAY


def used(days: Iterable[int], users: int = 15, features: tuple[str, ...] = FEATURES, **more: Any) -> list[Event]:
    """Each of these people used a feature on each of these days that is a working day."""
    return [
        usage(on(day) + n * timedelta(minutes=1), features[(n + day) % len(features)], f"u{n}", **more)
        for day in days
        if on(day).weekday() < 5
        for n in range(users)
    ]


def a_life() -> list[Event]:
    """A customer of Ana's who pays €9,000 a month for 20 seats."""
    sold: dict[str, Any] = {"mrr_minor": 900_000, "currency": "EUR", "plan": "pro", "seats": 20, "term_months": 12}
    return [
        traits(on(-100), name="Acme", owner="ana@example.com", signed_at=on(-300).isoformat()),
        a_subscription(on(-100), renews_at=on(290).isoformat(), **sold),
        a_talk("max", at=on(-3)),
    ]


def paid() -> list[Event]:
    return [
        an_invoice("paid", f"I-{day}", at=on(day), due_at=on(day).isoformat(), amount_minor=900_000)
        for day in (-60, -30, 0, 30)
    ]


@pytest.mark.parametrize("besides", [[], paid()], ids=["H3: nothing else", "H4: they go on paying"])
def test_six_weeks_without_use_are_red_and_one_task_that_says_so(besides: list[Event]) -> None:
    book = Book([*a_life(), *used(BEFORE), *besides]).run(on(42))
    (task,) = book.all("no-use", kind="task")
    assert task.request.title == "Call Acme: nobody has used it since 27 Feb 2026"
    assert (task.assignee, task.request.severity, task.state) == ("ana", "high", "open")
    assert "no use for 14 days; 15 people used it before" in task.request.why
    (senior,) = book.all("senior-joins", kind="task")
    assert (senior.assignee, senior.request.account.band) == ("sam", "red")


def test_a_holiday_that_the_calendar_knows_is_nobodys_trouble() -> None:
    """H21."""
    away = [*a_life(), *used(BEFORE), *used(range(14, 40))]
    closed = tuple(day_of(on(day)) for day in range(14))
    knows = Cards(replace(SHIPPED.catalogue, closed=closed), SHIPPED.cards)
    assert Book(away, knows).run(on(40)).all() == []
    assert Book(away).run(on(40)).all("no-use") != []


def test_whose_features_nobody_declared_is_not_asked_about_them() -> None:
    """H23."""
    own = ("kanban", "gantt", "burndown")
    assert Book([*a_life(), *used([*BEFORE, *AFTER], features=own)], NEWCOMER).run(on(40)).all() == []


def test_people_who_leave_the_work_to_an_integration_are_no_silence() -> None:
    """H24."""
    by_hand = [*used(BEFORE, 15), *used(AFTER, 3)]
    robots: dict[str, Any] = {"actor": "integration"}
    book = Book([*a_life(), *by_hand, *used(BEFORE, 3, **robots), *used(AFTER, 15, **robots)]).run(on(40))
    (task,) = book.all("usage-falling", kind="task")
    assert task.request.title == "Ask Acme what changed: their people use it 79 % less"
    assert "change of people's use is −79.2 %, at most −40 %" in task.request.why
    assert book.all("no-use", "watched-feature") == []
