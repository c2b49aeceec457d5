"""One process at a time: a session advisory lock on a connection of its own."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable

from asyncpg import InternalClientError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

_LOG = logging.getLogger(__name__)
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_STILL = text("SELECT 1")
_EVERY = 5.0


async def while_alone(engine: AsyncEngine, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` while this process holds the lock `name`; wait for the lock first, and again after it was lost."""
    key = zlib.crc32(f"keepwell:{name}".encode())
    while True:
        try:
            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as session:
                if (await session.execute(_TRY, {"key": key})).scalar_one():
                    working = asyncio.ensure_future(work())
                    try:
                        while not (await asyncio.wait([working], timeout=_EVERY))[0]:
                            await session.execute(_STILL)
                        working.result()
                    finally:
                        working.cancel()
                        await asyncio.gather(working, return_exceptions=True)
                        await session.invalidate()
        except (SQLAlchemyError, InternalClientError, OSError, TimeoutError) as error:
            _LOG.warning("The lease %s was lost or can't be had (%s).", name, type(error).__name__)
        await asyncio.sleep(_EVERY)
