"""Days are counted as people count them: without weekends, and without those on which everything is closed."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.catalogue import MONDAY_TO_FRIDAY
from services.scoring.core.clock import day_of, open_days, weekday, working_days
from shared.messages.stamps import instant_of, micros

DAYS = st.integers(20_000, 20_050)


@given(
    DAYS,
    st.integers(-5, 60),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.frozensets(st.integers(19_990, 20_120), max_size=30),
)
def test_working_days_are_those_counted_one_by_one(
    after: int, more: int, week: frozenset[int], closed: frozenset[int]
) -> None:
    days, until = range(after + 1, after + more + 1), after + more
    assert working_days(after, until, week) == sum(weekday(day) in week for day in days)
    in_order = sorted(closed)
    assert working_days(after, until, week, in_order) == sum(weekday(day) in week for day in days if day not in closed)
    assert open_days(after, until, in_order) == len(set(days) - closed)


def test_a_wednesday_is_a_wednesday() -> None:
    assert weekday(day_of(datetime(2026, 5, 20, tzinfo=UTC))) == 2
    assert 5 not in MONDAY_TO_FRIDAY


@given(st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 (the zone is put on below)
def test_an_instant_is_as_many_microseconds_as_lead_back_to_it(at: datetime) -> None:
    assert instant_of(micros(at.replace(tzinfo=UTC))) == at.replace(tzinfo=UTC)
