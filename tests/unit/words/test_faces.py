"""F13: Slack, the letter and the command line say the same of the same account."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from deploy.cli.why import headline, tell_drivers
from services.notifier.channels.blocks import render
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose, score_words
from services.playbooks.core.standing import standing
from shared.conditions import Facts, Truth, leaves, parse
from shared.messages.assessments import AccountAssessed, Cause, Driver
from shared.words import counted, in_days
from tests.support.notifier import NOW, THE_OWNER, an_account, an_action

RENDERER = Renderer()


def drivers_of(points: list[int]) -> list[Driver]:
    return [Driver(kind="measure", name=f"m{i}", points=p, reason=f"reason {i}") for i, p in enumerate(points)]


def assessed(drivers: list[Driver], before: int) -> AccountAssessed:
    return AccountAssessed(
        rev=2,
        at=NOW,
        cause=Cause(kind="event", type="feedback.nps", source="s", id="1", time=NOW),
        facts={},
        unknown={},
        score=before + sum(driver.points for driver in drivers),
        band="amber",
        previous_score=before,
        previous_band="green",
        coverage=10_000,
        scorecard="mature@1",
        measures=[],
        drivers=drivers,
    )


def in_slack(told: AccountAssessed) -> list[tuple[str, str]]:
    """By the whole road: what playbooks keep of an assessment, and what the message makes of that."""
    stands = standing("northwind", told)
    account = an_account(score=stands.score, previous_score=stands.previous_score)
    message = compose(an_action(drivers=stands.drivers, account=account, why=[]), NOW)
    said = str(render(message, RENDERER, "d")["blocks"])
    return re.findall(r"([+−]\d+)[^+−\d]+(reason \d+)", said)


def in_the_letter(told: AccountAssessed) -> list[tuple[str, str]]:
    stands = standing("northwind", told)
    account = an_account(score=stands.score, previous_score=stands.previous_score)
    message = compose(an_action(drivers=stands.drivers, account=account, why=[]), NOW)
    return re.findall(r"([+−]\d+) +(reason \d+)", RENDERER.text(message))


def in_why(told: AccountAssessed) -> list[tuple[str, str]]:
    """As scoring's API tells it: points with decimals."""
    assert told.previous_score is not None
    assert told.score is not None
    shown: list[dict[str, Any]] = [{"points": d.points / 100, "reason": d.reason} for d in told.drivers]
    written = io.StringIO()
    out = Console(file=written, width=200)
    tell_drivers(out, shown, told.previous_score / 100, told.score / 100)
    return re.findall(r"([+−]\d+) +(reason \d+)", written.getvalue())


@pytest.mark.parametrize(
    ("points", "before", "shown"),
    [
        ([800, 50, 1450, -800], 5_000, ["+15", "+8", "−8"]),
        ([50, 1450, -800, 800], 5_000, ["+15", "−8", "+8"]),
        ([33, 33, 34], 5_050, ["+1"]),
        ([-50, -50, -50, -50], 5_200, ["−1", "−1"]),
        ([-150, 50], 5_250, ["−1"]),
    ],
)
def test_drivers_have_the_same_points_in_slack_in_the_letter_and_in_why(
    points: list[int], before: int, shown: list[str]
) -> None:
    told = assessed(drivers_of(points), before)
    assert [said for said, _ in in_why(told)] == shown
    assert in_slack(told) == in_the_letter(told) == in_why(told)


@given(st.lists(st.integers(-1_500, 1_500).filter(bool), max_size=5), st.integers(0, 10_000))
def test_any_drivers_have_the_same_points_everywhere(points: list[int], before: int) -> None:
    told = assessed(drivers_of(points), before)
    assert in_slack(told) == in_the_letter(told) == in_why(told)


def test_many_drivers_still_sum_to_the_change_in_a_message_that_cannot_show_all() -> None:
    told = assessed(drivers_of([150, 250, 350, -450, -550, 650, 750, 50, 50]), 4_000)
    shown = in_slack(told)
    assert shown == in_why(told)[: len(shown)]
    assert len(shown) == 5


@pytest.mark.parametrize("hours", [-73, -1, 0, 1, 13, 23, 25, 47, 1_000])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_a_renewal_is_the_same_in_slack_and_in_why(hours: int, zone: str) -> None:
    renews_at = datetime(2026, 11, 18, tzinfo=UTC) + timedelta(hours=hours)
    account = an_account(renews_at=renews_at)
    reader = msgspec.structs.replace(THE_OWNER, time_zone=zone)
    said = compose(an_action(account=account, recipient=reader), NOW).headline
    asked = {
        "id": account.id,
        "name": account.name,
        "plan": account.plan,
        "mrr_minor": account.mrr_minor,
        "currency": account.currency,
        "renews_at": renews_at.isoformat(),
    }
    assert headline(asked, NOW).plain == said


@pytest.mark.parametrize("hour", [0, 1, 11, 13, 23])
@pytest.mark.parametrize("days", [1, 2, 13, 41])
def test_a_condition_counts_the_days_to_a_renewal_as_the_headline_does(days: int, hour: int) -> None:
    now = datetime(2026, 11, 18, hour, 14, tzinfo=UTC)
    renews_at = datetime(2026, 11, 18, tzinfo=UTC) + timedelta(days=days)
    [seen] = leaves(parse("days_until account.renews_at <= 60"), Facts.of({"account.renews_at": renews_at}), now)
    assert seen.value == counted(days, "day")
    assert in_days(renews_at, now) in {f"in {seen.value}", "tomorrow"}


def test_a_condition_never_contradicts_its_own_bound() -> None:
    now = datetime(2026, 11, 18, 14, tzinfo=UTC)
    renews_at = datetime(2026, 12, 1, tzinfo=UTC)
    [seen] = leaves(parse("days_until account.renews_at < 13"), Facts.of({"account.renews_at": renews_at}), now)
    assert seen.truth is Truth.TRUE
    assert seen.words == "12 days until renewal, under 13 days"


def test_a_score_is_rounded_alike_at_the_half() -> None:
    assert score_words(an_account(score=5_250, previous_score=5_149, band="amber")) == "51 → 53 amber"
