"""When a source counts as interrupted: the pure part."""

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.interruptions import WEEK, Interruption, hour_of, judge, usual
from tests.support.scoring import NOW

HOUR = hour_of(NOW)


def sent(now: int, *weeks: int) -> dict[str, dict[int, int]]:
    """In this hour, and in the same of the weeks before, the last first."""
    return {"usage": {HOUR - back * WEEK: events for back, events in enumerate((now, *weeks))}}


def test_a_source_is_interrupted_below_a_fifth_of_what_is_usual() -> None:
    (one,) = judge(sent(39, 200, 200, 200, 200), HOUR, (), ()).interrupted
    assert (one.source, one.since, one.sent, one.usual) == ("usage", HOUR, 39, 200)
    assert not judge(sent(40, 200, 200, 200, 200), HOUR, (), ()).interrupted


def test_few_events_say_nothing() -> None:
    assert not judge(sent(0, 99, 99, 99, 99), HOUR, (), ()).changed
    assert judge(sent(0, 100, 100, 100, 100), HOUR, (), ()).changed


def test_a_new_installation_is_never_interrupted() -> None:
    assert not judge({}, HOUR, (), ()).interrupted
    assert not judge(sent(0, 5000), HOUR, (), ()).interrupted
    assert judge(sent(0, 5000, 5000), HOUR, (), ()).interrupted


def test_it_lasts_until_an_hour_that_says_something_reaches_a_fifth() -> None:
    before = (Interruption("usage", HOUR - 3),)
    assert judge(sent(50, 60, 60, 60, 60), HOUR, before, ()).interrupted == before
    assert judge(sent(10, 200, 200, 200, 200), HOUR, before, ()).interrupted == before
    over = judge(sent(40, 200, 200, 200, 200), HOUR, before, ())
    assert over.interrupted == ()
    assert over.changed == (Interruption("usage", HOUR - 3, HOUR),)


def test_interrupted_weeks_and_closed_days_are_not_usual() -> None:
    week_ago = Interruption("usage", HOUR - WEEK, HOUR - WEEK + 1)
    assert usual(sent(0, 0, 200, 300, 0)["usage"], HOUR, [week_ago], [(HOUR - 4 * WEEK) // 24]) == 250


def test_on_a_closed_day_none_begins_and_one_may_end() -> None:
    today = [HOUR // 24]
    assert not judge(sent(0, 200, 200, 200, 200), HOUR, (), today).changed
    assert judge(sent(200, 200, 200, 200, 200), HOUR, [Interruption("usage", HOUR - 1)], today).changed


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5), st.booleans())
def test_looking_twice_says_the_same_and_changes_nothing(events: list[int], was: bool) -> None:
    past = [Interruption("usage", HOUR - 1)] if was else []
    first = judge(sent(*events), HOUR, past, ())
    again = judge(sent(*events), HOUR, [*first.changed, *first.interrupted], ())
    assert again.interrupted == first.interrupted
    assert again.changed == ()


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.integers(0, 1000), st.integers(0, 1000))
def test_who_sends_more_is_not_interrupted_sooner(weeks: list[int], some: int, more: int) -> None:
    few, many = sorted((some, more))
    if judge(sent(many, *weeks), HOUR, (), ()).interrupted:
        assert judge(sent(few, *weeks), HOUR, (), ()).interrupted
