"""Workers of scoring over the servers of a house, and how far they are, asked of their database."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from bench.backlog import READ
from bench.house import House, Used
from bench.machine import begun_on, cores
from tests.support.stack import Stack

_LOOK_EVERY: Final = 0.05
_TELL_EVERY: Final = 20
_PATIENCE: Final = 3_600


def stack_of(made: House, name: str, prefix: str, url: str) -> Stack:
    """Services with a folder of their own, over topics with such a prefix."""
    own = made.home / name
    own.mkdir()
    return Stack(own, url, made.broker.bootstrap, KEEPWELL_KAFKA_PREFIX=prefix)


@contextmanager
def worker(stack: Stack) -> Iterator[int]:
    """A worker on the core of what is measured: its process. All that the stack runs ends after it."""
    try:
        yield joined(stack, "scoring")
    finally:
        stack.client.close()
        stack.stop(*stack.names())


def joined(stack: Stack, name: str) -> int:
    """Start one, there: its process, as soon as it says that it is ready."""
    with begun_on(cores()[0]):
        stack.start(name, role="worker")
    return stack.pids()[-1]


async def until(url: str, asked: str, wanted: Callable[[Any], bool], used: Callable[[], Used]) -> tuple[Used, Any]:
    """Ask until the answer is the wanted one: what was used by then, and the answer. Tells how far it is."""
    connection, began = await asyncpg.connect(url), time.monotonic()
    told = began
    while not wanted(found := await connection.fetchval(asked)):
        now = time.monotonic()
        assert now < began + _PATIENCE, f"{asked}: not within {_PATIENCE} s, but {found}"
        if now > told + _TELL_EVERY:
            told = now
            say(f"{url.rpartition('/')[2]}: {int(await connection.fetchval(READ)):,} read after {now - began:.0f} s")
        await asyncio.sleep(_LOOK_EVERY)
    after = used()
    await connection.close()
    return after, found


async def ask(url: str, asked: str) -> int:
    """One number of the database's."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(asked))
    finally:
        await connection.close()


def say(what: str) -> None:
    """Tell who waits what was found so far."""
    print(f"bench: {what}", file=sys.stderr, flush=True)
