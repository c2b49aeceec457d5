"""Two workers of scoring beside one, on Kafka: both drain the same backlog, all processes summed.

The second begins as soon as the first has committed anything, and must have its share before all is through. How a
process starts is in no figure; what it costs to share is: partitions that change hands, memories that begin anew,
smaller batches. While partitions change hands nothing is read, so accounts are assessed that would have waited for the
end; so all is counted until nothing is left to do, and it is told how many were assessed before the last event. Nothing
may be lost by it, and nothing counted twice: each database claims each event once, and their states have the same
fingerprint.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from bench.backlog import ASSESSED, CLAIMED, LEFT, READ, publish
from bench.house import House, Used, house
from bench.report import Row
from bench.worker import ask, joined, say, stack_of, until, worker
from services.scoring import queries
from services.scoring.files.rules import load_rules
from tests.support.scoring import scoring_engine

_PREFIX: Final = "workers."
_OWNERS: Final = "SELECT count(DISTINCT owner) FROM scoring.partitions"


class Together(NamedTuple):
    """What an event took, in microseconds, and what came of all events."""

    event: Used
    meanwhile: int
    """Assessments before the last event was through."""
    fingerprint: str
    claimed: int

    @property
    def all(self) -> float:
        """Of all processes, the servers' too."""
        return self.event.worker + self.event.postgres + self.event.broker


def measure(home: Path, events: int, rounds: int) -> list[Row]:
    """One worker, then two, some times."""
    with house(home) as made:
        repeats = asyncio.run(publish(made.broker.bootstrap, events, prefix=_PREFIX))
        at, pairs = datetime.now(UTC), list[tuple[Together, Together]]()
        for number in range(rounds):
            one, two = (_drain(made, f"round_{number}_{many}", many, events, at) for many in (1, 2))
            assert one.claimed == two.claimed == events - repeats, f"{one.claimed} and {two.claimed} claimed"
            assert one.fingerprint == two.fingerprint, "two workers folded otherwise than one"
            pairs.append((one, two))
            say(f"one worker {one.event}, {one.meanwhile} assessed; two {two.event}, {two.meanwhile}")
    return rows_of(pairs, events)


def _drain(made: House, name: str, workers: int, events: int, at: datetime) -> Together:
    url = made.database(name)
    stack, pids, started = stack_of(made, name, _PREFIX, url), list[int](), 0.0

    def used() -> Used:
        return made.used(*pids)

    with worker(stack) as first:
        pids.append(first)
        began, read = asyncio.run(until(url, READ, bool, used))
        if workers > 1:
            pids.append(joined(stack, "scoring-2"))
            started = made.used(pids[-1]).worker
            asyncio.run(until(url, _OWNERS, lambda found: bool(found > 1), used))
            assert asyncio.run(ask(url, READ)) < events, "all was through before the second joined: take more events"
        asyncio.run(until(url, READ, lambda found: bool(found == events), used))
        meanwhile = asyncio.run(ask(url, ASSESSED))
        through, _ = asyncio.run(until(url, LEFT, lambda left: left is False, used))
        owners = asyncio.run(ask(url, _OWNERS))
        assert owners == workers, f"{owners} owners: one did nothing"
    event = through._replace(worker=through.worker - started).since(began, events - int(read))
    claimed, fingerprint = asyncio.run(ask(url, CLAIMED)), asyncio.run(_fingerprint(url, at))
    made.drop(name)
    return Together(event, meanwhile, fingerprint, claimed)


async def _fingerprint(url: str, at: datetime) -> str:
    async with scoring_engine(url) as engine, engine.connect() as c:
        found, _ = await queries.fingerprint(c, at, load_rules())
    return found


def rows_of(pairs: list[tuple[Together, Together]], events: int) -> list[Row]:
    """Ratios of each round, the least and the most."""
    where = f"{events:,} usage events, a second worker joins"
    all, workers = (
        sorted(ratios)
        for ratios in zip(
            *((two.all / one.all, two.event.worker / one.event.worker) for one, two in pairs), strict=True
        )
    )
    return [
        Row(where, "CPU of an event beside one worker's, all processes", _spread(all), "<= 1.15 x"),
        Row(where, "... of the workers alone", _spread(workers)),
        Row(
            where,
            "assessments meanwhile, one worker's and two's",
            ", ".join(f"{a.meanwhile:,} and {b.meanwhile:,}" for a, b in pairs),
        ),
        Row(where, "events lost, or counted twice", "0", "0", "claims, and the fingerprint of all states"),
    ]


def _spread(ratios: list[float]) -> str:
    return f"{ratios[len(ratios) // 2]:.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
