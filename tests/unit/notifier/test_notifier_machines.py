"""A delivery and its lease are machines: what their tables promise, whatever happens in whatever order."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core import delivery, lease
from services.notifier.core.delivery import MOVES, OPEN
from services.notifier.core.retry import Fatal, Later, Never, Sent, judge
from tests.support.notifier import NOW

STATES: tuple[delivery.State, ...] = get_args(delivery.State)
EVENTS: tuple[delivery.Event, ...] = get_args(delivery.Event)
ENDS = set(STATES) - set(OPEN)


def reached(moves: Mapping[Any, str], begin: str, without: str = "") -> set[str]:
    found, size = {begin}, 0
    while len(found) > size:
        size = len(found)
        found |= {after for (before, event), after in moves.items() if before in found and event != without}
    return found


def refused(machine: Any) -> Iterator[tuple[str, str]]:
    return (
        (state, event)
        for state in get_args(machine.State)
        for event in get_args(machine.Event)
        if (state, event) not in machine.MOVES
    )


@pytest.mark.parametrize("machine", [delivery, lease], ids=["delivery", "lease"])
def test_every_event_of_a_table_happens_somewhere_and_is_refused_somewhere(machine: Any) -> None:
    assert {event for _, event in machine.MOVES} == set(get_args(machine.Event))
    assert {event for _, event in refused(machine)} == set(get_args(machine.Event))


def test_from_every_state_that_is_open_every_end_is_reached() -> None:
    for state in OPEN:
        assert reached(MOVES, state) >= ENDS


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_is_left_by_hand_after_failing_and_by_updates_unless_what_they_change_is_gone(
    state: delivery.State, event: delivery.Event
) -> None:
    begins_anew = {("failed", "retried"), ("failed", "outdated"), ("delivered", "outdated")}
    assert ((state, event) in MOVES) == ((state, event) in begins_anew)


def test_nothing_is_sent_but_under_a_lease_and_every_attempt_ends_the_sending() -> None:
    assert {before for (before, _), after in MOVES.items() if after == "sending" and before != after} == {"waiting"}
    assert {event for (before, event), after in MOVES.items() if before == "sending" != after} == {
        "sent",
        "put_off",
        "cut_off",
        "given_up",
        "withdrawn",
        "overtaken",
        "gone",
    }


@given(
    st.sampled_from([Sent(), Never(reason="no"), Fatal(reason="no"), Later(reason="no"), Later(reason="?", after=9)]),
    st.integers(1, 40),
)
def test_whatever_an_attempt_comes_to_can_happen_to_what_was_being_sent(outcome: Any, tries: int) -> None:
    verdict = judge(outcome, tries, NOW, 0.5)
    assert verdict.state == MOVES["sending", verdict.event]


def test_a_lease_that_is_held_is_nobody_elses_and_one_that_is_gone_is_not_returned() -> None:
    assert {state for state, event in lease.MOVES if event == "taken"} == {"free"}
    assert {state for state, event in lease.MOVES if event == "taken_back"} == {"lapsed"}
    assert {state for state, event in lease.MOVES if event == "returned"} == {"held", "lapsed"}


def test_a_lease_lapses_at_its_instant() -> None:
    moment = timedelta(microseconds=1)
    assert lease.standing(False, NOW + moment, NOW) == "free"
    assert lease.standing(True, NOW + moment, NOW) == "held"
    assert lease.standing(True, NOW, NOW) == "lapsed" == lease.MOVES["held", "ran_out"]
