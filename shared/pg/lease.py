"""One process at a time: a session advisory lock on a connection of its own."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.pg.uow import lost_connections

_LOG = logging.getLogger(__name__)
_TRY = select(func.pg_try_advisory_lock(bindparam("key", type_=BigInteger)))
_STILL = select(1)
_EVERY = 5.0


async def while_alone(engine: AsyncEngine, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` while this process holds the lock `name`; wait for the lock first, and again after it was lost."""
    key = zlib.crc32(f"keepwell:{name}".encode())
    while True:
        try:
            with lost_connections():
                await _once(engine, key, work)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _LOG.warning("The lease %s was lost or can't be had (%s).", name, type(error).__name__)
        await asyncio.sleep(_EVERY)


async def _once(engine: AsyncEngine, key: int, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work if the lock is free, for as long as the session that holds it lives."""
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as session:
        if not (await session.execute(_TRY, {"key": key})).scalar_one():
            return
        working = asyncio.ensure_future(work())
        try:
            while not (await asyncio.wait([working], timeout=_EVERY))[0]:
                await session.execute(_STILL)
            working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await session.invalidate()
