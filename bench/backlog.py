"""A worker that is behind: usage that waits on Kafka, drained by scoring on a core of its own, with everything on.

What counts is the processor time of an event, between the first that the worker committed and the last; how a worker
starts is not in it. PostgreSQL and the broker have the other cores, and are told beside it. Each round has a database,
topics and a process of its own, so every account is new. With another tree of this repository beside this one the two
take turns, each with its own code and schema.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import asyncpg

from bench import usage
from bench.machine import begun_on, cores, cpu
from bench.report import Row
from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import Postgres
from shared.log.kafka import KafkaStream
from shared.log.protocol import BrokerUnavailable
from shared.messages import registry
from tests.support.logins import PASSWORDS
from tests.support.stack import PARTITIONS, Stack

ROUNDS: Final = 5
ACCOUNTS: Final = 10_000
TOPIC: Final = "keepwell.events.usage"
_LOOK_EVERY: Final = 0.05
_PATIENCE: Final = 600
_OURS: Final = Path(__file__).parents[1]
_READ: Final = f"SELECT coalesce(sum(next), 0) FROM scoring.offsets WHERE topic = '{TOPIC}'"
_LEFT: Final = (
    "SELECT EXISTS (SELECT FROM scoring.outbox) OR EXISTS (SELECT FROM scoring.accounts WHERE marked_at IS NOT NULL)"
)
_MIGRATE: Final = "import sys; from deploy.migrations.run import migrate; migrate(sys.argv[1], eval(sys.argv[2]))"

assert TOPIC in registry.TOPICS


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
class Round:
    """One drain: what each event took until all were in scored state, and seconds until the last was assessed."""

    event: Used
    assessed: float


@dataclass(frozen=True)
class House:
    """The database server and the broker that all rounds share, pinned beside the worker; and where files go."""

    home: Path
    postgres: Postgres
    url: str
    broker: KafkaBroker

    def database(self, tree: Path, name: str) -> str:
        """A database with a tree's schema."""
        template = f"made_{tree.name.replace('-', '_')}_{abs(hash(tree))}"
        url = self.url.rpartition("/")[0]
        if not self.postgres.query(f"SELECT 1 FROM pg_database WHERE datname = '{template}'", database="postgres"):
            self.postgres.query(f"CREATE DATABASE {template}", database="postgres")
            migrating = [sys.executable, "-c", _MIGRATE, f"{url}/{template}", repr(PASSWORDS)]
            subprocess.run(migrating, cwd=tree, check=True, stdin=subprocess.DEVNULL)
        self.postgres.query(f"CREATE DATABASE {name} TEMPLATE {template}", database="postgres")
        return f"{url}/{name}"

    def used(self, worker: int) -> Used:
        """Until now."""
        broker = self.broker.process.pid
        return Used(time.perf_counter(), cpu([worker]), cpu([self.postgres.process.pid]), cpu([broker]))


def measure(home: Path, events: int, accounts: int, rounds: int, beside: Path | None) -> list[Row]:
    """Drain so many events some times; and those of another tree, in turns."""
    trees = {"Keepwell": _OURS} | ({str(beside): beside.resolve()} if beside else {})
    found: dict[str, list[Round]] = {name: [] for name in trees}
    _, others = cores()
    with ExitStack() as made, begun_on(others):
        postgres, broker = Postgres(home), KafkaBroker(home / "kafka")
        server = postgres.start(made.enter_context((home / "postgres.log").open("ab")))
        made.callback(server.stop)
        broker.start()
        made.callback(broker.stop)
        house = House(home, postgres, server.url, broker)
        for number in range(rounds):
            for at, (name, tree) in enumerate(trees.items()):
                one = drain(house, tree, f"round_{number}_{at}", events, accounts)
                _say(f"round {number + 1} of {rounds}: {name}: {one.event.worker:.1f} µs")
                found[name].append(one)
    return rows_of(found, events, accounts)


def drain(house: House, tree: Path, name: str, events: int, accounts: int) -> Round:
    """One round: publish, start a worker, and look until it is through."""
    own = house.home / name
    own.mkdir()
    prefix, (core, _) = f"{name}.", cores()
    asyncio.run(publish(house.broker.bootstrap, prefix, events, accounts))
    url = house.database(tree, name)
    stack = Stack(own, url, house.broker.bootstrap, KEEPWELL_KAFKA_PREFIX=prefix)
    stack.tree = tree
    try:
        with begun_on(core):
            stack.start("scoring", role="worker")
        (worker,) = stack.pids()
        return asyncio.run(_watch(url, events, lambda: house.used(worker)))
    finally:
        stack.client.close()
        stack.stop(*stack.names())


async def publish(bootstrap: str, prefix: str, events: int, accounts: int) -> None:
    """Let so many events wait in topics of this prefix."""
    stream = KafkaStream(bootstrap, PARTITIONS, [TOPIC], prefix=prefix)
    await stream.start()
    await _leaders(stream)
    producer = stream.producer()
    await producer.start()
    for post in usage.posts(events, accounts, datetime.now(UTC)):
        await producer.publish(post)
    await stream.stop()


async def _leaders(stream: KafkaStream) -> None:
    """Wait until every partition has one: a producer that comes before them tries again without a pause."""
    while True:
        try:
            await stream.check()
        except BrokerUnavailable:
            await asyncio.sleep(_LOOK_EVERY)
        else:
            return


async def _watch(url: str, events: int, used: Callable[[], Used]) -> Round:
    """Look until all is through: from when any was committed, to when all were, to when nothing is left to do."""
    connection = await asyncpg.connect(url)

    async def until(asked: str, wanted: Callable[[Any], bool]) -> tuple[Any, Used]:
        deadline = time.monotonic() + _PATIENCE
        while not wanted(found := await connection.fetchval(asked)):
            assert time.monotonic() < deadline, f"{asked}: not within {_PATIENCE} s, but {found}"
            await asyncio.sleep(_LOOK_EVERY)
        return found, used()

    read, began = await until(_READ, bool)
    _, drained = await until(_READ, lambda found: bool(found == events))
    _, through = await until(_LEFT, lambda left: left is False)
    await connection.close()
    return Round(drained.since(began, events - int(read)), through.worker - drained.worker)


def rows_of(found: dict[str, list[Round]], events: int, accounts: int) -> list[Row]:
    """The medians, with their spread; another tree beside the first."""
    rows = []
    what = f"{events:,} usage events, {accounts:,} accounts: CPU of the worker, an event"
    ours = median(one.event.worker for one in found["Keepwell"])
    for name, rounds in found.items():
        worker = [one.event.worker for one in rounds]
        beside = "" if name == "Keepwell" else f"Keepwell: {ours / median(worker):.2f} x"
        rate = 1e6 / median(one.event.clock for one in rounds)
        rows += [
            Row(name, what, _spread(worker, "µs"), "", beside),
            Row(name, "... of PostgreSQL", _spread([one.event.postgres for one in rounds], "µs")),
            Row(name, "... of the broker", _spread([one.event.broker for one in rounds], "µs")),
            Row(name, "... by the clock", f"{rate:,.0f}/s"),
            Row(name, "then every account assessed: CPU of the worker", _spread([o.assessed for o in rounds], "s")),
        ]
    return rows


def _spread(values: list[float], unit: str) -> str:
    return f"{median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)
