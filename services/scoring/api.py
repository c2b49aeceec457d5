"""The HTTP edge: accounts and how they do, why, NPS, and the fingerprint. Nothing here writes."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query

from services.scoring import queries, views
from services.scoring.core import explain, nps
from services.scoring.core.health import health_of
from services.scoring.core.score import as_decided
from services.scoring.core.scorecard import Rules
from services.scoring.queries import NEWEST, Chosen
from services.scoring.store import decision_of
from shared.auth.keys import require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem, invalid
from shared.web.routes import Router
from shared.words import date_words

_CHANGES: Final = 20
_WINDOW: Final = timedelta(days=180)
_LEDGER_DAYS: Final = 400
From = Annotated[datetime | None, Query(alias="from", description="Since when; at most 400 days ago.")]
Until = Annotated[datetime | None, Query(alias="to", description="Until when; now, unless it is given.")]


def routes(uow: UnitOfWork, clock: Clock, rules: Rules) -> Router:
    """`/v1/accounts`, `/v1/nps` and `/v1/fingerprint`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=[Depends(require("read"))])

    @router.get("/accounts", summary="Accounts, with the revenue by band")
    async def listed(
        paging: WantedPage, chosen: Annotated[Chosen, Depends()], sort: queries.Sort = "score"
    ) -> views.Accounts:
        after = paging.after(queries.key_type(sort), str)
        async with uow.begin() as c:
            found = await queries.listed(c, chosen, sort, after, paging.limit + 1)
            shares = await queries.by_band(c, chosen)
        shown, cursor = paging.page(found, lambda row: (row["sort_key"], row["id"]))
        return views.Accounts(
            items=[views.Account(**row) for row in shown],
            next_cursor=cursor,
            mrr_by_band=[views.BandShare(**share) for share in shares],
        )

    @router.get("/accounts/{id}/health/history", summary="What the score did, newest first")
    async def history(id: str, paging: WantedPage) -> Page[views.Change]:
        before = paging.after(int)
        async with uow.begin() as c:
            _found(await queries.one(c, id), id)
            found = await queries.ledger(c, id, before[0] if before else NEWEST, paging.limit + 1)
        shown, cursor = paging.page(found, lambda row: (row["rev"],))
        return Page(items=[views.Change(**row) for row in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/health/explain", summary="Why the score is what it is, or another than it was")
    async def why(id: str, since: From = None, until: Until = None) -> views.Explanation | views.Way:
        if since is not None or until is not None:
            return await moved(id, *_interval(since, until, clock.now()))
        async with uow.begin() as c:
            row = _found(await queries.one(c, id), id)
            moves = await queries.ledger(c, id, NEWEST, _CHANGES, moves=True)
        decision = None if row["decision"] is None else decision_of(row["decision"])
        return views.Explanation(
            **row,
            measures=[] if decision is None else as_decided(decision.readings, rules.card(decision.scorecard)),
            caps=[] if decision is None or decision.hold is None else [decision.hold],
            changes=[views.Change(**move) for move in moves],
        )

    async def moved(id: str, since: datetime, until: datetime) -> views.Way:
        async with uow.begin() as c:
            row = _found(await queries.one(c, id), id)
            before, steps = await queries.steps(c, id, since, until)
        found = explain.way(before, steps)
        return views.Way(
            id=id,
            name=row["name"],
            since=since,
            until=until,
            from_=found.before,
            to=found.after,
            change=found.change,
            drivers=[views.Part(**asdict(part)) for part in found.parts],
            paragraph=explain.paragraph(found, since, until, clock.now()),
        )

    @router.get("/accounts/{id}", summary="All of one account")
    async def one(id: str) -> views.AccountDetail:
        now = clock.now()
        async with uow.begin() as c:
            row = _found(await queries.one(c, id), id)
            (account,) = await queries.whole_accounts(c, [(id, row["state"])], now)
        health, state = health_of(account, now, rules), account.state
        return views.AccountDetail(
            **row,
            traits={name.removeprefix("traits."): cell.value for name, cell in state.traits.items()},
            contacts=[views.Contact.of(contact, cells) for contact, cells in sorted(state.contacts.items())],
            measures=sorted(health.readings.values(), key=lambda reading: -reading.weight),
            facts=health.facts,
            unknown=health.unknown,
        )

    @router.get("/nps", summary="Net promoter score, with its margin of error")
    async def report(
        by: queries.By | None = None,
        kind: Literal["relational", "transactional"] = "relational",
        since: datetime | None = None,
        until: datetime | None = None,
        rollup: nps.Rollup = "latest",
    ) -> views.NpsReport:
        end = _aware(until) if until else clock.now()
        start = _aware(since) if since else end - _WINDOW
        if start > end:
            raise invalid("query.since", "it lies after `until`, which is now unless it is given")
        async with uow.begin() as c:
            answers = await queries.nps_answers(c, by, kind, start, end)
        found = nps.roll_up(answers, rollup).items()
        groups = [views.NpsGroup(group=group, **asdict(figures)) for group, figures in found]
        return views.NpsReport(by=by, kind=kind, rollup=rollup, since=start, until=end, groups=groups)

    @router.get("/fingerprint", summary="One hash of all folded state")
    async def hashed(at: datetime | None = None) -> views.Fingerprint:
        instant = _aware(at) if at else clock.now()
        async with uow.begin() as c:
            found, accounts = await queries.fingerprint(c, instant, rules)
        return views.Fingerprint(fingerprint=found, accounts=accounts, at=instant)

    return router


def _aware(instant: datetime) -> datetime:
    if not 1970 < instant.year < 9999:
        words = f"{instant.isoformat()} is beyond what is known here. Ask for an instant from 1971 to 9998."
        raise Problem(400, "invalid_request", words)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _interval(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Two instants that the ledger reaches to; what lies ahead isn't known yet, and ends now."""
    if since is None:
        raise invalid("query.from", "it is needed where `to` is given")
    start, end = _aware(since), min(_aware(until), now) if until else now
    if start > end:
        raise invalid("query.from", "it lies after `to`, which is now unless it is given, or later")
    if start < now - timedelta(days=_LEDGER_DAYS):
        oldest = date_words(now - timedelta(days=_LEDGER_DAYS))
        raise invalid("query.from", f"the ledger goes back {_LEDGER_DAYS} days, to {oldest}")
    return start, end


def _found(row: Mapping[str, Any] | None, id: str) -> Mapping[str, Any]:
    if row is None:
        raise Problem(404, "not_found", f"There is no account {id!r}. GET /v1/accounts?q= finds accounts by name.")
    return row
