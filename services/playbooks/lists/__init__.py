"""The lists that people work through, as the database gives them: what is asked of them, and one page of it.

A page begins where the one before ended, by an index (`tables.items`): the thousandth costs what the first does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, and_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.item import OPEN
from shared.pg.bulk import one_of

Sort = Literal["newest", "due"]
Columns = Mapping[str, str | bool | Sequence[str] | None]
"""What columns must be, or one of several; None is anything."""
_UNDONE: Final = ("open", "taken", "snoozed")
_i = t.items.c


class Wanted(NamedTuple):
    """What is asked of a list."""

    columns: Columns
    team: str | None = None
    """Whose people's: it is asked for by their ids."""
    unassigned: bool | None = None
    overdue: bool | None = None
    due_before: datetime | None = None
    opened_since: datetime | None = None
    by_hand: bool | None = None
    sort: Sort = "newest"

    def only(self, **columns: Any) -> "Wanted":
        """The same, of which these columns must be so, too."""
        return self._replace(columns={**self.columns, **columns})

    @property
    def names_any(self) -> bool:
        """Does it say of which, or is it all that there is?"""
        others = self.team, self.unassigned, self.overdue, self.due_before, self.opened_since, self.by_hand
        return any(one is not None for one in (*self.columns.values(), *others))

    def within(self, people: Sequence[str]) -> "Wanted":
        """The same of these people alone; of whoever is asked for, if they are one of them."""
        asked = self.columns.get("assignee")
        return self._replace(team=None).only(assignee=[one for one in people if asked in (None, one)])

    def conditions(self, table: Table, now: datetime) -> list[ColumnElement[bool]]:
        """As the database asks them."""
        given = {name: value for name, value in self.columns.items() if value is not None}
        found = [
            _one_of(table.c[name], value) if isinstance(value, (list, tuple)) else table.c[name] == value
            for name, value in given.items()
        ]
        if (self.sort == "due" or self.due_before is not None) and "state" not in given:
            found.append(one_of(_i.state, sorted(OPEN)))
        if self.unassigned is not None:
            found.append(_i.assignee.is_(None) if self.unassigned else _i.assignee.is_not(None))
        if self.by_hand is not None:
            found.append(_i.playbook == "" if self.by_hand else _i.playbook != "")
        if self.overdue is not None:
            late = and_(_i.due_at < now, one_of(_i.state, _UNDONE))
            found.append(late if self.overdue else ~and_(_i.due_at.is_not(None), late))
        if self.due_before is not None:
            found.append(_i.due_at < self.due_before)
        if self.opened_since is not None:
            found.append(_i.opened_at >= self.opened_since)
        return found


def _one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """States stand in the statement, so that an index over those that are open serves."""
    return one_of(column, values) if column.key == "state" else column.in_(values)


async def page(
    c: AsyncConnection,
    rows: Select[Any],
    table: Table,
    wanted: Wanted,
    after: tuple[Any, ...] | None,
    most: int,
    now: datetime,
) -> list[Any]:
    """Rows of a table, newest first, from behind `after` (opened_at and id); or those due first, by due_at and id."""
    rows = rows.where(*wanted.conditions(table, now))
    if wanted.sort == "due":
        return await _by_due(c, rows, after, most)
    at, id = table.c.opened_at, table.c.id
    if after is not None:
        rows = rows.where(tuple_(at, id) < tuple_(literal(after[0], at.type), literal(after[1], id.type)))
    return list(await c.execute(rows.order_by(at.desc(), id.desc()).limit(most)))


async def places(
    c: AsyncConnection, table: Table, wanted: Wanted, after: tuple[Any, ...] | None, most: int, now: datetime
) -> list[Any]:
    """Where what is meant lies, the oldest first, from behind `after` (opened_at and id)."""
    at, id = table.c.opened_at, table.c.id
    rows = select(t.accounts.c.partition, table.c.account_id, id, at).join_from(
        table, t.accounts, t.accounts.c.account_id == table.c.account_id
    )
    if after is not None:
        rows = rows.where(tuple_(at, id) > tuple_(literal(after[0], at.type), literal(after[1], id.type)))
    return list(await c.execute(rows.where(*wanted.conditions(table, now)).order_by(at, id).limit(most)))


async def _by_due(c: AsyncConnection, rows: Select[Any], after: tuple[Any, ...] | None, most: int) -> list[Any]:
    """What has a due time first, then what has none: each by itself, so that an index serves both."""
    found: list[Any] = []
    if after is None or after[0] is not None:
        dated = rows.where(_i.due_at.is_not(None))
        if after is not None:
            key = literal(after[0], _i.due_at.type), literal(after[1], _i.id.type)
            dated = dated.where(tuple_(_i.due_at, _i.id) > tuple_(*key))
        found += await c.execute(dated.order_by(_i.due_at, _i.id).limit(most))
        after = None
    if len(found) < most:
        undated = rows.where(_i.due_at.is_(None))
        if after is not None:
            undated = undated.where(_i.id > after[1])
        found += await c.execute(undated.order_by(_i.id).limit(most - len(found)))
    return found
