"""How far the account has come with what it wants to do."""

from typing import Any

from services.scoring.core.clock import DAY_US, day_of_us, written_or_none, written_us
from services.scoring.core.measures.base import Measure, Reading, View
from shared.words import counted, listed


def reached(view: View) -> tuple[list[str], list[str]]:
    """The expected milestones that were reached, and those that were not."""
    have = view.state.milestones
    names = view.profile.onboarding.milestones
    return [name for name in names if name in have], [name for name in names if name not in have]


def late(view: View) -> tuple[int, str] | None:
    """Of the missing milestones that are due the one expected first, with the UTC day by which it was."""
    signed, have = view.profile.signed_at, view.state.milestones
    if signed is None:
        return None
    expected = ((day_of_us(signed) + by, name) for name, by in view.profile.onboarding.milestones.items())
    return min(((day, name) for day, name in expected if day <= view.today and name not in have), default=None)


def _progress(view: View) -> Reading:
    milestones = view.profile.onboarding.milestones
    if not milestones:
        return Reading(None, "no milestones are expected")
    if view.profile.signed_at is None:
        return Reading(None, "the date of signing is not known")
    age = view.today - day_of_us(view.profile.signed_at)
    due = [name for name, by in milestones.items() if by <= age]
    missing = [name for name in due if name not in view.state.milestones]
    if not due:
        early = len(reached(view)[0])
        words = "no milestone is due yet"
        return Reading(100, f"{words}, and {early} reached already") if early else Reading(None, words)
    done = len(due) - len(missing)
    words = f"{done} of {counted(len(due), 'milestone')} reached that are due by day {age}"
    named = listed([name.replace("_", " ") for name in missing], most=3)
    return Reading(100 * done / len(due), f"{words}; missing {named}" if missing else words)


PROGRESS = Measure(
    "onboarding.progress",
    "%",
    ((0, 0), (50, 40), (100, 100)),
    _progress,
    ("milestone.", "account."),
    facts=("onboarding.late", "onboarding.late_since"),
)


def facts(view: View) -> dict[str, Any]:
    """What it has reached, and what not."""
    done, missing = reached(view)
    listed, oldest = bool(done or missing), late(view)
    return {
        "onboarding.model": view.profile.onboarding.id,
        "onboarding.ends_at": written_or_none(view.profile.onboarding_ends_at),
        "onboarding.late": None if oldest is None else oldest[1],
        "onboarding.late_since": None if oldest is None else written_us(oldest[0] * DAY_US),
        "onboarding.reached": done if listed else None,
        "onboarding.missing": missing if listed else None,
    }
