"""What people want of their messages: where they hear, and when not."""

from datetime import datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core import grouping
from services.notifier.core.preferring import UNSET, Kept, channelled, in_peace, wanted
from services.notifier.core.routing import Route, Setup, delivery_id, route
from shared.messages.actions import SEVERITIES, Severity
from shared.messages.preferences import Preferences, Quiet
from shared.words import zone
from tests.support.notifier import NOW, THE_OWNER, an_action

SETUP = Setup(slack="bot", email=True)
OWN = Route(transport="slack", target="U012AB3CD")
SHARED = Route(transport="slack", target="#escalations", shared=True)
NIGHT = Preferences(quiet=Quiet(start=time(20), end=time(7, 30)))
AT_NIGHT = NOW.replace(hour=21)


def test_the_last_that_was_set_counts_by_whichever_name() -> None:
    early, late = Preferences(channel="email"), Preferences(channel="inbox")
    known = {"csm-3": Kept(early, NOW), "owner@example.com": Kept(late, NOW + timedelta(days=1))}
    assert wanted(known, THE_OWNER) == late
    assert wanted(known, None) == UNSET
    assert wanted({}, THE_OWNER) == UNSET


@pytest.mark.parametrize(
    ("asked", "target"), [(None, "email:owner@example.com"), ("inbox", "inbox:csm-3"), ("slack:#cs", "slack:#cs")]
)
def test_a_preferred_channel_counts_where_none_is_named(asked: str | None, target: str) -> None:
    action = an_action(channel=asked)
    preferred = channelled(action, Preferences(channel="email"))
    assert route(preferred, SETUP).channel == target


def test_another_preference_makes_no_second_delivery() -> None:
    action = an_action()
    assert delivery_id(action) != delivery_id(channelled(action, Preferences(channel="email")))
    # Which is why the handler names deliveries by what was asked for.
    assert delivery_id(action) == delivery_id(msgspec.structs.replace(action, not_before=NOW))


def test_what_comes_at_night_waits_with_all_else_for_the_morning() -> None:
    two = [an_action(f"act-{n}", severity="high", playbook=f"p-{n}@1") for n in range(2)]
    places = [grouping.place(in_peace(one, NIGHT, OWN, AT_NIGHT), OWN, AT_NIGHT) for one in two]
    morning = (NOW + timedelta(days=1)).replace(hour=6, minute=30)
    assert {one.not_before for one in places} == {morning}
    assert len({one.group for one in places}) == 1


@pytest.mark.parametrize(
    ("others", "to"),
    [({"severity": "critical"}, OWN), ({"severity": "high"}, SHARED)],
    ids=["it weighs enough", "shared"],
)
def test_what_disturbs_nobody_goes(others: dict[str, Any], to: Route) -> None:
    action = an_action(**others)
    assert in_peace(action, NIGHT, to, AT_NIGHT) is action


@given(
    minutes=st.integers(0, 400 * 24 * 60),
    waits=st.none() | st.integers(0, 5000),
    severity=st.sampled_from(SEVERITIES),
    unless=st.sampled_from(SEVERITIES),
)
def test_nothing_is_due_in_quiet_hours_unless_its_severity_passes(
    minutes: int, waits: int | None, severity: Severity, unless: Severity
) -> None:
    now = NOW + timedelta(minutes=minutes)
    quiet = Quiet(start=time(20), end=time(7, 30), unless=unless)
    not_before = now + timedelta(minutes=waits) if waits is not None else None
    action = an_action(severity=severity, not_before=not_before)
    placed = grouping.place(in_peace(action, Preferences(quiet=quiet), OWN, now), OWN, now)
    due: datetime = placed.not_before or now
    passes = SEVERITIES.index(severity) >= SEVERITIES.index(unless)
    assert passes or not quiet.covers(due.astimezone(zone(THE_OWNER.time_zone)).time())
