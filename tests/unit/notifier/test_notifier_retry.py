from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.retry import (
    BACKOFF,
    LONGEST_RETRY_AFTER,
    MOST_TRIES,
    Fatal,
    Hold,
    Later,
    Never,
    Outcome,
    Sent,
    backoff,
    hold,
    judge,
    judge_parcel,
)
from tests.support.notifier import NOW

dice = st.floats(0, 1, exclude_max=True)
failures = st.one_of(
    st.builds(Later, reason=st.just("busy"), after=st.none() | st.floats(-10, 1e9), uncertain=st.booleans()),
    st.builds(Fatal, reason=st.just("revoked")),
)


def test_what_is_sent_is_delivered() -> None:
    assert judge(Sent(receipt="x"), MOST_TRIES, NOW, 0.5).state == "delivered"


def test_what_is_refused_fails_at_once() -> None:
    verdict = judge(Never(reason="no such channel"), 1, NOW, 0.5)
    assert (verdict.state, verdict.reason) == ("failed", "no such channel")
    assert hold(Never(reason="no such channel"), NOW) is None


def test_a_vendors_retry_after_is_honoured_to_the_second_and_holds_its_target() -> None:
    busy = Later(reason="slow down", after=30)
    assert judge(busy, 1, NOW, 0.9).due_at == NOW + timedelta(seconds=30)
    assert hold(busy, NOW) == Hold(until=NOW + timedelta(seconds=30), reason="slow down")


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    busy = Later(reason="slow down", after=1)
    assert judge(busy, 4, NOW, 0.5).due_at == NOW + timedelta(seconds=120)
    assert hold(busy, NOW) == Hold(until=NOW + timedelta(seconds=1), reason="slow down")


def test_a_broken_channel_is_held_as_a_whole() -> None:
    broken = Fatal(reason="revoked")
    assert judge(broken, 1, NOW, 0.5).state == "waiting"
    assert hold(broken, NOW) == Hold(until=NOW + timedelta(seconds=60), reason="revoked", whole_channel=True)


@given(failures, st.integers(1, 40), dice)
def test_tries_are_bounded_and_every_failure_either_waits_or_ends(outcome: Outcome, tries: int, dice: float) -> None:
    verdict = judge(outcome, tries, NOW, dice)
    assert verdict.state == ("failed" if tries >= MOST_TRIES else "waiting")
    if verdict.state == "waiting":
        assert verdict.due_at is not None
        assert NOW < verdict.due_at <= NOW + max(LONGEST_RETRY_AFTER, BACKOFF[-1] * 1.2)
    assert verdict.reason


@given(failures, st.lists(st.integers(1, MOST_TRIES), min_size=1), st.booleans(), dice)
def test_what_may_have_arrived_as_one_message_has_one_fate(
    outcome: Outcome, tries: list[int], may_have_arrived: bool, thrown: float
) -> None:
    verdicts = judge_parcel(outcome, tries, may_have_arrived, NOW, thrown)
    assert len(verdicts) == len(tries)
    if may_have_arrived or verdicts[0].uncertain:
        assert set(map(repr, verdicts)) == {repr(judge(outcome, min(tries), NOW, thrown))}
    else:
        assert verdicts == [judge(outcome, each, NOW, thrown) for each in tries]


@given(dice, dice)
def test_waits_grow_whatever_the_dice_say(one: float, other: float) -> None:
    waits = [backoff(tries, one if tries % 2 else other) for tries in range(1, MOST_TRIES)]
    assert waits == sorted(waits)


@pytest.mark.parametrize("tries", range(1, MOST_TRIES))
def test_retries_are_spread_by_a_fifth(tries: int) -> None:
    assert backoff(tries, 0.0) == BACKOFF[tries - 1] * 0.8
    assert backoff(tries, 0.5) == BACKOFF[tries - 1]
