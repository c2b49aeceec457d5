"""Whatever playbooks and histories: they do what one would do that looks at every minute, to the minute.

The code looks only when something happens and when its timers come due, which may be late by an outage, or early. See
CONTRIBUTING for how to try thousands.
"""

import os
from collections.abc import Callable

from tests.support.lived import lived
from tests.support.lives import UNTIL, Chance
from tests.support.minutes import every_minute
from tests.support.plain_rules import Rule

FIRST, _, LAST = os.environ.get("KEEPWELL_TEST_EXAMPLES", "80").rpartition("-")
LIVES = range(int(FIRST or 0), int(LAST))


def _each(draw: Callable[[Chance], list[Rule]]) -> None:
    """By its number a life that failed is found again: `KEEPWELL_TEST_EXAMPLES=25-26`."""
    for number in LIVES:
        chance = Chance(number)
        rules = draw(chance)
        life = chance.life(rules)
        should = every_minute(rules, life.history, UNTIL, life.interrupted, life.moves, life.adopted)
        assert lived(rules, life) == should, f"life {number}"


def test_states_of_affairs() -> None:
    _each(lambda chance: chance.rules(3))


def test_events() -> None:
    _each(lambda chance: chance.rules(2, of_events=True))


def test_people() -> None:
    _each(lambda chance: [*chance.rules(2, ask_people=True), *chance.rules(1, of_events=True, ask_people=True)])
