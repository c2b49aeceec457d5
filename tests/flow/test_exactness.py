"""The same events give the same state: once or thrice, in order or shuffled, with every service killed midway."""

import random
from collections.abc import Callable

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


def test_services_killed_midway_one_after_the_other_lose_nothing_and_count_nothing_twice(
    make_stack: MakeStack, told_once: str
) -> None:
    events = a_month_of_a_company()
    ends = [len(events) * part // (2 * len(SERVICES)) for part in range(2 * len(SERVICES) + 1)]
    with make_stack() as stack:
        for victim, begin, middle, end in zip(SERVICES, ends[::2], ends[1::2], ends[2::2], strict=False):
            send(stack, events[begin:middle], 25)
            stack.kill(victim)
            if victim != "ingest":
                send(stack, events[middle:end], 25)
            stack.start(victim)
            # The sender of a killed ingest has no answer for its last batch, and sends it again.
            send(stack, events[max(0, middle - 50) : end], 25)
        stack.settle()
        assert stack.fingerprint(AT) == told_once
