"""A worker that is behind: usage that waits on Kafka, drained by scoring on a core of its own, with everything on.

What counts is the processor time of an event, between the first that the worker committed and the last; how a worker
starts is not in it. PostgreSQL and the broker have the other cores, and are told beside it. All drain the same events,
in turns, each round with a process, a group and a database of its own, so every account is new to it. Beside this tree
it may be another of this repository, with its own code and schema, or peers of other makes.

After half a minute accounts that had only usage are assessed while others still wait, as a user would want it: on a
machine that is too slow to be through by then, some assessments are in the figure, and it is told how many.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg

from bench import usage
from bench.flames import lit
from bench.house import OURS, House, Used, house, led
from bench.machine import begun_on, cores
from bench.peers.draining import Backlog, Peer
from bench.peers.environment import Unavailable
from bench.report import Row
from shared.log.kafka import KafkaStream
from shared.messages import registry
from tests.support.stack import PARTITIONS, Stack

ROUNDS: Final = 5
ACCOUNTS: Final = 10_000
_PREFIX: Final = "backlog."
_TOPIC: Final = "keepwell.events.usage"
_LOOK_EVERY: Final = 0.05
_PATIENCE: Final = 900
READ: Final = f"SELECT coalesce(sum(next), 0) FROM scoring.offsets WHERE topic = '{_TOPIC}'"
LEFT: Final = (
    "SELECT EXISTS (SELECT FROM scoring.outbox) OR EXISTS (SELECT FROM scoring.accounts WHERE marked_at IS NOT NULL)"
)
ASSESSED: Final = "SELECT coalesce(sum(rev), 0) FROM scoring.accounts"
CLAIMED: Final = "SELECT coalesce(sum(octet_length(digests)), 0) / 16 FROM scoring.claims"

assert _TOPIC in registry.TOPICS


@dataclass(frozen=True)
class Round:
    """One drain: what each event took; of ours how many assessments were among it, and what those after it took."""

    event: Used
    meanwhile: int = 0
    after: int = 0
    after_cpu: float = 0.0


@dataclass
class Party:
    """Who drains: a tree of ours, or a peer."""

    name: str
    runs: Path | Peer
    rounds: list[Round] = field(default_factory=list)
    missing: str = ""
    """Why it is not measured."""

    @property
    def cpu(self) -> float:
        """Microseconds of its processor an event: the median."""
        return median(one.event.worker for one in self.rounds)


def measure(
    home: Path,
    events: int,
    rounds: int,
    *,
    beside: Path | None = None,
    peers: Sequence[Peer] = (),
    flames: Path | None = None,
) -> list[Row]:
    """Have all drain so many events, some times, in turns."""
    parties = [Party("Keepwell", OURS), *([Party(str(beside), beside.resolve())] if beside else [])]
    parties += [Party(peer.name, peer) for peer in peers]
    with house(home) as made:
        repeats = asyncio.run(publish(made.broker.bootstrap, events))
        backlog = Backlog(made.broker.bootstrap, f"{_PREFIX}{_TOPIC}", events, repeats)
        for number in range(rounds):
            for at, party in enumerate(parties):
                if not party.missing:
                    _one(made, party, backlog, f"round_{number}_{at}", flames)
    return rows_of(parties, events)


def _one(made: House, party: Party, backlog: Backlog, name: str, flames: Path | None) -> None:
    try:
        if isinstance(party.runs, Path):
            one = _ours(made, party.runs, backlog, name, flames)
        else:
            one = _theirs(made, party.runs, backlog, name)
    except Unavailable as why:
        party.missing = str(why)
        _say(f"{party.name} is not measured: {why}.")
    else:
        party.rounds.append(one)
        _say(f"{name}: {party.name}: {one.event.worker:.1f} µs an event, {one.meanwhile} assessed meanwhile")


def _ours(made: House, tree: Path, backlog: Backlog, name: str, flames: Path | None) -> Round:
    own, url = made.home / name, made.database(name, tree)
    own.mkdir()
    stack = Stack(own, url, backlog.bootstrap, KEEPWELL_KAFKA_PREFIX=_PREFIX)
    stack.tree = tree
    core, _ = cores()
    try:
        with begun_on(core):
            stack.start("scoring", role="worker")
        (worker,) = stack.pids()
        with ExitStack() as watched:
            if flames is not None:
                watched.enter_context(lit(worker, flames, name))
            return asyncio.run(_watch(url, backlog, lambda: made.used(worker)))
    finally:
        stack.client.close()
        stack.stop(*stack.names())
        made.drop(name)


def _theirs(made: House, peer: Peer, backlog: Backlog, name: str) -> Round:
    core, _ = cores()
    url = made.empty(name)
    before = made.used()
    told = peer.drain(backlog, made.home / name, url, core)
    each = made.used().since(before, told.events)
    made.drop(name)
    million = 1e6 / told.events
    return Round(each._replace(clock=told.clock * million, worker=told.cpu * million))


async def publish(bootstrap: str, events: int, accounts: int = ACCOUNTS, prefix: str = _PREFIX, seed: int = 0) -> int:
    """Let so many events wait. Returns how many are repeats of others."""
    stream = KafkaStream(bootstrap, PARTITIONS, [_TOPIC], prefix)
    await stream.start()
    await led(stream)
    producer = stream.producer()
    await producer.start()
    # What is sent again, is in the next post: two million events need not be remembered for it.
    last, repeats = set[bytes](), 0
    for post in usage.posts(events, accounts, datetime.now(UTC), seed):
        await producer.publish(post)
        repeats += sum(one.value in last for one in post)
        last = {one.value for one in post}
    await stream.stop()
    return repeats


async def _watch(url: str, backlog: Backlog, used: Callable[[], Used]) -> Round:
    """Look until all is through: from when any was committed, to when all were, to when nothing is left to do."""
    connection = await asyncpg.connect(url)

    async def until(asked: str, wanted: Callable[[Any], bool]) -> tuple[Any, Used]:
        deadline = time.monotonic() + _PATIENCE
        while not wanted(found := await connection.fetchval(asked)):
            assert time.monotonic() < deadline, f"{asked}: not within {_PATIENCE} s, but {found}"
            await asyncio.sleep(_LOOK_EVERY)
        return found, used()

    read, began = await until(READ, bool)
    _, drained = await until(READ, lambda found: bool(found == backlog.events))
    meanwhile = int(await connection.fetchval(ASSESSED))
    _, through = await until(LEFT, lambda left: left is False)
    after = int(await connection.fetchval(ASSESSED)) - meanwhile
    claimed = int(await connection.fetchval(CLAIMED))
    assert claimed == backlog.events - backlog.repeats, f"{claimed} claimed"
    await connection.close()
    each = drained.since(began, backlog.events - int(read))
    return Round(each, meanwhile, after, through.worker - drained.worker)


def rows_of(parties: Sequence[Party], events: int) -> list[Row]:
    """Ratios first: ours beside each of the others. Then the medians, with their spread; and who is missing."""
    ours, *others = parties
    there = [party for party in others if party.rounds]
    rows = []
    for party in there:
        most = party.runs.most if isinstance(party.runs, Peer) else None
        ratios = [mine.event.worker / other.event.worker for mine, other in zip(ours.rounds, party.rounds, strict=True)]
        target = "" if most is None else f"<= {most} x"
        told = f"{ours.cpu / party.cpu:.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(Row("Keepwell", f"CPU an event beside {party.name}", told, target))
    for party in [ours, *there]:
        rows += _rows(party, events)
    return rows + [Row(one.name, "not measured", "", "", one.missing) for one in others if one.missing]


def _rows(party: Party, events: int) -> list[Row]:
    rounds = party.rounds
    rows = [
        Row(party.name, f"{events:,} usage events: CPU of its process, an event", _spread(rounds, "worker")),
        Row(party.name, "... of the broker", _spread(rounds, "broker")),
        Row(party.name, "... by the clock", f"{1e6 / median(one.event.clock for one in rounds):,.0f}/s"),
    ]
    if not isinstance(party.runs, Peer) or party.runs.stores:
        rows.insert(1, Row(party.name, "... of PostgreSQL", _spread(rounds, "postgres")))
    if not isinstance(party.runs, Peer):
        during, after = sum(one.meanwhile for one in rounds), sum(one.after for one in rounds)
        each = 1e6 * sum(one.after_cpu for one in rounds) / max(1, after)
        rows += [
            Row(party.name, "... with so many assessments meanwhile, of all rounds", f"{during:,}"),
            Row(party.name, "then an assessment: CPU of the worker", f"{each:.0f} µs, of {after:,}"),
        ]
    return rows


def _spread(rounds: Sequence[Round], of: str) -> str:
    values = [float(getattr(one.event, of)) for one in rounds]
    return f"{median(values):.1f} µs ({min(values):.1f} to {max(values):.1f})"


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)
