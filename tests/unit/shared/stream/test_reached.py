"""How far messages reach, by what aiokafka says of each."""

from types import SimpleNamespace

from shared.log.kafka_producer import reached
from shared.log.protocol import Outgoing, TopicPartition

A, B = (Outgoing("keepwell.events.usage", key, b"{}") for key in "ab")


def taken(offset: int, log_begins: int | None = 0) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, log_start_offset=log_begins)


def test_it_is_after_the_last_message_of_each_partition() -> None:
    assert reached([A, B, A], [1, 2, 1], [taken(7), taken(0), taken(8)]) == {
        TopicPartition(A.topic, 1): 9,
        TopicPartition(A.topic, 2): 1,
    }


def test_where_a_repeated_batch_lies_is_not_known_though_each_message_has_an_offset() -> None:
    assert reached([A, B], [1, 2], [taken(3, log_begins=-1), taken(4)]) == {}


def test_old_brokers_do_not_say_where_the_log_begins() -> None:
    assert reached([A], [1], [taken(3, log_begins=None)]) == {TopicPartition(A.topic, 1): 4}
