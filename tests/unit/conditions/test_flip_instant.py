from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.conditions import Condition, Facts, evaluate, flip_instant, leaves_of, parse
from tests.support.conditions import NOW, ago, ahead, cases, facts, holds

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def leaf_truths(condition: Condition, known: Facts, now: datetime) -> list[str]:
    return [evaluate(leaf, known, now).value for leaf in leaves_of(condition)]


@given(cases(), st.floats(0, 1))
def test_nothing_changes_before_the_flip_and_something_changes_at_it(
    case: tuple[Condition, Facts], between: float
) -> None:
    condition, known = case
    before = leaf_truths(condition, known, NOW)
    flip = flip_instant(condition, known, NOW)
    if flip is None:
        for days in (0.0001, 1, 30, 10_000 * between):
            assert leaf_truths(condition, known, NOW + days * DAY) == before
        return
    assert flip > NOW
    last = flip - MICROSECOND
    assert leaf_truths(condition, known, last) == before
    assert leaf_truths(condition, known, NOW + (last - NOW) * between) == before
    assert leaf_truths(condition, known, flip) != before


@given(cases())
def test_asking_again_at_each_flip_comes_to_an_end(case: tuple[Condition, Facts]) -> None:
    condition, known = case
    now, flips = NOW, 0
    while (flip := flip_instant(condition, known, now)) is not None:
        now, flips = flip, flips + 1
    assert flips <= 4 * len(leaves_of(condition))


@pytest.mark.parametrize(
    ("leaf", "after"),
    [
        ("days_since account.signed_at >= 14 days", 4 * DAY),
        ("days_since account.signed_at < 14 days", 4 * DAY),
        ("days_since account.signed_at > 14 days", 4 * DAY + MICROSECOND),
        ("days_since account.signed_at <= 14 days", 4 * DAY + MICROSECOND),
        ("days_since account.signed_at == 14 days", 4 * DAY),
        ("days_since account.signed_at != 14 days", 4 * DAY),
        ("days_since account.signed_at in [30, 12]", 2 * DAY),
        ("days_since account.signed_at >= 241 h", timedelta(hours=1)),
        ("days_until account.renews_at <= 90 days", 10 * DAY),
        ("days_until account.renews_at > 90 days", 10 * DAY),
        ("days_until account.renews_at < 90 days", 10 * DAY + MICROSECOND),
        ("days_until account.renews_at >= 90 days", 10 * DAY + MICROSECOND),
        ("days_until account.renews_at < 0", 100 * DAY + MICROSECOND),
        ("billing.overdue >= 30 days", 25 * DAY),
        ("relationship.silence > 2 weeks", 11 * DAY + MICROSECOND),
    ],
)
def test_a_condition_flips_on_the_second(leaf: str, after: timedelta) -> None:
    known = facts(
        account__signed_at=ago(days=10),
        account__renews_at=ahead(days=100),
        billing__overdue_since=ago(days=5),
        relationship__silent_since=ago(days=3),
    )
    flip = NOW + after
    assert flip_instant(parse(leaf), known, NOW) == flip
    assert holds(leaf, known, flip) is not holds(leaf, known, flip - MICROSECOND)


def test_equality_of_a_linear_fact_ends_a_microsecond_later() -> None:
    known = facts(account__signed_at=ago(days=14))
    assert flip_instant(parse("days_since account.signed_at == 14"), known, NOW) == NOW + MICROSECOND


@pytest.mark.parametrize(
    "leaf",
    [
        "usage.breadth < 40 %",
        "account.signed_at < 2026-06-01",
        "account.signed_at is unknown",
        "days_since account.signed_at >= 5",
        "days_since account.signed_at >= 3000000 days",
        "days_since account.churned_at >= 5",
    ],
)
def test_what_time_can_never_change_has_no_flip(leaf: str) -> None:
    assert flip_instant(parse(leaf), facts(account__signed_at=ago(days=10)), NOW) is None


def test_the_earliest_leaf_decides() -> None:
    condition = parse({"any": ["days_since account.signed_at > 30", {"not": "days_until account.renews_at < 3"}]})
    known = facts(account__signed_at=ago(days=10), account__renews_at=ahead(days=5))
    assert flip_instant(condition, known, NOW) == NOW + 2 * DAY + MICROSECOND
