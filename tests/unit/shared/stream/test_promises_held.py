"""How far time may run on a partition, and how long a failing one waits."""

from datetime import timedelta

import pytest

from shared.messages import registry
from shared.worker.partition import Held
from tests.support.stream import NOON

SECOND = timedelta(seconds=1)


def a_partition(**known: object) -> Held:
    held = Held(0, 1, {registry.USAGE: 0, registry.TICKETS: 0})
    for name, value in known.items():
        setattr(held, name, value)
    return held


def test_time_runs_only_when_every_topic_was_read_to_its_end() -> None:
    held = a_partition(ends=(NOON, {registry.USAGE: 3, registry.TICKETS: 2}))
    held.moved({registry.USAGE: 3})
    assert held.read_through is None
    held.moved({registry.TICKETS: 1})
    assert held.read_through is None
    held.moved({registry.TICKETS: 2})
    assert held.read_through == NOON


def test_time_runs_at_once_where_there_was_nothing_to_read() -> None:
    held = a_partition(ends=(NOON, {registry.USAGE: 0, registry.TICKETS: 0}))
    held.settle()
    assert held.read_through == NOON


def test_a_mark_alone_lets_no_timer_run_while_other_topics_are_unread() -> None:
    assert a_partition(marked_through=NOON).through(by_marks=True) is None
    behind = a_partition(read_through=NOON - SECOND, marked_through=NOON)
    assert behind.through(by_marks=True) == NOON - SECOND


def test_what_was_read_alone_lets_no_timer_run_where_marks_rule() -> None:
    assert a_partition(read_through=NOON).through(by_marks=True) is None
    assert a_partition(read_through=NOON, marked_through=NOON - SECOND).through(by_marks=True) == NOON - SECOND


def test_where_no_marks_rule_timers_run_by_what_was_read() -> None:
    assert a_partition().through(by_marks=False) is None
    assert a_partition(read_through=NOON).through(by_marks=False) == NOON


def test_a_partition_that_fails_again_and_again_waits_twice_as_long_each_time_up_to_five_seconds() -> None:
    held = a_partition()
    waited = []
    for _ in range(8):
        held.failed(NOON)
        assert held.retry_at is not None
        waited.append((held.retry_at - NOON).total_seconds())
    assert waited == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])
    held.moved({registry.USAGE: 1})
    held.failed(NOON)
    assert held.retry_at == NOON + 0.1 * SECOND
