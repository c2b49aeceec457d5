"""The database server and the broker of a measurement, kept beside the core of what is measured."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from bench.machine import begun_on, cores, cpu
from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import Postgres
from shared.log.kafka import KafkaStream
from shared.log.protocol import BrokerUnavailable
from tests.support.logins import PASSWORDS

OURS: Final = Path(__file__).parents[1]
"""This tree of the repository."""
_LOOK_EVERY: Final = 0.05
_MIGRATE: Final = "import sys; from deploy.migrations.run import migrate; migrate(sys.argv[1], eval(sys.argv[2]))"


class Used(NamedTuple):
    """Seconds, by the clock and of each one's processor."""

    clock: float
    worker: float
    postgres: float
    broker: float

    def since(self, before: "Used", events: int) -> "Used":
        """What went by between the two for each event, in microseconds."""
        return Used(*(1e6 * (now - then) / events for now, then in zip(self, before, strict=True)))


@dataclass(frozen=True)
class House:
    """Both, for all rounds; and the folder where files go."""

    home: Path
    postgres: Postgres
    url: str
    broker: KafkaBroker

    def database(self, name: str, tree: Path = OURS) -> str:
        """A new database with a tree's schema. Returns its URL for the owner."""
        template = f"made_{abs(hash(tree))}"
        url = self.url.rpartition("/")[0]
        if not self.postgres.query(f"SELECT 1 FROM pg_database WHERE datname = '{template}'", database="postgres"):
            self.empty(template)
            migrating = [sys.executable, "-c", _MIGRATE, f"{url}/{template}", repr(PASSWORDS)]
            subprocess.run(migrating, cwd=tree, check=True, stdin=subprocess.DEVNULL)
        self.postgres.query(f"CREATE DATABASE {name} TEMPLATE {template}", database="postgres")
        return f"{url}/{name}"

    def empty(self, name: str) -> str:
        """A new database with nothing in it."""
        self.postgres.query(f"CREATE DATABASE {name}", database="postgres")
        return f"{self.url.rpartition('/')[0]}/{name}"

    def drop(self, name: str) -> None:
        """Its files are written no more."""
        self.postgres.query(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")

    def used(self, *workers: int) -> Used:
        """Until now."""
        return Used(time.perf_counter(), cpu(workers), cpu([self.postgres.process.pid]), cpu([self.broker.process.pid]))


@contextmanager
def house(home: Path) -> Iterator[House]:
    """Start both, on the cores beside that of what is measured, where this process stays, too."""
    _, others = cores()
    with ExitStack() as made, begun_on(others):
        postgres, broker = Postgres(home), KafkaBroker(home / "kafka")
        server = postgres.start(made.enter_context((home / "postgres.log").open("ab")))
        made.callback(server.stop)
        broker.start()
        made.callback(broker.stop)
        yield House(home, postgres, server.url, broker)


async def led(stream: KafkaStream) -> None:
    """Wait until every partition has a leader: a producer that comes before them tries again without a pause."""
    while True:
        try:
            await stream.check()
        except BrokerUnavailable:
            await asyncio.sleep(_LOOK_EVERY)
        else:
            return
