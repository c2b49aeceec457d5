"""Conditions over sets, features, roles and change: each loads, fires where it holds, and is over where it doesn't."""

from typing import Any

import msgspec
import pytest

from services.playbooks.core.episode import Episode
from services.playbooks.core.step import step
from services.scoring.core.clock import DAY_US, day_of
from services.scoring.core.decision import Changes
from tests.support.playbooks import DAY, MONDAY, a_look, a_playbook
from tests.support.scoring import BY_TIME, NOW, after, an_account, assessed, busy


@pytest.mark.parametrize(
    ("when", "holds", "passes"),
    [
        ("account.plan in [pro, enterprise]", {"account.plan": "pro"}, {"account.plan": "free"}),
        ("account.plan not in [pro, enterprise]", {"account.plan": "free"}, {"account.plan": "pro"}),
        ("account.seats in [1, 2]", {"account.seats": 2}, {"account.seats": 3}),
        (
            "usage.unused_features contains reports",
            {"usage.unused_features": ["api", "reports"]},
            {"usage.unused_features": ["api"]},
        ),
        (
            "not: onboarding.reached contains first_report",
            {"onboarding.reached": []},
            {"onboarding.reached": ["first_report"]},
        ),
        (
            "usage.feature.messages.days_7 < 5",
            {"usage.feature.messages.days_7": 4.5},
            {"usage.feature.messages.days_7": 5},
        ),
        (
            "usage.limit.messages.pace >= 110 %",
            {"usage.limit.messages.pace": 140},
            {"usage.limit.messages.pace": 90},
        ),
        ("contacts.champions == 0", {"contacts.champions": 0}, {"contacts.champions": 1}),
        (
            "contacts.key_user_silence >= 15 working days",
            {"contacts.key_user_silence": 15},
            {"contacts.key_user_silence": 0},
        ),
        ("feedback.last_nps <= 6", {"feedback.last_nps": 3}, {"feedback.last_nps": 9}),
        ("health.change.30d <= -10 points", {"health.change.30d": -12.5}, {"health.change.30d": -9.5}),
    ],
)  # fmt: skip
def test_each_fires_where_it_holds_and_is_over_where_it_does_not(
    when: str, holds: dict[str, Any], passes: dict[str, Any]
) -> None:
    exit_when = f"exit_when:\n  not:\n    all:\n      - {when}\n"
    playbook = a_playbook(f"id: x\nwatch: [messages]\nwhen:\n  - {when}\n{exit_when}steps: [alert: Hi]")
    assert step(playbook, None, a_look({}, MONDAY)).episode is None, "what is unknown fires nothing"
    fired = step(playbook, None, a_look(holds, MONDAY))
    assert [ask.kind for ask in fired.asks] == ["alert"]
    over = step(playbook, fired.episode, a_look(passes, MONDAY + DAY))
    assert over.episode is not None
    assert over.episode.state != "active"


def test_a_fall_in_seven_days_is_over_at_the_midnight_at_which_it_leaves_them() -> None:
    playbook = a_playbook(
        "id: x\nwhen: health.change.7d <= -10 points\nexit_when: health.change.7d > -10 points\nsteps: [alert: Hi]"
    )
    account = an_account(*busy(range(60)))
    today = day_of(NOW)
    decision = assessed(account).decision
    # At the end of the day before yesterday it stood at 90, from yesterday on at 80.
    fallen = Changes(((today - 30, 9000), (today - 1, 8000)))
    decision = msgspec.structs.replace(decision, changes=fallen, at=decision.at - DAY_US)
    midnight = NOW.replace(hour=0)

    episode: Episode | None = None
    states: dict[int, str] = {}
    for day in range(9):
        now = midnight + day * DAY
        after(*busy(range(1), now=now), account=account)
        outcome = assessed(account, before=decision, now=now, by=BY_TIME)
        decision = outcome.decision
        if outcome.assessed is not None:
            episode = step(playbook, episode, a_look(outcome.assessed.facts, now)).episode
            states[day] = "none" if episode is None else episode.state
    assert states == {day: "active" if day < 6 else "idle" for day in range(9)}
