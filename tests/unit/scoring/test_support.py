"""Trouble with us: what is open, how much, and how long it takes."""

from dataclasses import replace
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.clock import day_of, midnight_after
from services.scoring.core.health import Health, health_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account, Ticket
from tests.support.scoring import (
    DAY,
    NOW,
    a_ticket,
    after,
    an_account,
    assessed,
    busy,
    rules_of_one,
    told,
)

SUPPORT = rules_of_one("support.load", "support.resolution", "support.first_response", "support.urgent")
CAPPED = rules_of_one(
    "usage.recency",
    "usage.active_share",
    "usage.trend",
    "support.load",
    caps={"days_since support.urgent_since >= 10 days": "red", "support.urgent >= 2": "amber"},
)
HOUR = DAY / 24


def health(account: Account, now: datetime = NOW, rules: Rules = SUPPORT) -> Health:
    return health_of(account, now, rules)


def declared(days: int, rules: Rules = SUPPORT) -> Rules:
    """The same, with a ticket system that was declared so many days ago."""
    return replace(rules, catalogue=replace(rules.catalogue, sources={"tickets": day_of(NOW) - days}))


def points(account: Account, rules: Rules = SUPPORT) -> dict[str, int]:
    """Points of what has data, in hundredths."""
    readings = health(account, rules=rules).readings
    return {name: points for name, one in readings.items() if (points := one.points) is not None and name in NAMES}


NAMES = {one.name for one in SUPPORT.cards[0].measures}


def test_without_a_ticket_system_nothing_is_known_of_tickets() -> None:
    """H2: silence of what would never tell says nothing."""
    found = health(an_account())
    assert points(an_account()) == {}
    assert found.unknown["support.urgent"] == "no ticket yet"
    assert not {name for name in found.facts if name.startswith("support.")}


def test_of_a_connected_one_no_ticket_is_good_and_nothing_urgent_is_best() -> None:
    expected = {"support.load": 8000, "support.urgent": 10_000}
    assert points(an_account(), declared(30)) == expected
    assert points(an_account(seats=0), declared(30)) == expected
    once = an_account(a_ticket(type="closed", at=NOW - 100 * DAY, opened_at=NOW - 101 * DAY))
    assert points(once) == expected


def test_what_was_declared_lately_says_nothing_of_a_month() -> None:
    assert points(an_account(), declared(29)) == {"support.urgent": 10_000}


@pytest.mark.parametrize(("tickets", "expected"), [(1, 9000), (3, 5000), (6, 0)])
def test_points_fall_with_the_tickets_per_ten_seats(tickets: int, expected: int) -> None:
    assert points(an_account(*(a_ticket(f"T{n}") for n in range(tickets))))["support.load"] == expected


def test_first_response_is_the_median_of_90_days() -> None:
    answered = [a_ticket(f"T{h}", opened_at=NOW - h * HOUR, first_response_at=NOW) for h in (1, 4, 70)]
    long_ago = NOW - 90 * DAY
    old = a_ticket("old", at=long_ago, opened_at=long_ago - 9 * DAY, first_response_at=long_ago)
    account = an_account(*answered, old, a_ticket("not yet"))
    read = health(account).readings["support.first_response"]
    assert (read.raw, read.points) == (4, 9000)
    assert read.words == "half of the tickets waited longer than 4 hours for a first answer"
    assert health(account, NOW + 90 * DAY).readings["support.first_response"].raw is None


def test_what_has_left_the_window_of_answers_is_named() -> None:
    account = an_account(a_ticket("T-9", at=NOW, opened_at=NOW - HOUR, first_response_at=NOW))
    before = assessed(account, now=NOW + 89 * DAY, rules=SUPPORT)
    assert before.next_at == midnight_after(NOW + 89 * DAY)
    one = told(assessed(account, before=before.decision, now=NOW + 90 * DAY, rules=SUPPORT))
    reasons = {driver.name: driver.reason for driver in one.drivers}
    assert reasons["support.first_response"] == "ticket T-9, answered first on 20 May 2026, is past 90 days"


def test_three_urgent_tickets_hold_an_account_at_amber_and_for_ten_days_at_red() -> None:
    """H7: trouble doesn't hide in a mean."""
    urgent = [a_ticket(f"T{days}", opened_at=NOW - days * DAY, priority="urgent") for days in (4, 5, 6)]
    account = an_account(*busy(range(60), users=10), *urgent, seats=100)
    found = health(account, rules=CAPPED)
    assert found.facts["support.urgent"] == 3
    assert (found.score.points or 0) <= 7400
    assert found.in_words(CAPPED.cards[0].caps[1]) == "at most amber: urgent ticket T6 open for 6 days, and 2 more"
    later = health(after(*busy(range(-4, 0)), account=account), NOW + 4 * DAY, CAPPED)
    assert later.score.points == 4900
    assert later.reason == "at most red: urgent ticket T6 open for 10 days, and 2 more"


