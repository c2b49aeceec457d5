"""Forms as they come back: what they come to, on the clock of whoever filled them in."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.core.answering import ASKS, LONGEST_NOTE, MOVES, Answer, Faults, Filled, answer
from shared.messages.moves import OFFERED

WEDNESDAY = datetime(2026, 11, 18, 9, 14, tzinfo=UTC)


def test_every_move_that_is_offered_can_be_answered_with() -> None:
    assert {move for moves in OFFERED.values() for move in moves} == MOVES
    assert ASKS < MOVES


@pytest.mark.parametrize("move", sorted(MOVES - ASKS))
def test_what_asks_for_nothing_says_all_by_itself(move: str) -> None:
    assert answer(move, Filled(), WEDNESDAY, "UTC") == Answer(move)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("time", "zone", "until"),
    [
        ("tomorrow", "Europe/Berlin", datetime(2026, 11, 19, 8, tzinfo=UTC)),
        ("monday", "Europe/Berlin", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("week", "Europe/Berlin", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("tomorrow", "America/Los_Angeles", datetime(2026, 11, 19, 17, tzinfo=UTC)),
        ("tomorrow", "Pacific/Kiritimati", datetime(2026, 11, 18, 19, tzinfo=UTC)),
        ("tomorrow", "Nowhere/Atall", datetime(2026, 11, 19, 9, tzinfo=UTC)),
    ],
)
def test_it_waits_until_nine_in_the_morning_where_they_are(time: str, zone: str, until: datetime) -> None:
    assert answer("snooze", Filled(time=time), WEDNESDAY, zone).until == until


def test_monday_is_the_next_one_on_a_monday_too() -> None:
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert answer("snooze", Filled(time="monday"), monday, "UTC").until == monday + timedelta(days=7)


def test_their_day_counts_where_it_is_another_one_already() -> None:
    sunday_evening = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    there = answer("snooze", Filled(time="monday"), sunday_evening, "Asia/Tokyo").until
    here = answer("snooze", Filled(time="monday"), sunday_evening, "UTC").until
    assert (there, here) == (datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),
    ],
    ids=["summer begins", "summer ends"],
)
def test_nine_is_nine_on_the_day_when_clocks_change(now: datetime, until: datetime) -> None:
    assert answer("snooze", Filled(time="tomorrow"), now, "Europe/Berlin").until == until


def test_a_date_counts_in_place_of_the_choice_above_it() -> None:
    said = answer("snooze", Filled(time="tomorrow", date="2026-12-01", note="on leave"), WEDNESDAY, "Europe/Berlin")
    assert said == Answer("snooze", "on leave", until=datetime(2026, 12, 1, 8, tzinfo=UTC))


def test_the_last_day_is_the_ninetieth_at_whatever_hour() -> None:
    early = datetime(2026, 11, 18, 0, 5, tzinfo=UTC)
    assert answer("snooze", Filled(date="2027-02-16"), early, "UTC").until == early + timedelta(days=90)


@pytest.mark.parametrize(
    ("move", "filled", "field", "words"),
    [
        ("snooze", Filled(date="2026-11-17"), "date", "Choose a day after today."),
        ("snooze", Filled(date="2026-11-18"), "date", "Choose a day after today."),
        ("snooze", Filled(date="2027-02-17"), "date", "Choose a day within the next 90."),
        ("snooze", Filled(date="9999-12-31"), "date", "Choose a day within the next 90."),
        ("snooze", Filled(date="tomorrow"), "date", "That is no date. Write it as 2026-03-02."),
        ("snooze", Filled(time="never"), "time", "Choose until when."),
        ("reassign", Filled(note="please"), "to", "Choose to whom it goes."),
        ("done", Filled(outcome="perhaps"), "outcome", "Choose what came of it."),
        (
            "false_alarm",
            Filled(note=" \n\u200b "),
            "note",
            "Say why it is a false alarm: the next one is judged by that.",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_field(move: str, filled: Filled, field: str, words: str) -> None:
    with pytest.raises(Faults) as faults:
        answer(move, filled, WEDNESDAY, "UTC")  # type: ignore[arg-type]
    assert faults.value.by_field == {field: words}


def test_done_says_what_came_of_it() -> None:
    assert answer("done", Filled(outcome="no_result", note="nobody there"), WEDNESDAY, "UTC") == Answer(
        "no_result", "nobody there"
    )


def test_a_note_keeps_its_lines_and_no_more_than_its_length() -> None:
    said = answer("done", Filled(outcome="done", note="first\r\n\x1b[31msecond" + "a" * 9_000), WEDNESDAY, "UTC")
    assert said.note.startswith("first\nsecond")
    assert len(said.note) == LONGEST_NOTE
