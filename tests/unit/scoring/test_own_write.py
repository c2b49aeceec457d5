"""When somebody may read what came of their own events."""

from datetime import timedelta

from services.scoring.core.own_write import OwnWrite, Stored
from shared.messages.registry import TICKETS, USAGE
from tests.support.stream import NOON

LATER = NOON + timedelta(seconds=1)


def read(next: int, topic: str = USAGE, partition: int = 0, marked: tuple[int, int] | None = None) -> Stored:
    first, last = (None, None) if marked is None else (NOON + timedelta(seconds=n) for n in marked)
    return Stored(topic, partition, next, first, last)


def an_own_write(*places: tuple[str, int, int]) -> OwnWrite:
    return OwnWrite(places)


def test_it_is_through_when_all_of_it_was_read() -> None:
    own = an_own_write((USAGE, 0, 5), (TICKETS, 0, 2), (USAGE, 7, 1))
    own.look([read(4), read(2, TICKETS), read(0, partition=7)])
    assert not own.is_through
    assert own.partitions == {0, 7}
    own.look([read(5), read(2, TICKETS), read(0, partition=7)])
    assert own.partitions == {7}
    own.look([read(9, partition=7)])
    assert own.is_through


def test_what_was_marked_by_then_must_have_been_assessed_and_what_was_marked_later_need_not() -> None:
    own = an_own_write((USAGE, 0, 5))
    own.look([read(5, marked=(0, 2)), read(1, TICKETS, marked=(0, 2))])
    own.look([read(6, marked=(2, 9)), read(1, TICKETS, marked=(2, 9))])
    assert not own.is_through
    own.look([read(6, marked=(3, 9)), read(1, TICKETS, marked=(3, 9))])
    assert own.is_through


def test_nothing_marked_is_nothing_to_wait_for() -> None:
    own = an_own_write((USAGE, 0, 5))
    own.look([read(5, marked=(0, 0))])
    own.look([read(5)])
    assert own.is_through


def test_a_partition_that_nobody_has_read_keeps_one_waiting_and_is_named() -> None:
    own = an_own_write((USAGE, 3, 8))
    own.look([read(99), read(99, partition=4)])
    assert not own.is_through
    assert own.told() == (
        "1 partition of the log have yet to be read so far, such as number 3 of keepwell.events.usage up to 8"
    )


def test_it_tells_that_only_assessment_is_left() -> None:
    own = an_own_write((USAGE, 0, 5), (USAGE, 1, 5))
    own.look([read(5, marked=(0, 0)), read(5, partition=1, marked=(0, 0))])
    assert own.told() == "the events were counted, and accounts in 2 partitions wait for assessment"
