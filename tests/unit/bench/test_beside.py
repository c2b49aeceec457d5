import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import parser
from bench.beside import Burst, Measured, rows_of
from bench.latency import Sink
from bench.peers.environment import home_of, python_of
from bench.peers.prefect import calling, event, notifying
from bench.report import Row, table

Made = Callable[[str], dict[str, Any]]
ROOT = Path(__file__).parents[3]
OURS = Measured(4, [0.02, 0.02, 0.04, 0.04], 0.2, [Burst(10, 10, 200.0, 0.1), Burst(10, 10, 400.0, 0.3)])
THEIRS = Measured(4, [0.08, 0.08, 0.08], 0.4, [Burst(10, 9, 20.0, 0.5), Burst(10, 10, 20.0, 0.5)])


def test_each_has_its_figures_and_the_peer_how_many_times_they_differ() -> None:
    rows = rows_of({"Keepwell": OURS, "Prefect": THEIRS}, [0.001, 0.002])
    assert [(row.where, row.figure, row.beside) for row in rows] == [
        ("Keepwell", "40 ms", ""),
        ("Keepwell", "40 ms", ""),
        ("Keepwell", "50 ms", ""),
        ("Keepwell", "300/s", ""),
        ("Keepwell", "20 ms", ""),
        ("Keepwell", "24 of 24", ""),
        ("Prefect", "80 ms", "Keepwell: 0.50 x"),
        ("Prefect", "80 ms", "Keepwell: 0.50 x"),
        ("Prefect", "100 ms", "Keepwell: 0.50 x"),
        ("Prefect", "20/s", "Keepwell: 15.00 x"),
        ("Prefect", "50 ms", "Keepwell: 0.40 x"),
        ("Prefect", "22 of 24", ""),
        ("limit", "2.0 and 2.0 ms", ""),
    ]


def test_without_the_peer_there_is_no_ratio() -> None:
    rows = rows_of({"Keepwell": OURS}, [0.001])
    assert {row.where for row in rows} == {"Keepwell", "limit"}
    assert not any(row.beside for row in rows)


def test_where_nothing_came_there_is_no_ratio_and_no_failure() -> None:
    silent = Measured(4, [], 0.0, [Burst(10, 0, 0.0, 0.0)])
    rows = rows_of({"Keepwell": OURS, "Prefect": silent}, [0.001])
    assert [row.figure for row in rows if row.where == "Prefect"] == [
        "0 ms",
        "0 ms",
        "0 ms",
        "0/s",
        "0 ms",
        "0 of 14",
    ]
    assert not any(row.beside for row in rows)


async def test_who_waits_for_messages_goes_on_when_all_came_or_none_comes_any_more() -> None:
    sink = Sink()
    sink.came["one"] = 0.0
    await sink.hears(["one"], silence=3600)
    await sink.hears(["one", "lost"], silence=0)


def test_the_table_is_aligned() -> None:
    lines = table([Row("a", "b", "c", "d", "e"), Row("longer than its head", "b", "c", "d", "e")]).splitlines()
    assert len({line.index("  c") for line in lines[1:]}) == 1
    assert not any(line.endswith(" ") for line in lines)


def test_each_measurement_can_be_asked_for_alone() -> None:
    assert parser().parse_args(["--only", "prefect", "--seconds", "9"]).seconds == 9
    with pytest.raises(SystemExit):
        parser().parse_args(["--only", "another"])


@pytest.mark.parametrize(("automation", "other"), [(notifying, calling), (calling, notifying)])
def test_an_answer_is_what_one_automation_waits_for_and_the_other_does_not(automation: Made, other: Made) -> None:
    waited, others = (made("block")["trigger"]["match"] for made in (automation, other))
    sent = event(waited["prefect.resource.id"].replace("*", "7"))
    assert sent["event"] in automation("block")["trigger"]["expect"]
    assert all(re.fullmatch(wanted.replace("*", ".*"), sent["resource"][label]) for label, wanted in waited.items())
    assert not re.fullmatch(others["prefect.resource.id"].replace("*", ".*"), sent["resource"]["prefect.resource.id"])
    assert event("notified-7")["id"] != event("notified-7")["id"]


def test_an_environment_is_made_once_for_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "peer.lock"
    lock.write_text("one==1\n")
    first = home_of(lock, tmp_path)
    (first / ".made").mkdir(parents=True)
    assert python_of(lock, tmp_path) == first / "bin" / "python"
    lock.write_text("one==2\n")
    assert home_of(lock, tmp_path) != first


@pytest.mark.parametrize("named", sorted((ROOT / "bench/peers").glob("*.in")), ids=lambda named: str(named.stem))
def test_a_lock_is_hashed_and_names_no_place(named: Path) -> None:
    lock = named.with_suffix(".lock").read_text()
    assert "://" not in lock
    for wanted in named.read_text().splitlines():
        assert wanted.startswith("#") or f"\n{re.split(r'[ =[]', wanted)[0]}==" in f"\n{lock}"
    for pinned in re.findall(r"^\S+==.*(?:\n .*)*", lock, flags=re.MULTILINE):
        assert "--hash=sha256:" in pinned
