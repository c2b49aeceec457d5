"""How accounts used what they have, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import queries
from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.core import packing, pruning
from services.scoring.core import state as s
from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.usagedays import KEPT_DAYS, counted, enough, together
from services.scoring.queries import usage
from services.scoring.queries.over import Over
from services.scoring.views.usage import Used, UsedOfAccount
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage, cursor_of
from shared.web.routes import Router

_LOOKED: Final = 50
"""So many accounts are looked at for one page over all: it may be short where few used what is asked for."""

_Place = tuple[int, str]
"""A day and a feature."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which days and feature are asked for, and of how many the page may have."""

    today: int
    begin: int
    end: int
    feature: str | None
    most: int

    async def of(
        self, c: AsyncConnection, account: s.Account, after: _Place | None
    ) -> Sequence[tuple[int, str, s.Uses]]:
        """What an account used, the newest day first, of each the features by the alphabet."""
        pruning.prune(account.state, self.today, account.forgotten)
        end = min(self.end, after[0]) if after else self.end
        # On the day of the place there may be nothing after it.
        whole = end if after is None else end - 1
        of_state = (one for one in counted(account, self.feature) if self.begin <= one[0] <= whole)
        begin = enough(of_state, self.most) or self.begin
        span = usage.Span(begin, end, whole)
        kept = await usage.latest(c, account.id, span, self.feature, account.state.usage, self.most)
        found = [
            (day, name, uses)
            for (day, name), uses in together(account, kept, begin, end).items()
            if begin <= day <= end
            and self.feature in (None, name)
            and (after is None or (-day, name) > (-after[0], after[1]))
        ]
        return sorted(found, key=lambda one: (-one[0], one[1]))[: self.most]


def routes(uow: UnitOfWork, clock: Clock, _rules: RulesInForce) -> Router:
    """`/v1/accounts/{id}/usage` and `/v1/usage`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    def asked(since: datetime | None, until: datetime | None, feature: str | None, limit: int) -> _Asked:
        today = day_of(clock.now())
        begin = max(today - KEPT_DAYS + 1, day_of(parts.aware(since)) if since else 0)
        # What is stamped a little ahead is of tomorrow.
        return _Asked(today, begin, day_of(parts.aware(until)) if until else today + 1, feature, limit + 1)

    @router.get("/accounts/{id}/usage", summary="What an account used on each day, newest first, for 400 days")
    async def of_account(
        id: str,
        paging: WantedPage,
        since: parts.From = None,
        until: parts.Until = None,
        feature: str | None = None,
    ) -> Page[Used]:
        """From a day to another, both included.

        Features beyond the first 200 by the alphabet are counted together: as one without a name.
        """
        after = paging.after(int, str)
        async with uow.begin() as c:
            row = parts.found(await queries.one(c, id), id)
            account = s.Account(id, packing.decode(row["state"]))
            found = await asked(since, until, feature, paging.limit).of(c, account, after and (after[0], after[1]))
        shown, cursor = paging.page(found, lambda one: one[:2])
        return Page(items=[Used.of(*one) for one in shown], next_cursor=cursor)

    @router.get("/usage", summary="What all accounts used on each day: account by account, newest first")
    async def of_all(
        paging: WantedPage,
        over: Annotated[Over, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
        feature: str | None = None,
    ) -> Page[UsedOfAccount]:
        """A page may be short, or empty, where few used what is asked for: the next one goes on."""
        wanted = asked(since, until, feature, paging.limit)
        begun, day, feature_of = paging.after(str, int | None, str) or ("", None, "")
        found: list[tuple[str, str | None, int, str, s.Uses]] = []
        async with uow.begin() as c:
            rows = await usage.accounts(c, over, begun, day is not None, _LOOKED)
            for id, name, packed in rows:
                after = (day, feature_of) if id == begun and day is not None else None
                used = await wanted.of(c, s.Account(id, packing.decode(packed)), after)
                found += ((id, name, *one) for one in used)
                if len(found) > paging.limit:
                    break
        shown, cursor = paging.page(found[: paging.limit + 1], lambda one: (one[0], one[2], one[3]))
        if cursor is None and len(rows) == _LOOKED:
            cursor = cursor_of(rows[-1][0], None, "")
        return Page(
            items=[
                UsedOfAccount.of(day, used, uses, account_id=id, account_name=name)
                for id, name, day, used, uses in shown
            ],
            next_cursor=cursor,
        )

    return router
