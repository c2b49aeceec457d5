"""Times in the bodies of all faces are guarded as those of events are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.playbooks.views import moves, silence
from services.scoring import views
from services.scoring.views import goals, timeline
from shared.web.times import Moment

TAKES = TypeAdapter(Moment)


@pytest.mark.parametrize(
    "given", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01", 0, -1]
)
def test_an_empty_date_is_refused_in_words(given: Any) -> None:
    with pytest.raises(ValidationError, match="empty date"):
        TAKES.validate_python(given)


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ("2026-12-31T23:59:59.9999999Z", datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-05-20T09:30:00+02:00", datetime(2026, 5, 20, 7, 30, tzinfo=UTC)),
    ],
)
def test_it_is_cut_and_a_leap_second_is_the_one_before(given: str, time: datetime) -> None:
    assert TAKES.validate_python(given) == time


BODIES: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (moves.NewTask, {"account": "acme", "title": "Call"}, "due_at"),
    (moves.Due, {}, "due_at"),
    (moves.Snooze, {}, "until"),
    (silence.PauseBody, {"reason": "why"}, "until"),
    (silence.MuteBody, {}, "until"),
    (views.MuteUntil, {"reason": "why"}, "until"),
    (goals.GoalTerms, {"title": "More"}, "due_at"),
    (timeline.Note, {"text": "hello"}, "at"),
]


@pytest.mark.parametrize(("body", "rest", "field"), BODIES, ids=lambda one: getattr(one, "__name__", ""))
def test_every_body_has_the_guard(body: type[BaseModel], rest: dict[str, Any], field: str) -> None:
    body.model_validate({**rest, field: "2026-05-20T09:30:00Z"})
    with pytest.raises(ValidationError, match="empty date"):
        body.model_validate({**rest, field: "0001-01-01T00:00:00Z"})
