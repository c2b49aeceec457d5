"""What conditions can name."""

from typing import Annotated

from fastapi import Depends, Query

from services.playbooks import queries
from services.playbooks.core.rules import RulesInForce
from services.playbooks.core.seen import Tally
from services.playbooks.views.playbooks import FactView
from shared.auth.keys import require
from shared.clock import Clock
from shared.conditions import Scope, did_you_mean
from shared.messages.registry import TOLD
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/facts`."""
    router = Router(prefix="/v1", tags=["playbooks"], dependencies=[Depends(require("read"))])

    @router.get("/facts", summary="What conditions can name, and its values")
    async def facts(
        paging: WantedPage,
        prefix: Annotated[str, Query(max_length=128, description="How the name begins, such as `usage.`.")] = "",
        event: Annotated[str | None, Query(description="With the fields of events of this type, too.")] = None,
    ) -> Page[FactView]:
        """With the values that accounts have now."""
        declared = rules().declared
        if event is not None and event not in TOLD:
            words = f"Playbooks can't wait for {event}. {did_you_mean(event, TOLD) or ''}".rstrip()
            raise Problem(400, "invalid_request", words)
        known = Scope(declared.traits, declared.watched, event).facts
        (after,) = paging.after(str) or (None,)
        names = [name for name in known if name.startswith(prefix)]
        names = names[names.index(after) + 1 :] if after in names else names
        shown, cursor = paging.page(names[: paging.limit + 1], lambda name: (name,))
        tally = Tally([known[name] for name in shown], clock.now())
        async with uow.begin() as c:
            await queries.looked_at(c, tally)
        seen = tally.summed_up()
        items = [FactView.of(known[name], declared, seen[name], tally.accounts) for name in shown]
        return Page(items=items, next_cursor=cursor)

    return router
