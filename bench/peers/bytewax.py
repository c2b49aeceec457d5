"""Bytewax: events counted by account in its Rust core's state, without recovery; the records' keys alone are read."""

import sys
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from bench.peers.meter import Meter


class _Nothing(StatelessSinkPartition[Any]):  # type: ignore[misc]
    def write_batch(self, items: list[Any]) -> None:
        """Nothing comes: counting emits nothing."""


class _Nowhere(DynamicSink[Any]):  # type: ignore[misc]
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Nothing:
        """One for each worker."""
        return _Nothing()


def main(bootstrap: str, topic: str, events: int) -> None:
    """Drain the topic and end."""
    meter = Meter()

    def key(message: KafkaSourceMessage) -> str:
        if not meter.events:
            meter.begin()
        meter.events += 1
        return bytes(message.key).decode()

    def count(state: int | None, _: KafkaSourceMessage) -> tuple[int, tuple[()]]:
        return (state or 0) + 1, ()

    flow = Dataflow("count")
    records = op.input("records", flow, KafkaSource([bootstrap], [topic], tail=False, batch_size=1000))
    counted = op.stateful_flat_map("count", op.key_on("key", records, key), count)
    op.output("nowhere", counted, _Nowhere())
    run_main(flow)
    assert meter.events == events, f"{meter.events} of {events}"
    meter.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
