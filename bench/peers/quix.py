"""Quix Streams, exactly once: state in RocksDB, its changelog and offsets in one of Kafka's transactions.

`count` counts events by account; `job` drops those that it knows, does our job, and publishes scores that changed.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quixstreams import Application, State

from bench.peers.job import fold
from bench.peers.meter import Meter

_SILENCE = 3
"""Seconds without an event until it ends, in which it needs next to nothing."""


def main(bootstrap: str, topic: str, events: int, home: Path, does: str) -> None:
    """Drain the topic and end."""
    app = Application(
        broker_address=bootstrap,
        consumer_group=home.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=str(home),
        loglevel="WARNING",
    )
    meter, today = Meter(), datetime.now(UTC).date().toordinal()

    def seen() -> None:
        if not meter.events:
            meter.begin()
        meter.events += 1

    def count(_: Any, state: State) -> None:
        seen()
        state.set("n", state.get("n", 0) + 1)

    def job(event: dict[str, Any], state: State) -> dict[str, Any] | None:
        seen()
        known = f"{event['source']} {event['id']}"
        if state.exists(known):
            return None
        meter.counted += 1
        state.set(known, 1)
        account = state.get("account", {})
        score = fold(account, event, today)
        state.set("account", account)
        return None if score is None else {"account": event["subject"], "score": score}

    stream = app.dataframe(app.topic(topic, key_deserializer="str", value_deserializer="json"))
    if does == "count":
        stream.update(count, stateful=True)
    else:
        scores = app.topic(f"{home.name}.scores", key_serializer="str", value_serializer="json")
        stream.apply(job, stateful=True).filter(lambda found: found is not None).to_topic(scores)
    app.run(timeout=_SILENCE)
    assert meter.events == events, f"{meter.events} of {events}"
    meter.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
