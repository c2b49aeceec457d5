"""Times and whole numbers as senders write them: one guard for all of them, of every type."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.checking import Adjusted, adjusted
from services.ingest.core.mending import FIELDS, Fields, whole
from services.ingest.core.resolving import value_of
from shared.messages.dates import is_no_date, says_no_date, settled
from shared.messages.registry import CUSTOMER_EVENTS, read
from tests.support.ingest import an_event, judged, refusal_of
from tests.support.stream import NOON

EMPTY = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "0001-01-01", "0001-01-01T00:00:00+01:00"),
    *("0000-00-00T00:00:00Z", "0000-00-00 00:00:00", "1601-01-01T00:00:00Z", "1753-01-01T00:00:00Z"),
    *("1899-12-30T00:00:00Z", "1900-01-01T00:00:00Z", "1900-01-01T00:00:00+01:00"),
    *("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0000000Z", "1969-12-31T16:00:00-08:00", "1970-01-01T01:00:00-05:00"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-05:00", "9999-12-31"),
    "2999-12-31T00:00:00Z",
]
DATES = ["1970-01-02T00:00:00Z", "1999-12-31T23:59:59Z", "2099-12-31T00:00:00+14:00", "2026-05-20T09:30:00.123Z"]


def places(fields: Fields, kind: str, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [(*path, name) for name, of in fields.items() if of == kind]
    return found + [p for n, of in fields.items() if not isinstance(of, str) for p in places(of, kind, (*path, n))]


def a_golden(type: str) -> Any:
    """Data of this type, as it was once."""
    event = (Path(__file__).parents[2] / "golden" / "messages" / f"{type}.1.json").read_bytes()
    return msgspec.json.decode(event)["data"]


def every(*kinds: str) -> list[Any]:
    """Each such place of each type, as `account.updated traits.signed_at`."""
    return [
        pytest.param(type, path, id=f"{type} {'.'.join(path)}")
        for type in CUSTOMER_EVENTS
        for kind in kinds
        for path in places(FIELDS[type], kind)
    ]


def an_event_with(type: str, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    data = a_golden(type)
    inner = data
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value
    return an_event("e1", type, data=data)


def became(event: Any) -> tuple[Any, list[Adjusted]]:
    """What is published of an event that is taken, and what the answer says of it."""
    good, refused = judged(event, operates=True)
    assert refused == []
    return value_of(good[0]), adjusted(good)


def at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data[name]
    return data


def test_every_time_and_every_whole_number_is_looked_at() -> None:
    """By their names here, where the code goes by their types."""
    found = {(type, path[-1]) for type in FIELDS for kind in ("time", "date") for path in places(FIELDS[type], kind)}
    named = {
        (type, field.encode_name)
        for type, (_, struct) in CUSTOMER_EVENTS.items()
        for field in msgspec.structs.fields(struct)
        if field.encode_name.endswith("_at") or field.encode_name in ("at", "until")
    }
    assert found == named | {("account.updated", "signed_at"), ("account.updated", "renews_at")}
    numbers = {path[-1] for fields in FIELDS.values() for path in places(fields, "whole")}
    assert {"score", "seats", "mrr_minor", "amount_minor", "attempt", "term_months", "notice_days"} <= numbers


@pytest.mark.parametrize(("type", "path"), every("date"))
@pytest.mark.parametrize("sent", EMPTY)
def test_an_empty_date_is_no_date_and_said(type: str, path: tuple[str, ...], sent: str) -> None:
    value, told = became(an_event_with(type, path, sent))
    event, data = read(value)
    assert at(msgspec.json.decode(event.data), path) is None
    assert data is not None
    [one] = told
    assert (one.index, one.id, one.sent, one.time) == (0, "e1", sent, None)
    assert one.field == "data." + ".".join(path)
    assert "no date" in one.message


@pytest.mark.parametrize(("type", "path"), every("time"))
@pytest.mark.parametrize("sent", EMPTY)
def test_where_a_time_is_needed_an_empty_one_is_refused(type: str, path: tuple[str, ...], sent: str) -> None:
    refusal = refusal_of(an_event_with(type, path, sent))
    assert (refusal.code, "data." + ".".join(path) in refusal.message) == ("invalid_data", True)
    assert "empty date" in refusal.message


@pytest.mark.parametrize("sent", EMPTY)
@pytest.mark.parametrize("history", [None, "imp_1"])
def test_nothing_happened_on_an_empty_date(sent: str, history: str | None) -> None:
    refusal = refusal_of(an_event(time=sent, history=history))
    assert refusal.code == "invalid_time"
    assert "empty date" in refusal.message


@pytest.mark.parametrize(("type", "path"), every("time", "date"))
@pytest.mark.parametrize("sent", DATES)
def test_a_real_date_stays_as_it_is(type: str, path: tuple[str, ...], sent: str) -> None:
    value, told = became(an_event_with(type, path, sent))
    assert at(msgspec.json.decode(read(value)[0].data), path) == sent
    assert told == []


@pytest.mark.parametrize(("type", "path"), every("time", "date"))
@pytest.mark.parametrize(
    ("sent", "published"),
    [
        ("2026-12-31T23:59:59.9999999Z", "2026-12-31T23:59:59.999999Z"),
        ("2026-05-20T09:30:00.1234567+02:00", "2026-05-20T09:30:00.123456+02:00"),
        ("2026-05-20t09:30:00.123456789z", "2026-05-20t09:30:00.123456z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2017-01-01T05:29:60.25+05:30", "2017-01-01T05:29:59.25+05:30"),
    ],
)
def test_what_is_finer_is_cut_and_a_leap_second_is_the_one_before(
    type: str, path: tuple[str, ...], sent: str, published: str
) -> None:
    value, told = became(an_event_with(type, path, sent))
    assert at(msgspec.json.decode(read(value)[0].data), path) == published
    assert told == []


@pytest.mark.parametrize(
    ("sent", "time"),
    [
        ("2026-05-20T11:59:59.9999999Z", datetime(2026, 5, 20, 11, 59, 59, 999999, tzinfo=UTC)),
        ("2026-05-20T11:59:60Z", datetime(2026, 5, 20, 11, 59, 59, tzinfo=UTC)),
        ("2026-05-20T13:59:60.123456789+02:00", datetime(2026, 5, 20, 11, 59, 59, 123456, tzinfo=UTC)),
    ],
)
def test_the_time_of_an_event_is_read_so_as_well_on_either_road(sent: str, time: datetime) -> None:
    for more in ({}, {"mark": "long"}):
        event, _ = read(became(an_event(time=sent, **more))[0])
        assert event.time == time


def test_a_clock_that_is_ahead_counts_from_receipt_and_is_told_so() -> None:
    for ahead in (timedelta(minutes=5, seconds=1), timedelta(hours=24)):
        for type in ("usage.recorded", "milestone.reached"):
            sent = (NOON + ahead).isoformat()
            data = {"feature": "x", "milestone": "live"}
            value, [told] = became(an_event("e1", type, data=data, time=sent))
            assert read(value)[0].time == NOON
            assert (told.id, told.field, told.sent, told.time) == ("e1", "time", sent, NOON)
            assert "minute" in told.message
    for ahead in (timedelta(minutes=5), timedelta(0)):
        value, told_of = became(an_event(time=(NOON + ahead).isoformat()))
        assert (read(value)[0].time, told_of) == (NOON + ahead, [])


@pytest.mark.parametrize(("type", "path"), every("whole"))
def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(type: str, path: tuple[str, ...]) -> None:
    event = msgspec.json.encode(an_event_with(type, path, 3)).replace(b":3", b":WHOLE", 1)
    for written in (b"3.0", b"3e0", b"0.3E1", b"30.00e-1"):
        value, told = became(msgspec.Raw(event.replace(b"WHOLE", written)))
        assert at(msgspec.json.decode(read(value)[0].data), path) == 3
        assert written not in value
        assert told == []
    for written in (b"3.5", b'"3"', b"true", b"3.0000000000000000001", b"1e99", b"1e-9", b"[3]"):
        refusal = refusal_of(msgspec.Raw(event.replace(b"WHOLE", written)))
        assert refusal.code == "invalid_data"
        assert "data." + ".".join(path) in refusal.message


def test_what_is_put_right_leaves_all_else_byte_for_byte() -> None:
    more = b'"own": {"a" : 1.50, "id": 12345678901234567890123, "text": "\\u00e9"}'
    data = b'{"seats":7.0,' + more + b',"renews_at":"0001-01-01T00:00:00Z"}'
    value, _ = became(an_event("e1", "subscription.changed", data=msgspec.Raw(data)))
    assert more.partition(b":")[2].strip() in value


@given(st.integers(-(10**30), 10**30), st.integers(0, 9))
def test_whole_numbers_are_read_exactly(number: int, zeros: int) -> None:
    written = f"{number}.{'0' * zeros}" if zeros else str(number)
    if len(written.lstrip("-").partition(".")[0]) <= 20:
        assert int(whole(written.encode())) == number


@given(st.datetimes(), st.integers(0, 999), st.sampled_from(["Z", "+02:00"]))
def test_cutting_never_goes_forward(time: datetime, nanos: int, zone: str) -> None:
    written = f"{time.replace(microsecond=0).isoformat()}.{time.microsecond:06d}{nanos:03d}{zone}"
    cut = datetime.fromisoformat(settled(written))
    assert cut.replace(tzinfo=None) == time


@given(st.text())
def test_no_text_breaks_the_guard(text: str) -> None:
    says_no_date(text)
    settled(text)


def test_a_time_without_a_zone_is_judged_as_utc() -> None:
    assert is_no_date(datetime.fromisoformat("1970-01-01"))
    assert not is_no_date(datetime.fromisoformat("1970-01-02"))
