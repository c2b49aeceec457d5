"""What may be asked of a trial."""

from datetime import UTC, date, datetime

import pytest

from services.playbooks.trials.asking import Asked, asked_in, span_of

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_a_body_is_nothing_a_draft_or_what_is_asked_for() -> None:
    assert asked_in(b" ") == Asked()
    assert asked_in(b"id: p") == Asked(draft="id: p")
    assert asked_in(b'{"from": "2026-01-31"}') == Asked(since=date(2026, 1, 31))


def test_what_is_nested_beyond_measure_is_a_draft_that_is_refused_as_one() -> None:
    deep = b"[" * 200_000
    assert asked_in(deep).draft == deep.decode()


@pytest.mark.parametrize("until", [date.min, date(2025, 1, 1)])
def test_days_before_those_that_are_kept_are_refused_however_long_ago(until: date) -> None:
    with pytest.raises(ValueError, match=f"after `to`, which is {until}"):
        span_of(Asked(until=until), NOW)
    with pytest.raises(ValueError, match="days are kept from"):
        span_of(Asked(since=until, until=until), NOW)
