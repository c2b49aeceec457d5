"""What people's work came to, by plain values."""

from datetime import timedelta
from typing import Any

import pytest

from services.playbooks.core.results import Asked, results
from services.playbooks.core.workinghours import OFFICE
from tests.support.playbooks import DAY, HOUR, MONDAY

NOW = MONDAY + 30 * DAY


def an_answer(ago: timedelta, after: timedelta | None = None, **others: Any) -> Asked:
    """A task about an answer that came so long ago, and was done so long after."""
    opened = NOW - ago
    closed = None if after is None else opened + after
    given = {"state": "open" if closed is None else "done", "closed_at": closed, **others}
    return Asked(
        kind="task",
        assignee="ana",
        severity="medium",
        matter="voice",
        opened_at=opened,
        due_at=None,
        touched_at=closed,
        **given,
    )


def heard(*answers: Asked) -> tuple[Any, int]:
    found = results(answers, MONDAY, NOW + HOUR, NOW, lambda _: OFFICE)
    return (found.heard[24], found.heard[48]), found.too_early


@pytest.mark.parametrize(
    ("answer", "within", "too_early"),
    [
        (an_answer(9 * DAY, 3 * HOUR), ((1, 1), (1, 1)), 0),
        (an_answer(9 * DAY, 30 * HOUR), ((0, 1), (1, 1)), 0),
        (an_answer(9 * DAY, 3 * HOUR, state="no_result"), ((0, 1), (0, 1)), 0),
        (an_answer(9 * DAY), ((0, 1), (0, 1)), 0),
        # Nobody has come within 24 hours, and somebody may within 48.
        (an_answer(30 * HOUR), ((0, 1), (0, 0)), 1),
        # Of those who came yesterday, the quick ones are not all.
        (an_answer(4 * HOUR, HOUR), ((0, 0), (0, 0)), 0),
    ],
)
def test_who_answered_counts_once_the_hours_are_over(answer: Asked, within: Any, too_early: int) -> None:
    assert heard(answer) == (within, too_early)
