"""Why a message did not go at once."""

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.core.waiting import Wait, why_waited
from tests.support.notifier import NOW, an_alert

MORNING = NOW + timedelta(hours=22)


@pytest.mark.parametrize(
    ("changes", "wait", "words"),
    [
        ({}, Wait("g", NOW, NOW + timedelta(seconds=1), NOW), ""),
        (
            {"not_before": MORNING},
            Wait("g|timed", NOW, None, MORNING),
            "waits until Thu 19 Nov 2026, 08:14 Berlin time, to go with what else waits for them:"
            " they are not disturbed before",
        ),
        (
            {"not_before": MORNING},
            Wait("alone|g", NOW, MORNING, MORNING),
            "waits until Thu 19 Nov 2026, 08:14 Berlin time, to go as one list: they are not disturbed before",
        ),
        (
            {},
            Wait("g", NOW, NOW + timedelta(seconds=40), NOW),
            "waits for the end of its minute, to go as one with what else is told by its playbook",
        ),
        ({}, Wait("g", NOW, None, NOW, "held until 10:00:00 UTC: busy"), "held until 10:00:00 UTC: busy"),
        ({}, Wait("g", NOW, NOW + timedelta(hours=1), NOW), "waited: nothing went by this road meanwhile"),
        ({}, Wait("g", NOW, None, NOW + timedelta(hours=1)), "waits: nothing went by this road"),
    ],
)
def test_it_says_why(changes: dict[str, Any], wait: Wait, words: str) -> None:
    assert why_waited(an_alert(**changes), wait) == words
