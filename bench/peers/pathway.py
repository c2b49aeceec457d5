"""Pathway: events counted by account in its Rust engine, which calls Python for no event: its start counts, too."""

import sys
from typing import Any

import pathway as pw

from bench.peers.meter import Meter


class _Event(pw.Schema):  # type: ignore[misc]
    subject: str


def main(bootstrap: str, topic: str, events: int, group: str) -> None:
    """Drain the topic and end."""
    meter = Meter()
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    read = pw.io.kafka.read(settings, topic, schema=_Event, format="json", mode="static")
    counts = read.groupby(read.subject).reduce(read.subject, n=pw.reducers.count())

    def told(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        meter.events += row["n"] if is_addition else -row["n"]

    pw.io.subscribe(counts, on_change=told)
    meter.begin()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    assert meter.events == events, f"{meter.events} of {events}"
    meter.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
