"""The publisher's own clock: what is confirmed, what is overdue, and when the producer is replaced."""

import asyncio

import pytest

from shared.figures import Figures
from shared.log.protocol import BrokerUnavailable, Outgoing, Unconfirmed
from shared.log.publisher import Publisher
from tests.support.ingest import Broker

MESSAGES = [Outgoing("keepwell.events.usage", "northwind", b"{}")]


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_publisher(broker: Broker, clock: Seconds, limit: float = 0.02) -> Publisher:
    return Publisher(broker.producer, Figures("test"), limit=limit, give_up=30, clock=clock)


async def test_a_confirmed_publish_returns() -> None:
    broker = Broker()
    publisher = a_publisher(broker, Seconds())
    await publisher.publish(MESSAGES)
    await publisher.publish(MESSAGES)
    assert len(broker.messages) == 2
    assert len(broker.producers) == 1
    await publisher.stop()
    assert broker.producers[0].stopped


async def test_an_unconfirmed_publish_is_given_an_answer_and_goes_on() -> None:
    broker, clock = Broker(), Seconds()
    broker.confirms.clear()
    publisher = a_publisher(broker, clock)
    with pytest.raises(Unconfirmed, match="not confirmed within"):
        await publisher.publish(MESSAGES)
    clock.now += 1
    with pytest.raises(Unconfirmed, match="for 1 s"):
        await publisher.publish(MESSAGES)
    assert broker.asked == 1
    broker.confirms.set()
    await asyncio.sleep(0.01)
    assert broker.messages == MESSAGES
    await publisher.publish(MESSAGES)
    assert len(broker.producers) == 1


async def test_a_publish_whose_sender_went_away_is_minded_too() -> None:
    broker, clock = Broker(), Seconds()
    broker.confirms.clear()
    publisher = a_publisher(broker, clock, limit=10)
    sender = asyncio.create_task(publisher.publish(MESSAGES))
    await asyncio.sleep(0.01)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    publisher.check()
    clock.now += 11
    with pytest.raises(Unconfirmed):
        publisher.check()
    broker.confirms.set()
    await asyncio.sleep(0.01)
    publisher.check()
    assert broker.messages == MESSAGES


async def test_after_a_failure_the_next_publish_has_a_new_producer() -> None:
    broker = Broker()
    broker.fails = [Unconfirmed("the broker is gone")]
    publisher = a_publisher(broker, Seconds())
    with pytest.raises(Unconfirmed, match="gone"):
        await publisher.publish(MESSAGES)
    await publisher.publish(MESSAGES)
    assert [producer.stopped for producer in broker.producers] == [True, False]


async def test_a_producer_that_can_not_start_is_tried_again() -> None:
    broker = Broker()
    broker.start_fails = BrokerUnavailable("no broker")
    publisher = a_publisher(broker, Seconds())
    with pytest.raises(Unconfirmed, match="no broker"):
        await publisher.publish(MESSAGES)
    broker.start_fails = None
    await publisher.publish(MESSAGES)


async def test_a_producer_that_hangs_is_given_up_in_the_end() -> None:
    broker, clock = Broker(), Seconds()
    broker.confirms.clear()
    publisher = a_publisher(broker, clock)
    with pytest.raises(Unconfirmed):
        await publisher.publish(MESSAGES)
    clock.now += 31
    with pytest.raises(Unconfirmed):
        publisher.check()
    await asyncio.sleep(0.01)
    publisher.check()
    broker.confirms.set()
    await publisher.publish(MESSAGES)
    assert len(broker.producers) == 2
    assert broker.messages == MESSAGES


async def test_two_at_once_share_one_producer() -> None:
    broker = Broker()
    publisher = a_publisher(broker, Seconds())
    await asyncio.gather(publisher.publish(MESSAGES), publisher.publish(MESSAGES))
    assert len(broker.producers) == 1
