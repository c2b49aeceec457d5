"""How long rows are kept. What is past its term is forgotten some rows at a time, so that nothing waits for it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Table, UpdateBase, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.pg.bulk import delete_some

MOST: Final = 1_000
"""Rows forgotten in one transaction, which takes some milliseconds."""


class Term(NamedTuple):
    """A statement that deletes at most so many rows that are older than `before`, and when that is."""

    statement: UpdateBase
    before: Callable[[datetime], Any]
    most: int = MOST


def term(table: Table, at: ColumnElement[Any], kept: timedelta, *where: ColumnElement[bool]) -> Term:
    """Rows of which an instant is older than this, and of which more holds."""
    return Term(delete_some(table, is_past(at), *where, most=MOST), lambda now: now - kept)


def is_past(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Is what a column says past its term?"""
    return at < bindparam("before", type_=at.type)


def forgetting(*terms: Term) -> Callable[[AsyncConnection, datetime], Awaitable[bool]]:
    """Something to do again and again, each time in a transaction, while it says that there may be more."""

    async def forget(c: AsyncConnection, now: datetime) -> bool:
        for one in terms:
            if (await c.execute(one.statement, {"before": one.before(now)})).rowcount >= one.most:
                return True
        return False

    return forget
