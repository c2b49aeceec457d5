"""The HTTP edge: accounts and how they do, sources and the fingerprint; `why` says why, `feedback` what they
answered, `judging` hears people.

Nothing here writes.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Depends

from services.scoring import queries, views
from services.scoring.api.own_write import READ
from services.scoring.api.parts import aware, found, left
from services.scoring.company import store as store_company
from services.scoring.core.goals import goals_of, progress_of
from services.scoring.core.health import health_of
from services.scoring.core.hierarchy import line_of, roll_up
from services.scoring.core.scorecard import RulesInForce
from services.scoring.queries import Chosen, merged
from services.scoring.queries.goals import facts_of
from services.scoring.views.goals import Goal
from services.scoring.views.merged import Linked
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/accounts`, `/v1/sources`, `/v1/suggestions` and `/v1/fingerprint`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    @router.get("/accounts", summary="Accounts, with the revenue by band")
    async def listed(
        paging: WantedPage, chosen: Annotated[Chosen, Depends()], sort: queries.Sort = "score"
    ) -> views.Accounts:
        after = paging.after(queries.key_type(sort), str)
        async with uow.begin() as c:
            rows = await queries.listed(c, chosen, sort, after, paging.limit + 1)
            shares = await queries.by_band(c, chosen)
            shown, cursor = paging.page(rows, lambda row: (row["sort_key"], row["id"]))
            behind = await queries.left_behind(c, shown)
        return views.Accounts(
            items=[views.Account(**row, left=left(row, behind)) for row in shown],
            next_cursor=cursor,
            mrr_by_band=[views.BandShare(**share) for share in shares],
        )

    @router.get("/accounts/{id}", summary="All of one account")
    async def one(id: str) -> views.AccountDetail:
        now = clock.now()
        async with uow.begin() as c:
            row = found(await queries.one(c, id), id)
            (account,) = await queries.whole_accounts(c, [(id, row["state"])], now)
            sources = await store_company.known(c)
            behind = await queries.left_behind(c, [row])
            into, took = await merged.went_to(c, id), await merged.taken_in(c, id)
        health, state = health_of(account, now, sources.rules(rules()), interrupted=sources.since), account.state
        known = facts_of(health, row["score"], row["band"])
        return views.AccountDetail(
            **{**row, "merged_into": None if into is None else Linked.of(**into)},
            merged_from=[Linked.of(**one) for one in took],
            left=left(row, behind),
            traits={name.removeprefix("traits."): cell.value for name, cell in state.traits.items()},
            left_out=state.left_out,
            contacts=[views.Contact.of(contact, cells) for contact, cells in sorted(state.contacts.items())],
            measures=sorted(health.readings.values(), key=lambda reading: -reading.weight),
            goals=[Goal.of(progress_of(goal, rules().catalogue, known, now)) for goal in goals_of(state)],
            mutes=[views.Mute.of(name, cell) for name, cell in state.mutes.items() if health.view.muted(name)],
            facts=health.facts,
            unknown=health.unknown,
        )

    @router.get("/accounts/{id}/hierarchy", summary="An account with all that belong to it, rolled up")
    async def hierarchy(id: str) -> views.Hierarchy:
        async with uow.begin() as c:
            found(await queries.one(c, id), id)
            members, parents = await queries.family(c, id)
        line, circle = line_of(id, parents)
        shown = [views.Member(**asdict(one)) for one in members]
        rolled = asdict(roll_up([] if circle else members))
        return views.Hierarchy(parents=line, circle=circle, members=shown, **rolled)

    @router.get("/sources", summary="What evidence comes from: since when, how lately, for how many accounts")
    async def sources() -> Page[views.Source]:
        async with uow.begin() as c:
            heard = await queries.sources(c, rules().catalogue.sources)
            known = (await store_company.known(c)).interruptions
        interrupted = {one.source: one for one in known if one.until is None}
        return Page(items=[views.Source.of_heard(one, interrupted.get(one.source)) for one in heard])

    @router.get("/suggestions/catalogue", summary="A draft of the catalogue, from what was seen")
    async def suggested() -> views.SuggestedCatalogue:
        async with uow.begin() as c:
            drafted = await queries.draft(c, clock.now(), rules().catalogue)
        return views.SuggestedCatalogue.of(drafted)

    @router.get("/fingerprint", summary="One hash of all folded state")
    async def fingerprint(at: datetime | None = None) -> views.Fingerprint:
        instant = aware(at) if at else clock.now()
        async with uow.begin() as c:
            hashed, accounts = await queries.fingerprint(c, instant, rules())
        return views.Fingerprint(fingerprint=hashed, accounts=accounts, at=instant)

    return router
