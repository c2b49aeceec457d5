"""Looks at all accounts by a draft: at a sample first, which is told at once."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.company import store as company
from services.scoring.core.decision import Decision
from services.scoring.core.memory import Memory
from services.scoring.core.preview import Draft, Tally
from services.scoring.core.state import Account
from services.scoring.files import CARDS, RuleFiles
from services.scoring.store import load, load_papers
from shared.clock import Clock
from shared.jobs import store
from shared.pg.uow import UnitOfWork

SAMPLE: Final = 500
_AT_ONCE: Final = 250
_TOLD_EVERY: Final = timedelta(seconds=1)
_a: Final = t.accounts.c
_JUDGED: Final = (_a.decision.is_not(None), ~_a.gone, _a.churned_at.is_(None), _a.excluded.is_(None))
"""Accounts that have a score, or would have one if more were known."""
_COUNT: Final = select(func.count()).select_from(t.accounts).where(*_JUDGED)
_SAMPLE: Final = select(_a.id).where(*_JUDGED).order_by(func.hashtext(_a.id), _a.id).limit(SAMPLE)
_NEXT: Final = select(_a.id).where(*_JUDGED, _a.id > bindparam("after", type_=Text)).order_by(_a.id).limit(_AT_ONCE)


class Looking:
    """One preview: of what was asked, by the rules in force and by these with the draft in its place."""

    def __init__(self, uow: UnitOfWork, clock: Clock, id: str, wanted: store.Wanted, files: RuleFiles) -> None:
        self._uow, self._clock, self._id, self._wanted = uow, clock, id, wanted
        draft = files.with_card if wanted.kind == CARDS else files.with_catalogue
        assert wanted.draft is not None
        self._files = files, draft(wanted.draft)[1]
        self._now = self._told = clock.now()

    async def run(self, sampled: Callable[[], object] = lambda: None) -> None:
        """Look, say how far it is, and keep what comes of it; call `sampled` when a sample was told."""
        async with self._uow.begin() as c:
            known = await company.known(c)
            in_force, rules = (known.rules(one.rules) for one in self._files)
            self._draft = Draft(rules, in_force, known.since)
            self._total = (await c.execute(_COUNT)).scalar_one()
            some = list((await c.execute(_SAMPLE)).scalars())
            more = {"account": await self._one(c)}
        found = await self._over(_parts(some))
        is_all = self._total <= SAMPLE
        await self._tell(found, {**found.result, **more, "sample": not is_all})
        if not is_all:
            sampled()
            found = await self._over(self._all())
        async with self._uow.begin() as c:
            result = {**found.result, **more, "sample": False}
            await store.end(c, self._id, found.accounts, self._total, result, self._clock.now())

    async def _over(self, parts: AsyncIterator[list[str]]) -> Tally:
        tally = Tally()
        async for part in parts:
            async with self._uow.begin() as c:
                standing = await self._load(c, part)
            for account, last in standing:
                tally.add(self._draft.preview(account, last, self._now)[0])
            if self._clock.now() - self._told >= _TOLD_EVERY:
                await self._tell(tally, None)
        return tally

    async def _tell(self, tally: Tally, result: Mapping[str, Any] | None) -> None:
        self._told = self._clock.now()
        async with self._uow.begin() as c:
            await store.tell(c, self._id, tally.accounts, self._total, result, self._told)

    async def _all(self) -> AsyncIterator[list[str]]:
        after = ""
        while True:
            async with self._uow.begin() as c:
                part = list((await c.execute(_NEXT, {"after": after})).scalars())
            if not part:
                return
            yield part
            after = part[-1]

    async def _one(self, c: AsyncConnection) -> dict[str, Any] | None:
        """The account that is looked at measure by measure."""
        asked = self._wanted.options.get("account")
        for account, last in await self._load(c, [asked]) if asked else ():
            return dict(msgspec.to_builtins(self._draft.look(account, last, self._now)))
        return None

    async def _load(self, c: AsyncConnection, ids: Iterable[str]) -> list[tuple[Account, Decision]]:
        """These accounts as a worker would load them, with what was last decided about them."""
        memory, ids = Memory(set(), {}), list(ids)
        await load(c, memory, ids)
        await load_papers(c, memory, ids, self._now)
        found = (memory.get(id) for id in ids)
        return [(one.account, one.decision) for one in found if one.decision is not None]


async def _parts(ids: list[str]) -> AsyncIterator[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
