"""What trials read: accounts as they stand, what is open there, what people have on the desk, and interruptions."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.assignment import Load
from services.playbooks.core.books import with_books
from services.playbooks.core.episode import Episode
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing
from services.playbooks.people import books
from services.playbooks.store import ITEMS
from shared.messages.registry import COMPANY
from shared.pg import bulk
from shared.pg.uow import UnitOfWork

_AT_ONCE: Final = 250
_a, _e, _i = t.accounts.c, t.episodes.c, t.items.c
_ROW: Final = select(_a.partition, _a.standing)
_NEXT: Final = _ROW.where(_a.account_id > bindparam("after", type_=Text)).order_by(_a.account_id).limit(_AT_ONCE)
_OPEN: Final = ITEMS.where(bulk.among(_i.account_id, "accounts"), bulk.one_of(_i.state, sorted(OPEN))).order_by(_i.id)


class Placed(NamedTuple):
    """An account as it stands, and its partition."""

    partition: int
    stands: Standing


class Beside(NamedTuple):
    """What is known beside the accounts."""

    accounts: int
    loads: dict[str, Load]
    interruptions: dict[int, tuple[Interruption, ...]]
    """By partition."""


async def beside(c: AsyncConnection, rules: Rules) -> Beside:
    """What is known beside the accounts."""
    number = (await c.execute(select(func.count()).select_from(t.accounts))).scalar_one()
    loads = {csm.id: Load() for csm in rules.directory.csms}
    loads |= {row.csm_id: Load(row.open_tasks, row.turn) for row in await c.execute(select(t.csm_load))}
    known = defaultdict[int, list[Interruption]](list)
    for row in await c.execute(select(t.interruptions).order_by(t.interruptions.c.since)):
        known[row.partition].append(Interruption(row.source, row.since, row.until))
    looked_after = with_books(loads, await books.read(c, rules))
    return Beside(number, looked_after, {partition: tuple(each) for partition, each in known.items()})


async def one(c: AsyncConnection, account: str) -> Placed | None:
    """One account."""
    row = (await c.execute(_ROW.where(_a.account_id == account))).one_or_none()
    return None if row is None else Placed(*row)


async def accounts(uow: UnitOfWork) -> AsyncIterator[list[Placed]]:
    """All that have not gone, in the order of their ids, some at a time."""
    after = ""
    while True:
        async with uow.begin() as c:
            found = [Placed(*row) for row in await c.execute(_NEXT, {"after": after})]
        if not found:
            return
        yield [row for row in found if row.stands.gone is None and row.stands.account != COMPANY]
        after = found[-1].stands.account


async def episodes(c: AsyncConnection, account: str, playbook: str) -> list[Episode]:
    """The last of a playbook at an account, open or not; where it has one for each of several contacts, each."""
    mine = (_e.account_id == account) & (_e.playbook == playbook) & _e.latest
    return list((await c.execute(select(_e.body).where(mine).order_by(_e.opened_at, _e.id))).scalars())


async def open_at(c: AsyncConnection, accounts: Sequence[str]) -> dict[str, list[Item]]:
    """What is open, by account."""
    found = defaultdict[str, list[Item]](list)
    for row in await c.execute(_OPEN, {"accounts": accounts}):
        item = Item(*row)
        found[item.account_id].append(item)
    return found
