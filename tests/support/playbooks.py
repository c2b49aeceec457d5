"""Builders for playbooks: texts become playbooks, plain facts become looks and assessments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.loading import load_playbook
from shared.conditions import Facts
from shared.messages.assessments import AccountAssessed, Cause

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""Ten o'clock on a working day."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def a_playbook(text: str) -> Playbook:
    return load_playbook(text, "test.yaml").playbook


def stalled(held_for: str = "", repeat: str = "", exit_when: str = "", steps: str = "") -> Playbook:
    """Fires when few features are used: one alert, unless other steps are given."""
    lines = [
        "id: stalled",
        "when: usage.breadth < 40 %",
        f"held_for: {held_for}" if held_for else "",
        f"repeat: {repeat}" if repeat else "",
        f"exit_when: {exit_when}" if exit_when else "",
        "steps:",
        steps or '  - alert: "Look at {{ account.name }}"',
    ]
    return a_playbook("\n".join(line for line in lines if line))


LOW = {"usage.breadth": 25.0}
HIGH = {"usage.breadth": 75.0}
UNKNOWN: dict[str, Any] = {}


def a_look(facts: dict[str, Any], at: datetime, **others: Any) -> Look:
    cause = others.get("cause")
    values = {"account.id": "northwind", "account.name": "Northwind", **facts}
    return Look(
        account="northwind",
        values=values,
        facts=Facts.of(values, cause=cause),
        now=at,
        occasion=others.pop("occasion", at.isoformat()),
        by_time=others.pop("by_time", cause is None),
        **others,
    )


def an_answer(score: int, at: datetime, id: str = "a-1") -> Cause:
    return Cause(
        kind="event",
        source="survey",
        id=id,
        type="feedback.nps",
        time=at,
        accepted=at,
        data={"contact_id": "admin", "score": score},
    )


def an_assessment(rev: int, at: datetime, facts: dict[str, Any] | None = None, **others: Any) -> AccountAssessed:
    given: dict[str, Any] = {
        "cause": Cause(kind="usage"),
        "scorecard": "default@1",
        "facts": {
            "account.id": "northwind",
            "account.name": "Northwind",
            "account.owner": "owner@example.com",
            **(facts or {}),
        },
    }
    return AccountAssessed(rev=rev, at=at, **{**given, **others})
