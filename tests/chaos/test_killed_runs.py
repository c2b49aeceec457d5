"""Killed runs in which each event settles before the next is sent decide exactly what an undisturbed run decides."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.chaos import SEED, check_ledger, check_nothing_is_dead, decisions, each_settled, let_midnight_pass
from tests.support.company import NOW
from tests.support.stack import SERVICES, Stack

MakeStack = Callable[[], Stack]
Events = list[dict[str, Any]]


def at(days: float) -> str:
    """So many days ago; never on a whole day, where a condition might just flip."""
    return (NOW - timedelta(days=days, hours=5)).isoformat()


def stories(accounts: int) -> Events:
    """Accounts whose bands go down and up again, with tasks, alerts and flags on the way."""
    told = [list(a_story(f"firm-{number}", number)) for number in range(accounts)]
    return [events[place] for place in range(max(map(len, told))) for events in told if place < len(events)]


def a_story(account: str, number: int) -> Iterator[dict[str, Any]]:
    def event(id: str, type: str, days: float, **data: Any) -> dict[str, Any]:
        return {"id": f"{account}-{id}", "type": type, "account": account, "time": at(days), "data": data}

    traits = {"name": account.title(), "plan": "pro", "mrr_minor": 420_000, "currency": "EUR", "seats": 20}
    who = {"owner": f"csm-{number % 2}@example.com", "signed_at": at(200 + number)}
    yield event("who", "account.updated", 30, traits={**traits, **who})
    yield event("admin", "contact.updated", 20, contact_id="admin", role="champion", traits={"name": "the admin"})
    for user in range(3):
        yield event(f"use-{user}", "usage.recorded", user, feature="reports", user_id=f"u{user}")
    yield event("well", "feedback.nps", 9, contact_id="admin", score=9)
    ticket = {"ticket_id": f"T-{number}", "priority": "urgent", "opened_at": at(5)}
    yield event("asked", "ticket.opened", 5, **ticket)
    yield event("cross", "feedback.nps", 2, contact_id="admin", score=number % 4, comment="third time now")
    invoice = {"invoice_id": f"I-{number}", "amount_minor": 420_000, "currency": "EUR", "due_at": at(35)}
    yield event("bill", "invoice.issued", 34, **invoice)
    yield event("fails", "invoice.payment_failed", 1, **invoice)
    yield event("left", "contact.updated", 1, contact_id="admin", role="left")
    yield event("paid", "invoice.paid", 0.5, **invoice, paid_at=at(0.5))
    yield event("solved", "ticket.closed", 0.5, **ticket, closed_at=at(0.5))
    yield event("glad", "feedback.nps", 0.1, contact_id="admin", score=10)
    yield event("call", "interaction.logged", 0.1, kind="call")


def undisturbed(make_stack: MakeStack, events: Events) -> dict[str, Any]:
    with make_stack() as stack:
        each_settled(stack, events)
        assert check_ledger(stack) > 0
        return decisions(stack)


def killed(make_stack: MakeStack, events: Events, chance: random.Random, times: int) -> dict[str, Any]:
    """Kill each service so many times, each right after an event was accepted, or a moment later."""
    places = chance.sample(range(len(events)), times * len(SERVICES))
    victims = dict(zip(places, [*SERVICES] * times, strict=True))
    with make_stack() as stack:

        def kill(number: int) -> None:
            if (victim := victims.get(number)) is not None:
                stack.client.get(stack.url("ingest", "/healthz"))  # A moment, some milliseconds.
                stack.kill(victim)
                stack.start(victim)

        each_settled(stack, events, kill)
        check_ledger(stack)
        check_nothing_is_dead(stack)
        return decisions(stack)


def compare(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected["episodes"], "the stories must fire something"
    assert expected["tasks"]
    for what, value in expected.items():
        assert found[what] == value, what


def test_a_run_with_every_service_killed_decides_the_same(make_stack: MakeStack, chance: random.Random) -> None:
    let_midnight_pass(timedelta(minutes=1))
    events = stories(1)
    compare(killed(make_stack, events, chance, 1), undisturbed(make_stack, events))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_long_runs_with_every_service_killed_often_decide_the_same(make_stack: MakeStack, seed: int) -> None:
    let_midnight_pass(timedelta(minutes=5))
    events = stories(6)
    chance = random.Random(f"{SEED} {seed}")
    compare(killed(make_stack, events, chance, 5), undisturbed(make_stack, events))
