"""Random services killed at random while events pour in: nothing accepted is lost and nothing is counted twice."""

import random
from collections.abc import Callable

import pytest

from tests.support.chaos import SEED, check_ledger, check_nothing_is_dead, random_kills
from tests.support.company import AT, a_month_of_a_company, undisturbed
from tests.support.stack import Stack

MakeStack = Callable[[], Stack]


def pour(stack: Stack, chance: random.Random, kills: int, accounts: int) -> str:
    """Everything at least once, some of it again, in any order."""
    events = a_month_of_a_company(accounts)
    events += chance.sample(events, len(events) // 3)
    chance.shuffle(events)
    with random_kills(stack, chance, kills) as victims:
        for first in range(0, len(events), 17):
            stack.post(events[first : first + 17])
    assert len(victims) >= kills
    stack.settle(120)
    check_nothing_is_dead(stack)
    check_ledger(stack)
    return stack.fingerprint(AT)


def test_random_kills_under_load_change_nothing(make_stack: MakeStack, told_once: str, chance: random.Random) -> None:
    with make_stack() as stack:
        found = pour(stack, chance, 2, 6)
    assert found == told_once


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_many_random_kills_under_load_change_nothing(make_stack: MakeStack, seed: int) -> None:
    with make_stack() as stack:
        found = pour(stack, random.Random(f"{SEED} {seed}"), 15, 40)
    assert found == undisturbed(make_stack, 40)
