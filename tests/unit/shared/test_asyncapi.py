"""The AsyncAPI document says what the registry and the services say."""

import json

import pytest

from services.notifier import main as notifier
from services.playbooks import main as playbooks
from services.scoring import handler as scoring
from shared.messages import asyncapi, envelope, registry
from shared.messages.examples import examples
from shared.worker.loop import Plan
from tests.support.verify import STRUCTS

DOCUMENT = asyncapi.document()


def test_the_document_is_current() -> None:
    # After a change: make generated
    assert asyncapi.PAGE.read_text(encoding="utf-8") == asyncapi.text()


def test_every_topic_is_a_channel_and_every_type_is_a_message_on_its_own() -> None:
    channels = {one["address"]: set(one["messages"]) for one in DOCUMENT["channels"].values()}
    assert list(channels) == list(registry.TOPICS)
    assert set(DOCUMENT["components"]["messages"]) == set(STRUCTS)
    for name in {**registry.CUSTOMER_EVENTS, **registry.INTERNAL}:
        assert name in channels[registry.topic_of(name)]
    assert all(registry.HISTORY_ENDED in channels[topic] for topic in registry.EVENT_TOPICS)


@pytest.mark.parametrize(
    ("service", "plan"), [("scoring", scoring.PLAN), ("playbooks", playbooks._PLAN), ("notifier", notifier._PLAN)]
)
def test_a_service_receives_the_topics_of_its_plan(service: str, plan: Plan) -> None:
    assert {topic for name, topic in asyncapi.RECEIVED if name == service} == set(plan.topics)


def test_whatever_travels_is_sent_by_somebody() -> None:
    sent = {topic: set[str]() for topic in registry.TOPICS}
    for _, topic, types in asyncapi.SENT:
        sent[topic] |= set(types)
    assert {topic: set(asyncapi.on_topic(topic)) for topic in registry.TOPICS} == sent


@pytest.mark.parametrize("name", STRUCTS)
def test_every_type_has_an_example_that_reads_as_it(name: str) -> None:
    event, data = registry.read(json.dumps(examples()[name]).encode())
    assert isinstance(data, STRUCTS[name])
    assert event.type == name
    assert envelope.decode(envelope.encode(event)).id == event.id
