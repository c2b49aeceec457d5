from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from bench import growth, history, workers
from bench.house import Used
from services.ingest.core.checking import check
from services.ingest.core.senders import Sender

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def size(known: int, worker: float) -> growth.Size:
    return growth.Size(known, Used(50.0, worker, 10.0, 2.0), 7, 3.21, (2**28, 2**27), 2_000, 2**15, known * 4_000)


def test_many_accounts_stand_beside_few_and_both_are_told_with_what_they_keep() -> None:
    first, *rest = growth.rows_of(size(9_000, 40.0), size(50_000, 60.0), 100_000, 1_000)
    assert (first.figure, first.target, first.beside) == ("1.50 x", "<= 1.5 x", "PostgreSQL's: 1.00 x")
    assert first.where == "100,000 accounts, 11,000 events before"
    assert [row.figure for row in rest if "50,000" in row.where] == [
        "60.0 + 10.0 µs",
        "3.2 s",
        "256 and 128 MB",
        "4,000 bytes",
        "16 MB",
    ]


def test_two_workers_stand_beside_one_with_all_that_their_servers_took() -> None:
    one = workers.Together(Used(50.0, 30.0, 20.0, 10.0), 0, "f", 100)
    two = workers.Together(Used(30.0, 33.0, 20.0, 10.0), 5, "f", 100)
    drained, alone, *_ = workers.rows_of([(one, two)], 1_000)
    assert (drained.figure, alone.figure) == ("1.05 x (1.05 to 1.05)", "1.10 x (1.10 to 1.10)")


def test_a_year_of_history_is_what_ingest_takes_as_dense_as_the_whole() -> None:
    events = [msgspec.json.decode(line) for line in history.lines(40_000, NOW)]
    taken, refused = check(
        [msgspec.Raw(msgspec.json.encode(event | {"history": "i"})) for event in events], NOW, Sender("a", "a")
    )
    assert refused == []
    types, accounts = Counter(one.type for one in taken), {one.subject for one in taken}
    assert len(accounts) == history.ACCOUNTS
    assert set(types) == {"usage.recorded", "ticket.closed", "invoice.paid", "feedback.nps"}
    assert types["usage.recorded"] > 38_000
    times = [one.time for one in taken]
    assert times == sorted(times)
    assert NOW - timedelta(days=365) <= times[0]
    assert times[-1] < NOW
    a_day = history.WHOLE / 365
    assert all(sum(first <= one < first + timedelta(hours=6) for one in times) > a_day / 5 for first in times[::10_000])


def test_history_is_said_as_the_whole_would_take() -> None:
    rows = history.rows_of("local", 57_000, 2.0, 3.0, {"ingest": 0.57, "scoring": 1.14})
    assert [row.figure for row in rows] == ["2 s, 28,500/s", "3 s, 19,000/s", "300 s", "30.0 µs"]
    assert rows[-1].beside == "ingest 10.0, scoring 20.0"
