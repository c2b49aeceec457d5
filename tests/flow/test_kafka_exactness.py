"""What the local log promises, Kafka keeps too: the same events give the same state, whatever happens meanwhile."""

import random
from collections.abc import Callable

import pytest

from tests.support.company import AT, a_month_of_a_company, send
from tests.support.stack import Stack

pytestmark = pytest.mark.kafka

MakeStack = Callable[[], Stack]


def test_kafka_gives_the_fingerprint_of_the_local_log_for_events_once_or_thrice_and_shuffled(
    make_kafka_stack: MakeStack, told_once: str
) -> None:
    with make_kafka_stack() as stack:
        events = a_month_of_a_company()
        send(stack, events)
        stack.settle()
        assert stack.fingerprint(AT) == told_once
        again = events * 2
        random.Random(7).shuffle(again)
        send(stack, again, 97)
        stack.settle()
        assert stack.fingerprint(AT) == told_once


def test_shuffled_events_and_workers_killed_midway_give_the_same_fingerprint(
    make_kafka_stack: MakeStack, told_once: str
) -> None:
    events = a_month_of_a_company()
    random.Random(11).shuffle(events)
    half = len(events) // 2
    with make_kafka_stack() as stack:
        send(stack, events[:half], 25)
        stack.kill("scoring")
        stack.kill("playbooks")
        send(stack, events[half:], 25)
        stack.start("scoring", "playbooks")
        stack.settle()
        assert stack.fingerprint(AT) == told_once
        assert stack.get("playbooks", "/v1/status")["details"]["assessment_gaps"] == 0
