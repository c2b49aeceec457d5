"""Offsets speak of one log: whatever does not fit it stops the service, and nothing is skipped unseen."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.log.protocol import Bounds, LogMismatch, Record, TopicPartition
from shared.messages import registry
from shared.worker.offsets import Place, check, digest
from tests.support.stream import NOON

AT = TopicPartition(registry.USAGE, 3)
LAST = Record(registry.USAGE, 3, 6, NOON, "northwind", b"the last that was read")
PLACE = Place(7, "our-log", NOON, digest(LAST))


def compare(
    place: Place = PLACE, *, cluster: str = "our-log", begin: int = 0, end: int = 9, before: Record | None
) -> None:
    check(AT, place, cluster, Bounds(begin, end), before, "keepwell mend")


def test_the_log_that_was_read_goes_on() -> None:
    compare(before=LAST)
    compare(before=LAST, end=7)


def test_a_log_whose_old_records_were_trimmed_goes_on_where_nothing_unread_is_gone() -> None:
    compare(begin=7, before=None)


def test_records_that_were_trimmed_unread_stop_the_service() -> None:
    with pytest.raises(LogMismatch, match=r"begins at 8, after what was last read \(7\).*gone unread.*keepwell mend"):
        compare(begin=8, before=None)


def test_a_log_made_anew_with_the_same_messages_is_not_taken_for_the_old_one() -> None:
    sent_again = replace(LAST, time=NOON + timedelta(milliseconds=1))
    with pytest.raises(LogMismatch, match=r"the record at 6 is not the one that was read there.*keepwell mend"):
        compare(before=sent_again)


@pytest.mark.parametrize("other", [replace(LAST, value=b"another"), replace(LAST, key="contoso")], ids=["value", "key"])
def test_another_record_in_the_place_of_the_last_one_stops_the_service(other: Record) -> None:
    with pytest.raises(LogMismatch, match="is not the one that was read there"):
        compare(before=other)


def test_a_log_that_ends_before_what_was_read_stops_the_service() -> None:
    with pytest.raises(LogMismatch, match=r"ends at 6, before what was already read \(7\)"):
        compare(end=6, before=None)


def test_another_cluster_stops_the_service_even_where_its_records_look_the_same() -> None:
    with pytest.raises(LogMismatch, match=r"another log \(our-log; this one is theirs\)"):
        compare(cluster="theirs", before=LAST)
