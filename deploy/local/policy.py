"""When a child that died is started again. Pure: times are arguments, in seconds of any steady clock."""

from collections.abc import Sequence

WINDOW = 60.0
LIMIT = 5
_FIRST_DELAY = 0.25
AGAIN_WITHOUT_ROOM = 10.0
"""Seconds until what died on a full disk is tried again."""
LOOK_EVERY = 10.0
"""Seconds between two questions for `/healthz`."""
MISSES = 3
"""How many answers in a row a process that lives may miss before it is ended."""
PATIENT_MISSES = 6
"""How many more it may miss before its first answer: it has 90 s to start."""


def recent(deaths: Sequence[float], now: float) -> tuple[float, ...]:
    """The deaths that still count."""
    return tuple(death for death in deaths if now - death < WINDOW)


def delay_after(deaths: Sequence[float], now: float) -> float | None:
    """Seconds to wait before the next start, doubling with each recent death; None after the fifth in a minute."""
    count = len(recent(deaths, now))
    return None if count >= LIMIT else _FIRST_DELAY * 2 ** (count - 1)
