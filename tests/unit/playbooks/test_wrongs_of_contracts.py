"""Contracts, payments and newcomers once came out wrong: what people are asked to do about them, and what not."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.messages.envelope import Event
from tests.support.book import Book
from tests.support.playbooks import MONDAY
from tests.support.scoring import (
    DAY,
    NEWCOMER,
    a_contact,
    a_subscription,
    a_talk,
    an_event,
    an_invoice,
    nps,
    traits,
    usage,
)

FEATURES = ("reports", "dashboards", "import", "automations", "api", "integrations")


def on(day: float) -> datetime:
    """An instant, in days after the Monday on which the stories begin, at ten."""
    return MONDAY + day * DAY


def used(days: Iterable[int], users: int = 8) -> list[Event]:
    """Each of these people used a feature on each of these days that is a working day."""
    return [
        usage(on(day) + n * timedelta(minutes=1), FEATURES[(n + day) % 6], f"u{n}")
        for day in days
        if on(day).weekday() < 5
        for n in range(users)
    ]


def a_customer(signed: float = -300, **sold: Any) -> list[Event]:
    """A customer of Ana's, with people, and what they bought."""
    begin = max(signed, -60)
    bought: dict[str, Any] = {"mrr_minor": 800_000, "currency": "EUR", "plan": "pro", "seats": 10, "term_months": 12}
    bought |= {"renews_at": on(300).isoformat(), **sold}
    return [
        traits(on(begin), name="Acme", owner="ana@example.com", signed_at=on(signed).isoformat()),
        a_subscription(on(begin), **bought),
        a_contact("kim", "decision_maker", at=on(begin), traits={"name": "Kim"}),
        a_talk("kim", at=on(max(begin, -5))),
    ]


def lived(past: Iterable[Event], *then: Event, days: float) -> Book:
    """What was before Monday is imported; what happens from then on is lived through."""
    book = Book(then)
    book.found(past, on(0) - timedelta(hours=1))
    return book.run(on(days))


def asked(book: Book, *playbooks: str) -> list[tuple[str, str, str]]:
    """Who was asked what: kind, assignee and title."""
    return [(one.kind, one.assignee or "", one.request.title) for one in book.all(*playbooks)]


def band(book: Book) -> str:
    return book.standings["acme"].band


def test_of_whom_nothing_is_known_but_that_they_signed_nobody_is_asked_anything() -> None:
    """H1."""
    signed = traits(on(0), name="Acme", owner="ana@example.com", signed_at=on(0).isoformat())
    book = Book([signed], NEWCOMER).run(on(10))
    assert (book.all(), band(book)) == ([], "unknown")


def test_who_halves_their_seats_and_pays_a_quarter_is_an_alert_and_no_flag_for_90_days() -> None:
    """H6, of a customer of whom Keepwell has known for two months."""
    often = [usage(on(day), "reports", f"u{day % 7}-{n}") for day in range(-30, 100) for n in range(4)]
    past = [*a_customer(seats=40), *(one for one in often if one.time < on(0))]
    smaller = a_subscription(on(1), plan="starter", seats=20, mrr_minor=200_000)
    book = lived(past, smaller, *(one for one in often if one.time >= on(0)), days=89)
    alert, task = book.all("contraction")[:2]
    assert (alert.kind, (alert.opened_at - on(0)).days) == ("alert", 1)
    assert alert.request.why[0] == "change of revenue in 7 days is −75 %, at most −20 %"
    assert (task.assignee, task.request.title) == ("ana", "Ask Acme why they buy less")
    assert book.all(kind="flag") == []
    book.run(on(97))
    (flag,) = book.all(kind="flag")
    assert flag.request.title == "Acme has used 140 % of its 20 seats for two weeks", "and not another of more seats"


def test_who_always_pays_a_month_late_is_finance_s_and_no_trouble_of_their_csm_s() -> None:
    """H8."""
    due = range(-170, 200, 30)
    issued = [an_invoice("issued", f"I-{day}", at=on(day - 14), due_at=on(day).isoformat()) for day in due]
    paid = [
        an_invoice("paid", f"I-{day}", at=on(day + 30), due_at=on(day).isoformat(), paid_at=on(day + 30).isoformat())
        for day in due
    ]
    happened = [*issued, *paid, *used(range(-60, 60))]
    past = [*a_customer(), *(one for one in happened if one.time < on(0))]
    book = lived(past, *(one for one in happened if on(0) <= one.time < on(60)), days=60)
    assert band(book) in ("green", "amber")
    assert book.all("invoice-long-overdue", "slide") == []
    assert {one.note for one in book.all("invoice-overdue") if one.state == "closed"} <= {"paid"}


