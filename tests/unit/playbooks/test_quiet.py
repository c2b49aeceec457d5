"""Quiet hours: nothing disturbs anybody in them but what weighs enough for them, whatever caused it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.workinghours import OFFICE, Hours, bring_at, free_at, later
from shared.messages.actions import SEVERITIES, Severity
from shared.messages.preferences import Preferences, Quiet
from tests.support.desk import Office
from tests.support.playbooks import LOW

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(start=time(20), end=time(7, 30))
ANY_TIME = Hours(time_zone="Europe/Berlin", any_time=True, quiet=NIGHT)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")
START = datetime(2025, 1, 1, tzinfo=UTC)
CLOCKS = st.times().map(lambda one: one.replace(second=0, microsecond=0))


def in_march(text: str) -> datetime:
    """Such as `Tue 3 15:00`, in Berlin."""
    _, day, clock = text.split()
    return datetime.combine(date(2026, 3, int(day)), time.fromisoformat(clock), BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("severity", "hours", "decided", "brought"),
    [
        ("high", ANY_TIME, "Tue 3 21:00", "Wed 4 07:30"),
        ("high", ANY_TIME, "Wed 4 07:29", "Wed 4 07:30"),
        ("high", ANY_TIME, "Wed 4 07:30", "Wed 4 07:30"),
        ("critical", ANY_TIME, "Tue 3 21:00", "Tue 3 21:00"),
        ("high", ANY_TIME, "Sat 7 12:00", "Sat 7 12:00"),
        ("medium", ANY_TIME, "Tue 3 12:00", "Wed 4 08:30"),
        ("critical", replace(ANY_TIME, any_time=False), "Tue 3 21:00", "Wed 4 08:30"),
        ("high", replace(ANY_TIME, quiet=replace(NIGHT, unless="high")), "Tue 3 21:00", "Tue 3 21:00"),
        ("medium", replace(ANY_TIME, waits="low"), "Tue 3 12:00", "Tue 3 12:00"),
        ("low", replace(ANY_TIME, waits="low"), "Tue 3 12:00", "Wed 4 08:30"),
        ("high", replace(ANY_TIME, waits="high"), "Tue 3 12:00", "Wed 4 08:30"),
        ("info", replace(ANY_TIME, waits=None), "Tue 3 12:00", "Tue 3 12:00"),
        ("medium", replace(ANY_TIME, digest=time(7, 45)), "Tue 3 12:00", "Wed 4 07:45"),
        (
            "high",
            Hours(time_zone="Europe/Berlin", quiet=Quiet(start=time(12), end=time(14))),
            "Tue 3 12:30",
            "Tue 3 14:00",
        ),
    ],
)
def test_when_it_comes(severity: Severity, hours: Hours, decided: str, brought: str) -> None:
    assert bring_at(hours, severity, in_march(decided)) == in_march(brought)


def test_quiet_hours_that_cover_all_of_work_leave_the_first_moment_after_them() -> None:
    hours = Hours(time_zone="Europe/Berlin", quiet=Quiet(start=time(8), end=time(18)))
    assert bring_at(hours, "high", in_march("Tue 3 10:00")) == in_march("Wed 4 18:00")


def test_what_clocks_skip_or_repeat_ends_quiet_hours_all_the_same() -> None:
    quiet = Quiet(start=time(22), end=time(2, 30))
    spring = quiet.free_at(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "Europe/Berlin")
    assert spring == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    # Two hours of the clock are between 02:00 and 03:00 that night; the second is no longer quiet from 02:30 on.
    assert quiet.free_at(datetime(2026, 10, 25, 1, 10, tzinfo=UTC), "Europe/Berlin") == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )


@given(
    zone=st.sampled_from(ZONES),
    at=st.integers(0, 3 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    severity=st.sampled_from(SEVERITIES),
    unless=st.sampled_from(SEVERITIES),
    start=CLOCKS,
    end=CLOCKS,
    any_time=st.booleans(),
    waits=st.sampled_from((None, *SEVERITIES)),
    due=st.none() | st.integers(0, 100),
)
def test_nothing_comes_in_quiet_hours_unless_its_severity_passes(
    zone: str,
    at: datetime,
    severity: Severity,
    unless: Severity,
    start: time,
    end: time,
    any_time: bool,
    waits: Severity | None,
    due: int | None,
) -> None:
    assume(start != end)
    quiet = Quiet(start=start, end=end, unless=unless)
    hours = Hours(time_zone=zone, any_time=any_time, quiet=quiet, waits=waits)
    due_at = at + timedelta(hours=due) if due is not None else None
    for brought in (bring_at(hours, severity, at, due_at), free_at(hours, severity, at)):
        assert brought >= at
        passes = SEVERITIES.index(severity) >= SEVERITIES.index(unless)
        assert passes or not quiet.covers(brought.astimezone(ZoneInfo(zone)).time())
    assert later(hours, severity, at, due_at) != at
    # Quiet hours hold nothing back for longer than they last, beyond the digest.
    plain = bring_at(replace(hours, quiet=None), severity, at, due_at)
    assert free_at(hours, severity, plain) - plain <= timedelta(hours=25)


URGENT = "id: stalled\nurgent: true\nwhen: usage.breadth < 40 %\nsteps: [{alert: Look at it, severity: SEVERITY}]\n"
PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com, time_zone: Europe/Berlin}]"


def an_office(severity: str, *, urgent: bool = True, **preferences: Any) -> Office:
    text = URGENT if urgent else URGENT.replace("urgent: true\n", "")
    office = Office(text.replace("SEVERITY", severity), people=PEOPLE)
    people = office.rules.directory.with_preferences({"owner@example.com": Preferences(**preferences)})
    office.rules = office.rules._replace(directory=people)
    return office


@pytest.mark.parametrize("urgent", [True, False])
def test_what_an_event_causes_at_night_waits_for_the_morning(urgent: bool) -> None:
    (alert,) = an_office("high", urgent=urgent, quiet=NIGHT).assess(in_march("Tue 3 23:00"), LOW)
    assert alert.not_before == in_march("Wed 4 07:30")


def test_what_weighs_enough_comes_at_night() -> None:
    (alert,) = an_office("critical", quiet=NIGHT).assess(in_march("Tue 3 23:00"), LOW)
    assert alert.not_before is None


def test_their_digest_brings_what_waits_at_their_hour() -> None:
    (alert,) = an_office("low", urgent=False, daily=time(10)).assess(in_march("Tue 3 23:00"), LOW)
    assert alert.not_before == in_march("Wed 4 10:00")


def test_preferences_are_found_by_id_or_address_and_the_last_counts() -> None:
    people = Directory((Csm(id="own", name="Owner", email="owner@example.com", hours=OFFICE),))
    early, late = Preferences(daily=time(7)), Preferences(daily=None)
    (both,) = people.with_preferences({"own": early, "Owner@Example.com": late}).csms
    assert both.daily is None
    assert people.with_preferences({"stranger": early}) is people
