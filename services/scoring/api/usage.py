"""How an account used what it has, day by day."""

from fastapi import Depends

from services.scoring import queries
from services.scoring.api import parts
from services.scoring.core import state as s
from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.usagedays import KEPT_DAYS, together
from services.scoring.queries import usage
from services.scoring.views.usage import Used
from shared.auth.keys import require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, _rules: Rules) -> Router:
    """`/v1/accounts/{id}/usage`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=[Depends(require("read"))])

    @router.get("/accounts/{id}/usage", summary="What an account used on each day, newest first, for 400 days")
    async def of_account(
        id: str, paging: WantedPage, since: parts.From = None, until: parts.Until = None, feature: str | None = None
    ) -> Page[Used]:
        """From a day to another, both included.

        Features beyond the first 200 by the alphabet are counted together: as one without a name.
        """
        now = clock.now()
        after = paging.after(int, str)
        begin = max(day_of(now) - KEPT_DAYS + 1, day_of(parts.aware(since)) if since else 0)
        end = day_of(parts.aware(until) if until else now) + (0 if until else 1)
        end = min(end, after[0]) if after else end
        async with uow.begin() as c:
            row = parts.found(await queries.one(c, id), id)
            account = s.Account(id, s.decode(row["state"]))
            s.prune(account.state, day_of(now), account.forgotten)
            kept = await usage.latest(c, id, begin, end, feature, account.state.usage, paging.limit + 2)
        found = [
            (*key, uses)
            for key, uses in sorted(together(account, kept).items(), key=lambda one: (-one[0][0], one[0][1]))
            if begin <= key[0] <= end and feature in (None, key[1]) and (after is None or _place(key) > _place(after))
        ]
        shown, cursor = paging.page(found[: paging.limit + 1], lambda one: one[:2])
        return Page(items=[Used.of(*one) for one in shown], next_cursor=cursor)

    return router


def _place(key: tuple[int, str]) -> tuple[int, str]:
    return -key[0], key[1]
