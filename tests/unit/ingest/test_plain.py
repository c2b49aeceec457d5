"""The short road takes nothing that the long one would refuse, and makes the same of it."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from services.ingest.core.checking import check
from services.ingest.core.plain import plain
from services.ingest.core.resolving import value_of
from services.ingest.core.senders import Sender

NOW = datetime(2026, 5, 20, 9, 30, tzinfo=UTC)
SENDER = Sender("app", "app", taken=frozenset({"app", "other"}))
PLAIN: dict[str, Any] = {
    "id": "e1",
    "type": "usage.recorded",
    "account": "acme",
    "data": {"feature": "reports", "user_id": "u1"},
}
TIME = "2026-05-20T09:29:00Z"
STRANGE: dict[str, list[Any]] = {
    "id": ["e2", "", " ", "e\t1", "e\u00a01", "é", "x" * 128, "x" * 129, 7, None, "😀"],
    "type": ["usage.recorded", "usage.Recorded", "invoice.paid", None, 3],
    "account": ["acme", "stripe:cus_1", "", " ", ".", "..", "$company", "a" * 129, 5, None],
    "subject": ["acme", "globex", "", None],
    "source": ["app", "crm", "other", "stripe", "Keepwell", "", " ", "s" * 257, None],
    "time": [
        *("2026-05-20T09:28:59.9999999Z", "2026-05-20t09:28:59.9999999z", "2026-05-20 09:28:59.9999996-00:00"),
        *("2026-05-20T09:28:60Z", "0001-01-01T00:00:00Z", 0, {}, "2026-05-20T09:28:59.99999949999999999999Z"),
        *("2026-05-20T09:28:59.9999996+00:30", "2026-05-20T09:29:00.Z", "2026-05-20T09:29:00,9999999Z"),
        *(TIME, "2026-05-20T09:29:00.123456789+00:00", "2026-05-20T11:29:00+02:00", "2026-05-20T09:29:00", "", None),
        *((NOW + timedelta(hours=h)).isoformat() for h in (24, 25, -24 * 35, -24 * 35 - 1, -24 * 400)),
        *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"),
    ],
    "specversion": ["1.0", "0.3", 1, None],
    "datacontenttype": ["application/json", "text/xml"],
    "history": ["import-1", "", " ", "i\t1", "i" * 129, 7, None],
    "timeless": [True, False],
    "accepted": [TIME],
    "partitionkey": ["mine"],
    "data": [
        {"feature": "reports"},
        {"feature": "reports", "quantity": 2.5, "actor": "agent", "user_id": None},
        {"feature": "reports", "quantity": -1},
        {"feature": "a\0b"},
        {"feature": "reports", "more": [[{"deep": {}}]]},
        *({"user_id": "u1"}, [], "text", None, {}),
    ],
}


def fate(event: dict[str, Any]) -> Any:
    """What becomes of an event: what is known of it and published, or the code of its refusal."""
    good, refused = check([msgspec.Raw(msgspec.json.encode(event))], NOW, SENDER)
    if refused:
        return refused[0].code
    known = msgspec.structs.asdict(good[0])
    del known["attributes"]
    published = msgspec.json.decode(value_of(good[0]))
    # An instant is the same in whatever form its sender wrote it, to the microsecond that all read.
    published["time"] = msgspec.convert(published["time"], datetime)
    published.pop("mark", None)
    return known, published


def both(event: dict[str, Any]) -> tuple[Any, Any]:
    """The same event as it comes, and with an attribute that only the long road takes."""
    return fate(event), fate({**event, "mark": "long"})


def is_plain(event: dict[str, Any]) -> bool:
    return plain(msgspec.json.encode(event), NOW, SENDER) is not None


@pytest.mark.parametrize("event", [PLAIN, PLAIN | {"time": TIME}, PLAIN | {"source": "crm"}])
def test_a_plain_use_is_published_as_the_long_road_would(event: dict[str, Any]) -> None:
    one, other = both(event)
    assert one == other
    assert one[1]["subject"] == "acme"


def test_the_short_road_is_for_what_is_sent_most() -> None:
    assert is_plain(PLAIN)
    assert is_plain(PLAIN | {"time": TIME, "source": "crm"})
    assert is_plain(PLAIN | {"time": "2026-05-20T09:29:00.123456789Z"})
    assert not is_plain(PLAIN | {"mark": "long"})
    assert is_plain(PLAIN | {"time": "2025-02-01T00:00:00Z", "history": "import-1"})
    assert not is_plain(PLAIN | {"history": "import-1"})
    assert not is_plain(PLAIN | {"type": "invoice.paid"})


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in STRANGE.items() for value in values], ids=repr
)
def test_what_is_strange_has_the_fate_that_the_long_road_gives_it(name: str, value: Any) -> None:
    one, other = both(PLAIN | {name: value})
    assert one == other


@pytest.mark.parametrize("history", STRANGE["history"], ids=repr)
@pytest.mark.parametrize("time", STRANGE["time"], ids=repr)
def test_history_has_the_fate_that_the_long_road_gives_it(time: Any, history: Any) -> None:
    one, other = both(PLAIN | {"time": time, "history": history})
    assert one == other


def test_strange_things_together_have_the_same_fate_as_well() -> None:
    random = Random(12)
    for _ in range(1_500):
        event = dict(PLAIN)
        for name in random.sample(sorted(STRANGE), random.randrange(1, 4)):
            event[name] = random.choice(STRANGE[name])
        for name in random.sample(sorted(event), random.choice((0, 0, 1))):
            del event[name]
        one, other = both(event)
        assert one == other, event


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"e1","type":"usage.recorded","account":"acme","data":{"feature":"a\\u0000b"}}',
        b'{"id":"e1","type":"usage.recorded","account":"acme","data":{"feature":"\\ud800"}}',
        b'{"id":"e1","type":"usage.recorded","account":"acme","data":{"feature":"a"',
        b'{"id":"e1","type":"usage.recorded","account":"acme","data":{"feature":"' + b"x" * 66_000 + b'"}}',
        b'["usage.recorded"]',
    ],
)
def test_what_can_not_be_read_or_kept_is_left_to_the_long_road(raw: bytes) -> None:
    assert plain(raw, NOW, SENDER) is None
