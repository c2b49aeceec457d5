"""Opens the home of the stream that the settings name."""

from collections.abc import Mapping

from shared.log.protocol import Stream

LOCAL = "local"


def make_stream(broker: str, url: str, settings: Mapping[str, str], partitions: int, prefix: str = "") -> Stream:
    """The local log for `local`, else Kafka at these bootstrap servers; not started.

    `settings` are the session settings of the service's connections. What only one home needs is imported only for it.
    """
    if broker == LOCAL:
        from shared.log.local import LocalStream

        return LocalStream(url, settings, partitions)
    from shared.log.kafka import KafkaStream

    return KafkaStream(broker, partitions, prefix=prefix)
