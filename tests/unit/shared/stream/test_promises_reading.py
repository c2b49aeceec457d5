"""What is read side by side from several topics is handled in the order in which it was accepted."""

from datetime import datetime, timedelta
from heapq import merge
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.usage import UsageRecorded
from shared.worker.reading import Letter, Read, in_order, reached, read, sort
from tests.support.stream import NOON, a_mark

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
    return read([Record(topic, 0, offset, NOON, "northwind", envelope.encode(event))])[0]


def ids(batch: list[Read]) -> list[str]:
    return [one.event.id for one in batch if not isinstance(one, Letter)]


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
    [foreign] = read([replace(foreign.record, time=NOON + 2 * SECOND)])
    tickets = [a_read("before", registry.TICKETS, 0, NOON), a_read("after", registry.TICKETS, 1, NOON + 3 * SECOND)]
    assert ids(in_order([[foreign], tickets])) == ["before", "foreign", "after"]


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 6)), max_size=8), min_size=1, max_size=4)
)
def test_any_topics_are_merged_by_their_heads(topics: list[list[tuple[str, int]]]) -> None:
    lists = [
        [a_read(id, registry.EVENT_TOPICS[n], i, NOON + at * SECOND) for i, (id, at) in enumerate(some)]
        for n, some in enumerate(topics)
    ]
    assert in_order(lists) == list(merge(*lists, key=_accepted))


def _accepted(one: Read) -> datetime:
    assert not isinstance(one, Letter)
    assert one.event.accepted is not None
    return one.event.accepted


_USAGE = {
    "specversion": "1.0",
    "id": "e1",
    "source": "app",
    "type": "usage.recorded",
    "subject": "northwind",
    "time": "2026-05-20T12:00:00Z",
    "datacontenttype": "application/json",
    "history": "import-1",
    "accepted": "2026-05-20T12:00:01.5Z",
    "timeless": True,
    "elsewhere": {"unknown": [1, None, "é"]},
    "data": {"feature": "reports", "quantity": 2.5, "user_id": "ada", "actor": "agent", "more": {"unknown": True}},
}
_ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just({}), st.just([]))


@given(
    st.dictionaries(st.sampled_from(sorted(_USAGE)), _ODD, max_size=2),
    st.dictionaries(st.sampled_from(["feature", "quantity", "user_id", "actor"]), _ODD, max_size=2),
    st.sets(st.sampled_from(sorted(_USAGE)), max_size=2),
)
def test_usage_that_is_read_in_one_pass_is_what_two_would_make_of_it(
    odd: dict[str, Any], odd_data: dict[str, Any], without: set[str]
) -> None:
    said = {**_USAGE, "data": {**_USAGE["data"], **odd_data}, **odd}  # type: ignore[dict-item]
    same_in_both_ways(msgspec.json.encode({name: value for name, value in said.items() if name not in without}))


@given(st.integers(0, 500), st.binary(max_size=3))
def test_so_are_bytes_that_were_damaged(at: int, by: bytes) -> None:
    value = msgspec.json.encode(_USAGE)
    same_in_both_ways(value[:at] + by + value[at + len(by) :])


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b'{"data": {}, ' + msgspec.json.encode(_USAGE)[1:]])
def test_so_is_what_is_no_message_and_what_says_a_thing_twice(value: bytes) -> None:
    same_in_both_ways(value)


def same_in_both_ways(value: bytes) -> None:
    """On its own topic usage is read in one pass, on another's in two."""
    in_one, in_two = (read([Record(topic, 0, 0, NOON, "northwind", value)])[0] for topic in registry.EVENT_TOPICS[:2])
    if isinstance(in_one, Letter) or isinstance(in_two, Letter):
        assert isinstance(in_one, Letter)
        assert isinstance(in_two, Letter)
        assert in_one.reason == in_two.reason
        return
    assert repr(in_one.data) == repr(in_two.data)
    assert [getattr(in_one.event, name) for name in _ATTRIBUTES] == [
        getattr(in_two.event, name) for name in _ATTRIBUTES
    ]


_ATTRIBUTES = [name for name in envelope.Event.__struct_fields__ if name != "data"]


def test_usage_is_read_in_one_pass() -> None:
    assert registry.read_used(msgspec.json.encode(_USAGE)) is not None


def test_letters_and_marks_are_told_from_what_is_to_be_handled() -> None:
    mark = a_mark(0, NOON)
    records = [
        Record(registry.ASSESSMENTS, 0, 4, NOON, "", b"?"),
        Record(registry.ASSESSMENTS, 0, 5, NOON, "", mark.value),
        Record(registry.USAGE, 0, 7, NOON, "northwind", msgspec.json.encode(_USAGE)),
        Record(registry.USAGE, 0, 8, NOON, "northwind", msgspec.json.encode(_USAGE)),
    ]
    batch = [one for record in records for one in read([record])]
    good, marks, letters = sort(batch, {(registry.USAGE, 7): "it can't be handled"}.get)
    assert [one.record for one in good] == [records[1], records[3]]
    assert [one.record for one in marks] == [records[1]]
    assert [record for record, _ in letters] == [records[0], records[2]]
    assert letters[1].reason == "it can't be handled"
    assert reached(batch) == (
        {registry.ASSESSMENTS: records[1], registry.USAGE: records[3]},
        {registry.ASSESSMENTS: 2, registry.USAGE: 2},
    )
