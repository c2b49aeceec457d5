from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.backlog import Party, Round, rows_of
from bench.flames import drawn, read, shares
from bench.house import Used
from bench.peers.draining import PEERS, Backlog, Peer
from bench.peers.job import State, fold
from bench.usage import A_POST, posts
from shared.messages.envelope import decode

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
PEER = Peer("A peer", "peer", lambda _, home: [str(home)], most=0.5)
RAW = "main (a.py:1);work (a.py:2) 3\nmain (a.py:9);work (a.py:4);read (b.py:1) 1\n"


def party(name: str, runs: Path | Peer, *worker: float) -> Party:
    return Party(name, runs, [Round(Used(20.0, cpu, 5.0, 2.0), 10, 20, 0.004) for cpu in worker])


def test_ratios_come_first_each_beside_what_was_asked_for() -> None:
    rows = rows_of([party("Keepwell", Path(), 10, 12, 20), party("A peer", PEER, 20, 20, 40)], 1_000)
    assert rows[0] == ("Keepwell", "CPU an event beside A peer", "0.60 x (0.50 to 0.60)", "<= 0.5 x", "")
    assert [row.figure for row in rows if row.where == "Keepwell"][1:] == [
        "12.0 µs (10.0 to 20.0)",
        "5.0 µs (5.0 to 5.0)",
        "2.0 µs (2.0 to 2.0)",
        "50,000/s",
        "30",
        "200 µs, of 60",
    ]
    assert [row.figure for row in rows if row.where == "A peer"] == [
        "20.0 µs (20.0 to 40.0)",
        "2.0 µs (2.0 to 2.0)",
        "50,000/s",
    ]


def test_who_could_not_be_measured_is_named_with_the_reason() -> None:
    missing = Party("A peer", PEER, [], "its environment can't be made")
    rows = rows_of([party("Keepwell", Path(), 10), missing], 1_000)
    assert rows[-1] == ("A peer", "not measured", "", "", "its environment can't be made")


def test_the_backlog_is_the_same_each_time_and_repeats_some_of_its_events() -> None:
    first, second = ([m for post in posts(5_000, 100, NOW) for m in post] for _ in range(2))
    assert [m.value for m in first] == [m.value for m in second]
    assert len(first) == 5_000
    # Each request but the last has an event in a hundred sent again in the next.
    assert 5_000 - len({m.value for m in first}) == sum(-(-fresh // 100) for fresh in (A_POST, *[A_POST - 5] * 8))


def test_an_account_has_as_many_events_as_its_rank_says() -> None:
    counts = Counter(m.key for post in posts(20_000, 1_000, NOW, seed=1) for m in post).most_common()
    assert 1.7 < counts[0][1] / counts[1][1] < 2.6
    assert len(counts) > 800
    assert decode(next(posts(1, 1, NOW))[0].value).subject == "account-0000000"


def test_a_peer_is_told_where_the_events_wait_and_how_many() -> None:
    told = [peer.arguments(Backlog("broker:1", "usage", 200, 2), Path("/home/of/round_1")) for peer in PEERS]
    assert all(one[:3] == ["broker:1", "usage", "200"] for one in told)


def test_our_job_by_hand_tells_a_score_only_where_it_changed() -> None:
    state: State = {}
    event = {"time": "2026-03-02T09:00:00Z", "data": {"feature": "reports", "user_id": "u1"}}
    today = NOW.date().toordinal()
    assert fold(state, event, today) == 44.85
    for _ in range(99):
        fold(state, event, today)
    assert fold(state, event, today) is None
    assert msgspec.json.decode(msgspec.json.encode(state)) == state


def test_samples_become_shares_of_functions() -> None:
    told = shares(read(RAW)).splitlines()
    assert "100.0 %   0.0 %  main (a.py)" in told
    assert "100.0 %  75.0 %  work (a.py)" in told
    assert " 25.0 %  25.0 %  read (b.py)" in told


def test_a_flame_is_as_wide_as_its_share() -> None:
    graph = drawn(read(RAW))
    assert "read (b.py): 1 of 4, 25.0 %" in graph
    assert 'width="400.0"' in graph