def test_a_ticket_of_which_nothing_was_heard_for_60_days_is_shown_and_counts_nothing() -> None:
    account = an_account(a_ticket("T-1", at=NOW, opened_at=NOW - 9 * DAY, priority="urgent"))
    last = NOW + 59 * DAY
    before = assessed(account, now=last, rules=SUPPORT)
    assert told(before).facts["support.urgent"] == 1
    assert before.next_at == midnight_after(last)
    one = told(assessed(account, before=before.decision, now=midnight_after(last), rules=SUPPORT))
    assert (one.facts["support.urgent"], one.facts["support.open"]) == (0, 1)
    assert "support.urgent_since" not in one.facts
    reasons = {driver.name: driver.reason for driver in one.drivers}
    assert reasons["support.urgent"] == "nothing was heard of urgent ticket T-1 for 60 days"
    heard = a_ticket("T-1", type="updated", at=last, opened_at=NOW - 9 * DAY, priority="urgent")
    assert health(after(heard, account=account), midnight_after(last)).facts["support.urgent"] == 1


_row = st.tuples(
    st.sampled_from(["T1", "T2", "T3"]),
    st.sampled_from(["opened", "updated", "closed"]),
    st.sampled_from(["low", "urgent"]),
    st.integers(0, 100),
    st.one_of(st.none(), st.integers(0, 100)),
)


@pytest.mark.parametrize("type", ["updated", "closed"])
def test_a_ticket_that_goes_on_in_another_counts_in_nothing_any_more(type: str) -> None:
    both = [
        a_ticket(name, at=NOW - 3 * DAY, priority="urgent", first_response_at=NOW - ago * DAY)
        for name, ago in (("T-1", 2), ("T-2", 1))
    ]
    account = an_account(*both)
    before = assessed(account, rules=SUPPORT)
    merged = a_ticket("T-1", type=type, opened_at=NOW - 3 * DAY, priority="urgent", merged_into="T-2")
    alone = an_account(both[1])
    after(merged, account=account)
    assert health(account).facts == health(alone).facts
    assert points(account) == points(alone)
    assert account.tickets["T-1"].settled is not None
    later = told(assessed(account, before=before.decision, by=merged, rules=SUPPORT))
    drivers = {one.name: one.reason for one in later.drivers}
    assert drivers["support.urgent"] == "urgent ticket T-1 goes on in T-2"
    assert drivers["support.load"].startswith("ticket T-1 goes on in T-2: 1 ticket in 30 days")


def test_a_merged_ticket_counts_by_what_was_said_of_it_last_in_whatever_order_that_comes() -> None:
    opened: dict[str, Any] = {"opened_at": NOW - 3 * DAY, "priority": "urgent"}
    said = [
        a_ticket("T-1", at=NOW - 3 * DAY, **opened),
        a_ticket("T-1", type="updated", at=NOW - 2 * DAY, merged_into="T-2", **opened),
        a_ticket("T-1", type="updated", at=NOW - DAY, **opened),
    ]
    for some, is_open in ((said[:2], 0), (said, 1)):
        for order in permutations(some):
            assert health(an_account(*order)).facts["support.open"] == is_open


@settings(max_examples=100)
@given(st.lists(_row, max_size=12), st.lists(st.integers(-2, 3), max_size=12))
def test_what_is_counted_ticket_by_ticket_is_what_all_of_them_come_to(rows: list[Any], days: list[int]) -> None:
    """Looked at after each, on days that come and go, it reads the same as when it is looked at for the first time."""
    account, now = an_account(), NOW
    for (key, type, priority, ago, answered), more in zip(rows, [*days, *[0] * 12], strict=False):
        told_of = {"opened_at": NOW - ago * DAY, "priority": priority}
        first = {} if answered is None else {"first_response_at": NOW - answered * DAY}
        after(a_ticket(key, type=type, at=NOW - min(ago, 50) * DAY / 2, **told_of, **first), account=account)
        now += more * DAY
        afresh = Account(account.id, account.state, dict(account.tickets))
        assert health(account, now).readings == health(afresh, now).readings
        assert health(account, now).facts == health(afresh, now).facts


def test_the_thousandth_ticket_costs_what_the_first_does() -> None:
    """9,000 tickets of one account came to a minute when each was assessed by going through all."""
    account = an_account(*(a_ticket(f"T{n}", at=NOW - n % 90 * DAY) for n in range(1000)))
    health(account)
    gone_through = Counting(account.tickets)
    account.tickets = gone_through
    for n in range(20):
        after(a_ticket(f"new{n}", priority="urgent"), account=account)
        assert health(account).facts["support.urgent"] == n + 1
    assert gone_through.times == 0


class Counting(dict[str, Ticket]):
    """Tickets that notice when somebody goes through all of them."""

    times = 0

    def items(self) -> Any:
        self.times += 1
        return super().items()

    def values(self) -> Any:
        self.times += 1
        return super().values()
