"""The same events give the same state: once or thrice, in order or shuffled, with every service killed midway."""

import random
from collections.abc import Callable

import pytest

from tests.support.company import AT, a_month_of_a_company, send
from tests.support.stack import SERVICES, Stack

MakeStack = Callable[[], Stack]


def test_sent_three_times_and_shuffled_it_counts_once(make_stack: MakeStack, told_once: str) -> None:
    with make_stack() as stack:
        events = a_month_of_a_company() * 3
        random.Random(7).shuffle(events)
        send(stack, events, 97)
        stack.settle()
        assert stack.fingerprint(AT) == told_once


@pytest.mark.parametrize("victim", SERVICES)
def test_a_service_killed_midway_loses_nothing_and_counts_nothing_twice(
    make_stack: MakeStack, told_once: str, victim: str
) -> None:
    events = a_month_of_a_company()
    with make_stack() as stack:
        send(stack, events[: len(events) // 2], 25)
        stack.kill(victim)
        if victim != "ingest":
            send(stack, events[len(events) // 2 :], 25)
        stack.start(victim)
        # The sender of a killed ingest has no answer for its last batch, and sends it again.
        send(stack, events[len(events) // 2 - 50 :], 25)
        stack.settle()
        assert stack.fingerprint(AT) == told_once
