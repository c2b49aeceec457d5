"""Statements made from the metadata beside the same written by hand, in turns over one connection."""

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.report import Row
from shared.pg import bulk
from shared.pg.pool import async_url

_THINGS = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("rev", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("body", LargeBinary, nullable=False),
    prefixes=["TEMPORARY"],
)
_NAMES = ("id", "rev", "at", "body")
_MADE_UPSERT = bulk.Insert(_THINGS, _NAMES, update=_NAMES[1:])
_MADE_READ = select(*_THINGS.c).where(_THINGS.c.id == bindparam("id"))
_HAND_UPSERT = text(
    """
    INSERT INTO things (id, rev, at, body)
    SELECT n.id, n.rev, n.at, n.body
    FROM unnest(CAST(:ids AS text[]), CAST(:revs AS bigint[]), CAST(:ats AS timestamptz[]), CAST(:bodies AS bytea[]))
        AS n(id, rev, at, body)
    ORDER BY n.id
    ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, at = excluded.at, body = excluded.body
    """
)
_HAND_READ = text("SELECT id, rev, at, body FROM things WHERE id = :id")
_ROWS = 500


async def measure(url: str, rounds: int = 200) -> list[Row]:
    """The median of a 500-row upsert and of a one-row read, each made and by hand, in turns."""
    now = datetime.now(UTC)
    rows = [(f"account-{n:05}", n, now + timedelta(seconds=n), b"x" * 400) for n in range(_ROWS)]
    engine = create_async_engine(async_url(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as c:
        await c.run_sync(_THINGS.metadata.create_all)

        async def by_hand() -> None:
            ids, revs, ats, bodies = (list(values) for values in zip(*rows, strict=True))
            await c.execute(_HAND_UPSERT, {"ids": ids, "revs": revs, "ats": ats, "bodies": bodies})

        async def made() -> None:
            await _MADE_UPSERT(c, rows)

        async def read(statement: Any) -> None:
            (await c.execute(statement, {"id": "account-00007"})).one()

        upserts = await _in_turns(made, by_hand, rounds)
        reads = await _in_turns(lambda: read(_MADE_READ), lambda: read(_HAND_READ), rounds * 10)
    await engine.dispose()
    return [_row("500-row upsert", *upserts), _row("one-row read", *reads)]


async def _in_turns(
    one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]], rounds: int
) -> tuple[float, float]:
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            began = time.perf_counter()
            await (one, other)[which]()
            took[which].append(time.perf_counter() - began)
    return statistics.median(took[0]), statistics.median(took[1])


def _row(what: str, made: float, hand: float) -> Row:
    return Row("", what, f"{made * 1e6:.0f} µs", "", f"{made / hand:.2f} x the same by hand ({hand * 1e6:.0f} µs)")
