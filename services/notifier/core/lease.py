"""A delivery's lease is a machine: one sender at a time has it, for longer than a send may take.

It is `held` until the instant it was taken for; then it has `lapsed`, and another may take it back. Until somebody
does, its holder's result still counts. A result under a lease that is gone changes nothing but the history.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

State = Literal["free", "held", "lapsed"]

Event = Literal["taken", "ran_out", "returned", "taken_back"]
"""`returned`: with the attempt's result. `ran_out`: by time alone. `taken_back`: what went under it is uncertain."""

MOVES: Final[Mapping[tuple[State, Event], State]] = {
    ("free", "taken"): "held",
    ("held", "returned"): "free",
    ("held", "ran_out"): "lapsed",
    ("lapsed", "returned"): "free",
    ("lapsed", "taken_back"): "free",
}
"""Where each event takes a lease; what is not here can't happen: nobody takes what another holds."""


def standing(taken: bool, until: datetime, now: datetime) -> State:
    """How a lease stands; `until` is when it runs out."""
    return "free" if not taken else "held" if until > now else "lapsed"
