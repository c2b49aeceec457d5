"""Faust: events counted by account in a table with a changelog, at least once, as it comes."""

import os
import sys
from pathlib import Path

import faust

from bench.peers.meter import Meter


def main(bootstrap: str, topic: str, events: int, home: Path, partitions: int) -> None:
    """Drain so many events, commit, and end."""
    meter = Meter()
    app = faust.App(
        home.name,
        broker=f"kafka://{bootstrap}",
        value_serializer="json",
        key_serializer="raw",
        topic_partitions=partitions,
        consumer_auto_offset_reset="earliest",
        datadir=home,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    counts = app.Table("counts", default=int, partitions=partitions)

    @app.agent(app.topic(topic, key_type=bytes))  # type: ignore[untyped-decorator]
    async def count(stream: faust.StreamT) -> None:
        async for event in stream.events():
            if not meter.events:
                meter.begin()
            meter.events += 1
            counts[event.key.decode()] += 1
            if meter.events == events:
                await app.consumer.commit()
                meter.end()
                os._exit(0)

    faust.Worker(app, loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
