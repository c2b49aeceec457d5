"""Who was erased: what the rows of an account still say of them goes; of an account that was erased all rows do."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.erasing import moved_by, said_of
from services.scoring.core.fold.people import Erased
from services.scoring.core.memory import Memory
from shared.jobs import store as jobs
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.worker import dead_letters

_n, _l, _a = t.answers.c, t.timeline.c, t.assessments.c
_whose = bulk.given(_n.account_id, _n.contact_id).c
_WROTE: Final = select(_n.account_id, _n.contact_id, _n.comment).where(
    _n.account_id == _whose.account_id, _n.contact_id == _whose.contact_id, _n.comment.is_not(None)
)
# The reasons in the ledger may quote them.
_ERASE_WORDS: Final = bulk.Update(
    t.assessments, ("account_id", "contact_id"), (), also=lambda _: {"drivers": [], "contact_id": None}
)
_ROW: Final = ("account_id", "at", "source", "id")
_ENTRY: Final = ("account_id", "rev")
_SAY: Final = bulk.Update(t.timeline, _ROW, ("data",))
_MOVE: Final = bulk.Update(t.assessments, _ENTRY, ("drivers",))
_AT_ONCE: Final = 1_000
_ERASE_ACCOUNTS: Final = [
    delete(table).where(bulk.among(table.c.account_id, "accounts"))
    for table in t.metadata.sorted_tables
    if "account_id" in table.c
]


async def load(c: AsyncConnection, memory: Memory, people: Collection[tuple[str, str]]) -> None:
    """Have at hand what these contacts wrote, by account and contact; the accounts are in memory."""
    if people:
        found = await c.execute(_WROTE, bulk.arrays(("account_id", "contact_id"), sorted(people)))
        for account, contact, comment in found:
            memory.get(account).account.wrote.setdefault(contact, []).append(comment)


async def forget(c: AsyncConnection, erased: Sequence[Erased], forgotten: Sequence[Forgetting]) -> None:
    """Of these contacts no words stay, neither their own nor what others wrote of them; of these accounts nothing."""
    await _ERASE_WORDS(c, [one[:2] for one in erased])
    for one in forgotten:
        if not one.whole:
            await _clean_timeline(c, one)
            await _clean_ledger(c, one)
        await dead_letters.forget(c, one)
    if forgotten:
        await jobs.forget_all(c)
    if accounts := [one.account for one in forgotten if one.whole]:
        for statement in _ERASE_ACCOUNTS:
            await c.execute(statement, {"accounts": accounts})


async def _clean_timeline(c: AsyncConnection, forgetting: Forgetting) -> None:
    rows = select(*(_l[name] for name in _ROW), _l.type, _l.data)
    rows = rows.where(_l.account_id == forgetting.account, _l.data.is_not(None)).execution_options(yield_per=_AT_ONCE)
    cleaned = [
        (*row[:4], data)
        async for row in await c.stream(rows)
        if (data := said_of(row.type, row.data, forgetting)) is not None
    ]
    await _SAY(c, cleaned)


async def _clean_ledger(c: AsyncConnection, forgetting: Forgetting) -> None:
    rows = select(_a.account_id, _a.rev, _a.drivers).where(_a.account_id == forgetting.account)
    cleaned = [
        (*row[:2], drivers)
        async for row in await c.stream(rows.execution_options(yield_per=_AT_ONCE))
        if (drivers := moved_by(row.drivers, forgetting)) is not None
    ]
    await _MOVE(c, cleaned)