def test_a_month_s_billing_period_is_no_renewal() -> None:
    """H13."""
    monthly = a_customer(-2, term_months=None, renews_at=on(28).isoformat())
    book = Book([*monthly, *used(range(0, 30), users=4)]).run(on(30))
    assert book.standings["acme"].facts["account.stage"] == "onboarding"
    assert book.all("renewal", "lapsed") == []


@pytest.mark.parametrize("end", ["canceled", "incomplete_expired"])
def test_one_of_two_contracts_that_ends_is_nobody_s_leaving(end: str) -> None:
    """H14."""
    second = a_subscription(on(-30), "second", mrr_minor=700_000, currency="EUR", plan="pro", seats=10)
    never = [a_subscription(on(2), "third", status="incomplete"), a_subscription(on(3), "third", status=end)]
    ends = [a_subscription(on(3), "sub_1", status=end)] if end == "canceled" else never
    first = a_subscription(on(-40), "sub_1", mrr_minor=100_000, currency="EUR", plan="pro", seats=1)
    past = [traits(on(-40), name="Acme", owner="ana@example.com"), first, second, *used(range(-40, 0))]
    book = lived(past, *ends, *used(range(30)), days=30)
    assert book.standings["acme"].facts["account.mrr_minor"] == (700_000 if end == "canceled" else 800_000)
    assert asked(book, "leaving", "left", "contraction") == []


def test_a_renewal_that_is_taken_back_is_asked_about_no_more() -> None:
    """H15."""
    past = [*a_customer(renews_at=on(125).isoformat()), *used(range(-60, 0))]
    book = lived(past, a_subscription(on(12), renews_at=None), *used(range(40)), days=6)
    (forecast,) = book.all("renewal")
    assert forecast.state == "open"
    book.run(on(40))
    assert {one.note for one in book.all("renewal")} == {"no end of a contract is known any more"}


def test_who_cancels_at_the_period_s_end_is_leaving_and_then_has_left() -> None:
    """H15."""
    past = [*a_customer(), *used(range(-60, 0))]
    cancelled = a_subscription(on(2), ends_at=on(20).isoformat(), reason="too expensive")
    gone = a_subscription(on(20), status="canceled", ends_at=on(20).isoformat())
    book = lived(past, cancelled, gone, *used(range(19)), days=30)
    leaving, left = book.all("leaving", kind="task"), book.all("left", kind="task")
    assert [one.request.title for one in leaving] == ["Call Acme: they have cancelled, and leave on 22 Mar 2026"]
    assert [one.request.title for one in left] == ["Ask Acme why they left (they said: too expensive)"]
    assert (leaving[0].state, book.all("renewal")) == ("closed", [])


def test_who_has_left_is_asked_why_and_what_they_answer_then_reaches_somebody() -> None:
    """H16."""
    past = [*a_customer(), *used(range(-60, 0))]
    gone = an_event("account.churned", at=on(1), reason="moved to a rival", voluntary=True)
    book = lived(past, gone, nps(0, contact="kim", at=on(4), comment="too expensive"), days=5)
    assert asked(book) == [
        ("task", "ana", "Ask Acme why they left (they said: moved to a rival)"),
        ("alert", "ana", "Acme, who left, scored us 0"),
    ]
    assert book.all()[1].request.why == ['Kim (decision maker) scored us 0: "too expensive"']


def test_who_renews_tomorrow_is_somebody_s_task_today() -> None:
    """H22."""
    ends = a_subscription(on(0.1), renews_at=on(1.5).isoformat(), auto_renews=False)
    book = lived([*a_customer(), *used(range(-60, 0))], ends, *used(range(2)), days=0.5)
    (task,) = book.all("renewal", kind="task")
    assert (task.assignee, task.request.account.band) == ("ana", "green")
    assert task.request.title == "Say what you expect of Acme: their contract ends on 3 Mar 2026, notice by 1 Feb 2026"


def test_what_moved_the_score_is_told_in_parts_that_sum_to_it() -> None:
    """H25."""
    past = [*a_customer(), *used(range(-60, 0)), nps(9, contact="kim", at=on(-20))]
    book = lived(past, nps(2, contact="kim", at=on(1)), days=1.1)
    (told,) = [one.said for one in book.told if one.said.task is not None]
    assert told.drivers
    assert told.account.score is not None
    assert told.account.previous_score is not None
    assert sum(one.points for one in told.drivers) == told.account.score - told.account.previous_score
