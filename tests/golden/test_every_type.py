"""Every type of message that there is, or ever was in a sample, keeps what is promised of all."""

from pathlib import Path

import pytest

from shared.messages import envelope, registry
from shared.messages.fields import CustomerEvent
from tests.support.verify import SAMPLES, STRUCTS, type_of, verify


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_ever_written_is_verified(sample: Path) -> None:
    event = envelope.decode(sample.read_bytes())
    assert event.type == type_of(sample)
    verify(event)


@pytest.mark.parametrize("name", STRUCTS)
def test_every_type_has_a_case(name: str) -> None:
    assert any(type_of(sample) == name for sample in SAMPLES), (
        f"Put a sample of it into tests/golden/messages/{name}.1.json"
    )


def test_every_definition_is_registered_and_no_two_of_them_name_the_same_type() -> None:
    todo, named = [CustomerEvent], list[str]()
    while todo:
        struct = todo.pop()
        named += vars(struct).get("types", ())
        todo += struct.__subclasses__()
    assert sorted(named) == sorted(registry.CUSTOMER_EVENTS)


def test_a_definition_travels_on_the_topic_of_its_family() -> None:
    topics = {struct.__module__: topic for topic, struct in registry.CUSTOMER_EVENTS.values()}
    assert topics == {f"shared.messages.{topic.rpartition('.')[2]}": topic for topic in registry.EVENT_TOPICS}
