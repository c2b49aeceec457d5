"""How we stand with each other."""

from typing import Any, Final

from services.scoring.core.clock import DAY_US, day_of_us, in_words, micros, written_us
from services.scoring.core.measures.base import Measure, Reading, View
from shared.words import counted

PULSE_US: Final = 90 * DAY_US
"""A pulse expires after 90 days, to the microsecond."""


def _pulse(view: View) -> Reading:
    pulse = view.state.pulse
    if pulse is None:
        return Reading(None, "no pulse was set")
    score, note, _ = pulse.value
    if micros(view.now) >= pulse.at + PULSE_US:
        return Reading(None, f"the pulse of {in_words(pulse.at)} has expired")
    return Reading(score, f"the pulse is {score} of 10" + (f': "{note}"' if note else ""))


def _silence(view: View) -> Reading:
    last = view.state.interaction
    if last is None:
        return Reading(None, "no interaction was logged")
    days = max(0, view.today - day_of_us(last.at))
    return Reading(days, f"no contact for {counted(days, 'day')}" if days else f"{last.value[0]} today")


PULSE = Measure("relationship.pulse", "", ((1, 0), (5, 50), (8, 90), (10, 100)), _pulse, ("pulse.",))
SILENCE = Measure(
    "relationship.silence", "days", ((14, 100), (30, 80), (60, 40), (120, 0)), _silence, ("interaction.",)
)


def facts(view: View) -> dict[str, Any]:
    """Who is there for us, and when we last talked."""
    champions, left_at = 0, 0
    for cells in view.state.contacts.values():
        role, left = cells.get("role"), cells.get("left")
        if role is None or role.value != "champion":
            continue
        if left is not None and left.beats(role):
            left_at = max(left_at, left.at)
        else:
            champions += 1
    interaction = view.state.interaction
    return {
        "relationship.last_interaction_at": written_us(interaction.at) if interaction else None,
        "contacts.champions": champions if view.state.contacts else None,
        "contacts.champion_left_at": written_us(left_at) if left_at else None,
    }
