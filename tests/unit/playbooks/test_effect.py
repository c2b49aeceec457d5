"""What playbooks achieved, by plain values: revenue kept, and scores beside those of others."""

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.comparing import Course, Day, Group, Life, Others, State, compare, fair, others
from services.playbooks.core.effect import Contract, Episode, helped, kept, times, totals
from services.playbooks.core.holdout import is_held_out
from tests.support.playbooks import DAY, HOUR, MONDAY, a_playbook

MAIL = "id: {id}\nholdout: {share} %\nwhen: usage.breadth < 40 %\nsteps: [{{message: tips, to: champion}}]"


def an_episode(id: str = "ep", **others: Any) -> Episode:
    given: dict[str, Any] = {
        "account_id": "acme",
        "playbook": "call",
        "fired_at": MONDAY,
        "at_risk": True,
        "touched_at": MONDAY + HOUR,
        "touched_by": "ana",
        "ended_at": None,
        "ended_as": "",
    }
    return Episode(id=id, **{**given, **others})


def a_contract(**others: Any) -> Contract:
    given: dict[str, Any] = {
        "account_id": "acme",
        "due_at": MONDAY + 60 * DAY,
        "at": MONDAY + 60 * DAY,
        "before_minor": 1000,
        "after_minor": 900,
        "currency": "EUR",
    }
    return Contract(**{**given, **others})


@pytest.mark.parametrize(
    ("episode", "contract", "is_kept"),
    [
        ({}, {}, True),
        ({"at_risk": False}, {}, False),
        ({"touched_at": None}, {}, False),
        # A touch after it was over, or after it had renewed, kept nothing.
        ({"ended_at": MONDAY + HOUR / 2, "ended_as": "itself"}, {}, False),
        ({"touched_at": MONDAY + 61 * DAY}, {}, False),
        # To close it as done is the touch; to call it false is none.
        ({"ended_at": MONDAY + HOUR, "ended_as": "done"}, {}, True),
        ({"ended_at": MONDAY + HOUR, "ended_as": "false_alarm"}, {}, False),
        # 180 days, and no longer.
        ({}, {"due_at": MONDAY + 180 * DAY, "at": MONDAY + 180 * DAY}, True),
        ({}, {"due_at": MONDAY + 181 * DAY, "at": MONDAY + 181 * DAY}, False),
        # Renewed ahead of time, after it fired.
        ({}, {"at": MONDAY + DAY}, True),
        ({}, {"at": MONDAY - DAY}, False),
        # An old renewal that was told late.
        ({}, {"due_at": MONDAY - 300 * DAY}, False),
        ({"account_id": "other"}, {}, False),
    ],
)
def test_what_counts_as_kept(episode: dict[str, Any], contract: dict[str, Any], is_kept: bool) -> None:
    assert helped(an_episode(**episode), a_contract(**contract)) is is_kept


def test_the_lower_of_before_and_after_is_kept_and_shared_to_the_last_cent() -> None:
    three = [an_episode(id) for id in ("a", "b", "c")]
    shares = kept((one, a_contract(after_minor=1600)) for one in three)
    assert [(one.episode.id, one.minor) for one in shares] == [("a", 334), ("b", 333), ("c", 333)]
    assert totals(shares) == {"EUR": (1000, 1)}
    assert [one.minor for one in kept([(three[0], a_contract())])] == [900]


