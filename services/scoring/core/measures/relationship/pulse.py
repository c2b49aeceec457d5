"""What the customer-success manager thinks of it."""

from typing import Final

from services.scoring.core.clock import DAY_US, in_words
from services.scoring.core.measures.base import Measure, Reading, View
from shared.messages.stamps import Cell, micros

_LASTS: Final = 90 * DAY_US
_EXTREME_LASTS: Final = 30 * DAY_US
"""Nobody is at the very end of the scale for a quarter: a 1 or a 10 is said again, or is over."""


def ends_at(pulse: Cell) -> int:
    """When a pulse expires, to the microsecond."""
    return pulse.at + (_EXTREME_LASTS if pulse.value[0] in (1, 10) else _LASTS)


def _pulse(view: View) -> Reading:
    pulse = view.state.pulse
    if pulse is None:
        return Reading(None, "no pulse was set")
    score, note, _ = pulse.value
    if micros(view.now) >= ends_at(pulse):
        return Reading(None, f"the pulse of {in_words(pulse.at)} has expired")
    return Reading(score, f'the pulse is {score} of 10: "{note}"')


# Practice: 8 and more is a customer one would name as a reference, 5 one that could go either way.
PULSE = Measure("relationship.pulse", "", ((1, 0), (5, 50), (8, 90), (10, 100)), _pulse, ("pulse.",))
