"""What is read side by side from several topics is handled in the order in which it was accepted."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.usage import UsageRecorded
from shared.worker.reading import Read, in_order, read
from tests.support.stream import NOON

SECOND = timedelta(seconds=1)


def a_read(id: str, topic: str, offset: int, accepted: datetime | None) -> Read:
    event = envelope.wrap(
        UsageRecorded(feature="reports"),
        id=id,
        source="app",
        type="usage.recorded",
        subject="northwind",
        time=NOON - timedelta(days=1),
        accepted=accepted,
    )
    # The log took all of them at the same time: that says nothing.
    return read(Record(topic, 0, offset, NOON, "northwind", envelope.encode(event)))


def ids(batch: list[Read]) -> list[str]:
    return [one.incoming.event.id for one in batch if one.incoming is not None]


def test_topics_are_handled_in_the_order_in_which_their_events_were_accepted() -> None:
    changes = [a_read("1", registry.ACCOUNTS, 0, NOON + SECOND), a_read("4", registry.ACCOUNTS, 1, NOON + 4 * SECOND)]
    tickets = [a_read("0", registry.TICKETS, 7, NOON), a_read("3", registry.TICKETS, 8, NOON + 3 * SECOND)]
    answers = [a_read("2", registry.FEEDBACK, 5, NOON + 2 * SECOND)]
    assert ids(in_order([changes, tickets, answers])) == ["0", "1", "2", "3", "4"]


def test_what_was_accepted_at_once_keeps_the_order_of_the_topics_and_each_topic_its_own() -> None:
    changes = [a_read("change", registry.ACCOUNTS, 0, NOON)]
    tickets = [a_read("late", registry.TICKETS, 0, NOON + SECOND), a_read("early", registry.TICKETS, 1, NOON)]
    assert ids(in_order([changes, tickets])) == ["change", "late", "early"]


def test_what_was_never_accepted_by_ingest_counts_from_when_the_log_took_it() -> None:
    foreign = a_read("foreign", registry.ACCOUNTS, 0, None)
    foreign = read(replace(foreign.record, time=NOON + 2 * SECOND))
    tickets = [a_read("before", registry.TICKETS, 0, NOON), a_read("after", registry.TICKETS, 1, NOON + 3 * SECOND)]
    assert ids(in_order([[foreign], tickets])) == ["before", "foreign", "after"]