MINUTES = st.integers(-200 * 24 * 60, 200 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
EPISODES = st.lists(
    st.builds(
        an_episode,
        st.uuids().map(str),
        account_id=st.sampled_from(["acme", "globex"]),
        fired_at=MINUTES,
        touched_at=MINUTES | st.none(),
        ended_at=MINUTES | st.none(),
        at_risk=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)
CONTRACTS = st.lists(
    st.builds(
        a_contract,
        account_id=st.sampled_from(["acme", "globex"]),
        due_at=MINUTES,
        at=MINUTES,
        before_minor=st.integers(0, 10_000),
        after_minor=st.integers(0, 10_000),
        currency=st.sampled_from(["EUR", "USD"]),
    ),
    max_size=5,
    unique_by=lambda one: (one.account_id, one.due_at),
)


@given(EPISODES, CONTRACTS, st.integers())
def test_shares_sum_to_the_whole_once_a_contract_in_whatever_order(
    episodes: list[Episode], contracts: list[Contract], seed: int
) -> None:
    pairs = [(episode, contract) for episode in episodes for contract in contracts]
    shares = kept(pairs)
    by_contract = defaultdict[Contract, int](int)
    for one in shares:
        by_contract[one.contract] += one.minor
    wanted = {
        one: min(one.before_minor, one.after_minor) for one in contracts if any(helped(each, one) for each in episodes)
    }
    assert by_contract == wanted
    for contract in wanted:
        parts = [one.minor for one in shares if one.contract == contract]
        assert max(parts) - min(parts) <= 1
    Random(seed).shuffle(pairs)
    assert kept([*pairs, *pairs]) == shares
    assert sum(minor for minor, _ in totals(shares).values()) == sum(wanted.values())


RED = State(date(2026, 3, 2), "red", "mature")


def test_scores_are_compared_with_those_alike_and_no_others() -> None:
    courses = [Course(RED, 3000, 4000)] * 10
    beside = [Others(RED, 25, 2, 400), Others(RED, 35, 2, 800), Others(RED, 36, 50, 0), Others(RED, 24, 50, 0)]
    beside += [Others(RED._replace(band="amber"), 30, 50, 0), Others(RED._replace(stage="renewal"), 30, 50, 0)]
    found = compare(courses, beside)
    assert (found.n, found.alike, found.unmatched, found.unknown) == (10, 4, 0, 0)
    assert found.moved is not None
    assert found.difference is not None
    assert (found.moved.value, found.others, found.difference.value) == (10, 3, 7)


def test_who_has_nobody_alike_or_no_score_then_is_counted_and_few_are_told_as_counts() -> None:
    courses = [Course(RED, 3000, 4000)] * 9 + [Course(RED, 3000, None), Course(RED, 9000, 9000)]
    found = compare(courses, [Others(RED, 30, 5, 0)])
    assert (found.n, found.unmatched, found.unknown) == (9, 1, 1)
    assert (found.moved, found.others, found.difference) == (None, None, None)


def test_beside_them_stand_days_in_the_same_state_after_which_nothing_was_done() -> None:
    first = RED.day

    def day(after: int, score: int | None, band: str = "red") -> Day:
        return Day(first + timedelta(days=after), score, band, "mature")

    def told(life: Life) -> list[tuple[int, int, int]]:
        return [(one.points, one.number, one.moved) for one in others([life], {RED}, 30)]

    # A day without a record stands as the last before it did.
    assert told(Life([day(-3, 3000), day(20, 3400), day(31, 9000)], [])) == [(30, 1, 400)]
    assert told(Life([day(0, 3000), day(30, 3500)], [])) == [(30, 1, 500)]
    # Another band, not known yet, or no score then.
    assert told(Life([day(0, 3000, "amber")], [])) == []
    assert told(Life([day(1, 3000)], [])) == []
    assert told(Life([day(0, 3000), day(9, None)], [])) == []
    # Something was done, from the same day to the last of the thirty.
    for busy, is_told in ((-1, True), (0, False), (30, False), (31, True)):
        found = told(Life([day(0, 3000)], [first + timedelta(days=busy)]))
        assert bool(found) is is_told


def test_times_of_fewer_than_ten_are_not_told() -> None:
    assert times(9, 1.0, 2.0) == (9, None, None)
    assert times(10, 1.0, 2.0) == (10, 1.0, 2.0)


def a_group(n: int, moved: int, left: int = 0, renewed: int = 0) -> Group:
    both = {30: [moved] * n, 90: [moved] * n}
    return Group(n, both, {30: 0, 90: 0}, left, n, renewed, n)


def test_groups_by_chance_differ_by_score_and_by_who_left_and_renewed() -> None:
    found = fair(a_group(100, 800, left=10, renewed=60), a_group(100, 300, left=25, renewed=40))
    assert {days: one.value for days, one in found.score.items() if one} == {30: 5, 90: 5}
    assert found.left is not None
    assert found.renewed is not None
    assert found.left.value == pytest.approx(-15)
    assert found.left.low < -15 < found.left.high < 0
    assert found.renewed.value == pytest.approx(20)
    few = fair(a_group(100, 800), a_group(9, 300))
    assert (few.score, few.left, few.renewed) == ({30: None, 90: None}, None, None)


def test_about_the_share_is_held_out_the_same_whatever_the_version_and_more_of_a_larger_one() -> None:
    accounts = [f"account-{n}" for n in range(10_000)]

    def held(share: int, id: str = "mail") -> set[str]:
        playbook = a_playbook(MAIL.format(id=id, share=share))
        return {one for one in accounts if is_held_out(playbook, one)}

    assert 900 < len(held(10)) < 1100
    assert held(10) < held(20) < held(50)
    assert held(10) == held(10)
    # Of another playbook others: as many of both as chance has it.
    assert 60 < len(held(10) & held(10, "other")) < 150
