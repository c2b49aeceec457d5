"""What is read back of an account's days is what was so at the end of each, whatever happened and was forgotten."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from services.playbooks.core.days import GONE, QUIET, Before
from services.playbooks.core.recording import DayEnded, past_of, recorded
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.work import Work
from services.playbooks.files import read_people
from shared.files.templates import render
from tests.support.playbooks import DAY, HOUR, MONDAY, an_assessment

RULES: Final = Rules(Library(()), read_people("csms: []", "csms.yaml"), render)
FACTS: Final = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from([1, 2, True, 1.5, "x", "y", [], ["x"], "2026-03-01T00:00:00Z"]),
    max_size=4,
)


class Life:
    """An account as batches and timers leave it: each works on what the last has stored."""

    def __init__(self) -> None:
        self.stands: Standing | None = None
        self.rows: list[DayEnded] = []
        self.ends: dict[date, dict[str, Any]] = {}
        """What its facts were at the end of each day."""
        self.first: date | None = None

    def assess(self, rev: int, at: datetime, facts: dict[str, Any], **others: Any) -> None:
        work = self._work()
        work.assess("northwind", an_assessment(rev, at, facts, **others), {})
        self._store(work, at)

    def look(self, at: datetime) -> None:
        work = self._work()
        work.time("northwind", at)
        self._store(work, at)

    def _work(self) -> Work:
        return Work(RULES, [self.stands] if self.stands is not None else [], ())

    def _store(self, work: Work, at: datetime) -> None:
        self.rows += work.changes.days
        stored = msgspec.msgpack.encode(work.changes.standings["northwind"])
        self.stands = msgspec.msgpack.decode(stored, type=Standing)
        today = at.date()
        day = self.first = self.first or today
        while day < today:
            self.ends.setdefault(day, self.ends.get(day - DAY, {}))
            day += DAY
        self.ends[today] = recorded(self.stands)

    def read(self, day: date, forgotten: date | None = None) -> dict[str, Any] | None:
        assert self.stands is not None
        rows = [(one.day, one.record) for one in reversed(self.rows) if forgotten is None or one.day > forgotten]
        return past_of(self.stands, rows).on(day)


class Happening(NamedTuple):
    """After so long, these facts (None: only time looked)."""

    after: timedelta
    facts: dict[str, Any] | None
    quiet: bool


HAPPENINGS: Final = st.builds(
    Happening,
    st.sampled_from([HOUR, 7 * HOUR, DAY, 3 * DAY]),
    st.none() | FACTS,
    st.booleans(),
)


def same(found: Any, wanted: Any) -> bool:
    """1 is not `true`."""
    return repr(found) == repr(wanted) if not isinstance(found, dict) else _sorted(found) == _sorted(wanted)


def _sorted(facts: dict[str, Any]) -> str:
    return repr(sorted(facts.items()))


@given(st.lists(HAPPENINGS, max_size=12), st.integers(0, 30))
def test_what_is_read_back_is_what_was_so(road: list[Happening], kept: int) -> None:
    life, at, rev = Life(), MONDAY, 1
    life.assess(1, at, {"a": 1})
    for one in road:
        at += one.after
        if one.facts is None:
            life.look(at)
        else:
            rev += 1
            life.assess(rev, at, one.facts, imports=["i"] if one.quiet else [])
    last = at.date()
    forgotten = last - kept * DAY
    event(f"{min(len(life.rows), 5)} rows or more")
    for day, wanted in life.ends.items():
        found = life.read(day)
        assert found is not None
        assert same(found, wanted), day
        if day >= forgotten:
            found = life.read(day, forgotten)
            assert found is not None
            assert same(found, wanted), day
    assert life.read(MONDAY.date() - DAY) is None
    days = [one.day for one in life.rows]
    assert days == sorted(set(days))


@given(st.lists(HAPPENINGS, max_size=12))
def test_going_through_the_days_meets_each_change_once(road: list[Happening]) -> None:
    life, at = Life(), MONDAY
    life.assess(1, at, {"a": 1})
    for rev, one in enumerate(road, 2):
        at += one.after
        life.assess(rev, at, one.facts or {})
    assert life.stands is not None
    past = past_of(life.stands, [(one.day, one.record) for one in reversed(life.rows)])
    since, until = MONDAY.date() - DAY, at.date()
    met = [one._replace(facts=one.facts and dict(one.facts)) for one in past.stretches(since, until)]
    assert (met[0].facts, met[0].first) == (None, since)
    assert [one.last + DAY for one in met] == [*(one.first for one in met[1:]), until + DAY]
    before: dict[str, Any] = {}
    for stretch in met[1:]:
        facts = stretch.facts or {}
        assert same(facts, life.ends[stretch.first])
        assert same(facts, life.ends[stretch.last])
        assert {
            name for name in facts.keys() | before.keys() if not same(facts.get(name), before.get(name))
        } == stretch.changed
        before = facts
    assert same(before, life.ends[until])


def test_a_day_on_which_nothing_changed_costs_nothing() -> None:
    life = Life()
    life.assess(1, MONDAY, {"account.renews_at": "2026-05-01T00:00:00Z", "health.score": 50.0})
    for day in range(1, 20):
        life.look(MONDAY + day * DAY)
        life.assess(day + 1, MONDAY + day * DAY + HOUR, life.ends[MONDAY.date()])
    assert [one.day for one in life.rows] == [MONDAY.date()], "only that it was there first"


def test_what_went_and_came_back_on_one_day_is_no_change_of_it() -> None:
    life = Life()
    life.assess(1, MONDAY, {"a": 1})
    life.assess(2, MONDAY + DAY, {"a": 2})
    life.assess(3, MONDAY + DAY + HOUR, {"a": 1})
    life.look(MONDAY + 2 * DAY)
    assert len(life.rows) == 1


def test_an_import_and_a_merger_are_known_of_the_day() -> None:
    life = Life()
    life.assess(1, MONDAY, {"a": 1})
    life.assess(2, MONDAY + DAY, {"a": 1}, imports=["crm"])
    life.assess(3, MONDAY + 2 * DAY, {"a": 1})
    life.assess(4, MONDAY + 3 * DAY, {"a": 1}, gone="merged", merged_into="contoso")
    life.look(MONDAY + 9 * DAY)
    told = [life.read((MONDAY + day * DAY).date()) or {} for day in range(4)]
    assert [(one.get(QUIET), one.get(GONE)) for one in told] == [
        (None, None),
        (True, None),
        (None, None),
        (None, "merged into contoso"),
    ]


def test_a_clock_that_ran_ahead_keeps_nothing_from_being_recorded() -> None:
    life = Life()
    life.assess(1, MONDAY, {"a": 1})
    life.assess(2, MONDAY + 40 * DAY, {"a": 2})
    life.assess(3, MONDAY + DAY, {"a": 3})
    life.assess(4, MONDAY + 2 * DAY, {"a": 4})
    assert [life.read((MONDAY + day * DAY).date()) for day in (1, 2)] == [
        life.ends[(MONDAY + DAY).date()],
        {**life.ends[(MONDAY + 2 * DAY).date()]},
    ]


def test_what_an_earlier_release_stored_is_read_from_the_day_on_which_it_is_seen() -> None:
    life = Life()
    life.assess(1, MONDAY, {"a": 1})
    assert life.stands is not None
    life.stands = msgspec.structs.replace(life.stands, day=None, before=Before())
    life.assess(2, MONDAY + DAY, {"a": 2})
    life.assess(3, MONDAY + 2 * DAY, {"a": 3})
    days = [(MONDAY + day * DAY).date() for day in range(3)]
    assert [life.read(day) for day in days] == [None, *(life.ends[day] for day in days[1:])]


def test_days_are_those_of_utc() -> None:
    life, late = Life(), datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    life.assess(1, late, {"a": 1})
    life.assess(2, late + timedelta(seconds=1), {"a": 2})
    assert (life.read(date(2026, 3, 2)) or {})["a"] == 1
    assert (life.read(date(2026, 3, 3)) or {})["a"] == 2
