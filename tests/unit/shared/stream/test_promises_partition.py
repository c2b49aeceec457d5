"""What a partition decides: when it is taken, how far time may run, what is vouched for, what comes after a failure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import registry
from shared.worker.partition import Failure, Partition
from shared.worker.plan import Plan
from tests.support.stream import NOON

SECOND = timedelta(seconds=1)
TOPICS = (registry.USAGE, registry.TICKETS)
LOST = Failure("the connection was lost", passing=True)
OURS = Failure("KeyError: 'x'", passing=False)
A_LOT = timedelta(seconds=2)
A_LITTLE = timedelta(milliseconds=10)


def a_partition(*, by_marks: bool = False, gate: tuple[str, ...] = TOPICS, taken: bool = True) -> Partition:
    """Taken at epoch 1, with nothing read."""
    made = Partition(0, Plan("scoring", TOPICS, gate, by_marks=by_marks))
    if taken:
        made.take(1, dict.fromkeys(TOPICS, 0))
    return made


def moved(partition: Partition, as_of: datetime | None = None, **places: int) -> None:
    partition.moved({f"keepwell.events.{topic}": place for topic, place in places.items()}, [], as_of)


def ends(usage: int = 0, tickets: int = 0) -> Mapping[str, int]:
    return {registry.USAGE: usage, registry.TICKETS: tickets}


# Taking


def test_it_is_taken_when_it_is_new_came_back_or_failed_and_paused() -> None:
    new = a_partition(taken=False)
    assert new.must_take(NOON)
    new.take(1, ends())
    assert not new.must_take(NOON)
    new.failed(NOON, LOST)
    assert not new.must_take(NOON + SECOND / 20)
    assert new.must_take(NOON + SECOND / 10)
    new.lose(NOON)
    assert new.must_take(NOON)
    assert not new.may_work


def test_what_is_remembered_is_true_only_while_nobody_else_had_it_and_every_commit_was_answered() -> None:
    partition = a_partition()
    assert partition.remembers(1)
    assert not partition.remembers(2)
    partition.failed(NOON, LOST)
    assert not partition.remembers(1)
    # A rebalance does not settle the doubt, and an attempt in vain neither.
    partition.lose(NOON)
    partition.failed(NOON, LOST)
    assert not partition.remembers(1)
    partition.take(2, ends())
    assert partition.remembers(2)
    assert not a_partition(taken=False).remembers(0)


def test_one_that_is_away_for_a_minute_is_another_workers() -> None:
    partition = a_partition()
    assert not partition.is_gone(NOON)
    partition.lose(NOON)
    assert not partition.is_gone(NOON + 59 * SECOND)
    assert partition.is_gone(NOON + 60 * SECOND)
    partition.take(2, ends())
    assert not partition.is_gone(NOON + 60 * SECOND)


def test_what_was_learnt_of_its_records_survives_taking_it_again_and_time_does_not() -> None:
    partition = a_partition()
    partition.looked(NOON, ends())
    partition.marked_through = NOON
    partition.failed(NOON, OURS, [(registry.USAGE, i) for i in range(100)])
    partition.lose(NOON)
    partition.take(3, ends(usage=7))
    assert partition.most == 50
    assert [partition.read_through, partition.marked_through] == [None, None]
    assert partition.places[registry.USAGE] == 7


# Time


def test_time_runs_only_when_every_topic_was_read_to_its_end() -> None:
    partition = a_partition()
    partition.looked(NOON, ends(usage=3, tickets=2))
    moved(partition, usage=3)
    assert partition.through is None
    moved(partition, tickets=1)
    assert partition.through is None
    assert not partition.is_read_up
    moved(partition, tickets=2)
    assert partition.through == NOON
    assert partition.is_read_up


def test_an_end_that_was_looked_up_later_does_not_put_off_the_earlier_instant() -> None:
    partition = a_partition()
    partition.looked(NOON, ends(usage=3))
    partition.looked(NOON + SECOND, ends(usage=9))
    moved(partition, usage=3)
    assert partition.through == NOON


def test_time_runs_at_once_where_there_was_nothing_to_read() -> None:
    partition = a_partition()
    partition.looked(NOON, ends())
    assert partition.through == NOON


def test_only_the_gates_topics_hold_time_back() -> None:
    partition = a_partition(gate=(registry.TICKETS,))
    partition.looked(NOON, ends(usage=5))
    assert partition.through == NOON
    assert partition.lag == ends(usage=5)


def test_a_mark_alone_lets_no_timer_run_while_other_topics_are_unread() -> None:
    partition = a_partition(by_marks=True)
    partition.marked_through = NOON
    assert partition.through is None
    partition.looked(NOON - SECOND, ends())
    assert partition.through == NOON - SECOND


def test_what_was_read_alone_lets_no_timer_run_where_marks_rule() -> None:
    partition = a_partition(by_marks=True)
    partition.looked(NOON, ends())
    assert partition.through is None
    partition.marked_through = NOON - SECOND
    assert partition.through == NOON - SECOND


def test_a_mark_counts_when_all_before_it_has_committed_and_stands_until_the_next() -> None:
    partition = a_partition(by_marks=True)
    partition.looked(NOON, ends())
    partition.moved({registry.USAGE: 1}, [], None, NOON - SECOND)
    assert partition.through == NOON - SECOND
    moved(partition, usage=2)
    assert partition.through == NOON - SECOND


def test_timers_run_up_to_what_was_read_and_never_as_of_before_what_was_handled() -> None:
    partition = a_partition()
    assert partition.timers_until(NOON) is None
    partition.looked(NOON, ends())
    assert partition.timers_until(None) is None
    assert partition.timers_until(NOON + SECOND) is None
    assert partition.timers_until(NOON) == (NOON, NOON)
    moved(partition, as_of=NOON + 3 * SECOND, usage=1)
    assert partition.timers_until(NOON) == (NOON, NOON + 3 * SECOND)
    partition.caught_up(NOON + 4 * SECOND)
    assert partition.timers_until(NOON) == (NOON, NOON + 4 * SECOND)
    partition.failed(NOON, LOST)
    assert partition.timers_until(NOON) is None


def test_what_was_put_off_waits_while_the_worker_is_behind_and_half_a_minute_at_most() -> None:
    partition = a_partition()
    assert not partition.may_catch_up(None, NOON, behind=False)
    assert partition.may_catch_up(NOON, NOON, behind=False)
    assert not partition.may_catch_up(NOON, NOON + 29 * SECOND, behind=True)
    assert partition.may_catch_up(NOON, NOON + 30 * SECOND, behind=True)
    partition.failed(NOON, LOST)
    assert not partition.may_catch_up(NOON, NOON + 30 * SECOND, behind=False)


# Marks


def test_a_mark_vouches_once_for_what_is_through_and_for_nothing_that_is_not() -> None:
    partition = a_partition()
    assert partition.mark_due(put_off=False, due=None) is None
    partition.looked(NOON, ends())
    assert partition.mark_due(put_off=True, due=None) is None
    assert partition.mark_due(put_off=False, due=NOON) is None
    assert partition.mark_due(put_off=False, due=NOON + SECOND) == NOON
    partition.marked(NOON)
    assert partition.mark_due(put_off=False, due=None) is None
    partition.looked(NOON + SECOND, ends())
    assert partition.mark_due(put_off=False, due=None) == NOON + SECOND


def test_no_mark_vouches_for_a_partition_whose_last_work_failed() -> None:
    partition = a_partition()
    partition.looked(NOON, ends())
    partition.failed(NOON, LOST)
    assert partition.mark_due(put_off=False, due=None) is None
    # What was read before is no proof after: it is read through again.
    partition.take(2, ends())
    assert partition.mark_due(put_off=False, due=None) is None
    partition.looked(NOON + SECOND, ends())
    assert partition.mark_due(put_off=False, due=None) == NOON + SECOND


# Failures


def test_a_partition_that_fails_again_and_again_waits_twice_as_long_each_time_up_to_five_seconds() -> None:
    partition = a_partition()
    waited = []
    for _ in range(8):
        partition.failed(NOON, LOST)
        assert partition.retry_at is not None
        waited.append((partition.retry_at - NOON).total_seconds())
    assert waited == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])
    moved(partition, usage=1)
    partition.failed(NOON, LOST)
    assert partition.retry_at == NOON + 0.1 * SECOND


def test_what_failed_is_halved_until_one_is_alone_and_only_our_own_fault_condemns_it() -> None:
    partition, places = a_partition(), [(registry.USAGE, i) for i in range(400)]
    tries = 0
    while partition.most > 1:
        partition.failed(NOON, OURS, places[: partition.most])
        tries += 1
    assert tries < 10
    assert partition.retry_at == NOON + 0.1 * SECOND
    for _ in range(5):
        partition.failed(NOON, LOST, places[:1])
    assert partition.poison(places[0]) is None
    for _ in range(3):
        partition.failed(NOON, OURS, places[:1])
    assert "KeyError" in str(partition.poison(places[0]))
    partition.moved({registry.USAGE: 1}, places[:1], None)
    assert partition.poison(places[0]) is None


def test_a_record_that_was_named_is_poison_at_once_and_costs_the_others_nothing() -> None:
    partition, place = a_partition(), (registry.USAGE, 3)
    partition.failed(
        NOON, Failure("it is poison", passing=False, poison=place), [(registry.USAGE, i) for i in range(9)]
    )
    assert partition.poison(place) == "it is poison"
    assert partition.most > 400


def test_sizes_grow_by_an_eighth_when_all_that_was_allowed_went_well_and_what_takes_long_is_halved() -> None:
    partition = a_partition()
    partition.failed(NOON, LOST, size=160)
    assert (partition.most, partition.most_timers) == (80, 80)
    partition.committed(79, A_LITTLE)
    assert partition.most == 80
    partition.committed(80, A_LITTLE)
    assert partition.most == 90
    partition.committed(90, A_LOT)
    assert partition.most == 50
    partition.committed(50, A_LOT)
    assert partition.most > 50


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5000)), max_size=60))
def test_whatever_happens_something_is_tried_again_within_five_seconds(events: list[tuple[bool, int]]) -> None:
    partition = a_partition()
    for failed, size in events:
        if failed:
            partition.failed(NOON, OURS, [(registry.USAGE, i) for i in range(min(size, partition.most))])
            assert partition.retry_at is not None
            assert NOON < partition.retry_at <= NOON + 5 * SECOND
            partition.take(1, ends())
        else:
            partition.committed(min(size, partition.most), A_LITTLE)
        assert partition.most >= 1


# Stalling


def test_one_of_which_nothing_comes_for_half_a_minute_though_something_is_there_has_stalled() -> None:
    partition = a_partition()
    partition.polled(False, 60 * SECOND)
    assert not partition.has_stalled
    partition.looked(NOON, ends(usage=1))
    partition.polled(False, 29 * SECOND)
    assert not partition.has_stalled
    partition.polled(True, SECOND)
    partition.polled(False, 29 * SECOND)
    assert not partition.has_stalled
    partition.polled(False, SECOND)
    assert partition.has_stalled
