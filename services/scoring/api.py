"""The HTTP edge: accounts and how they do, why, NPS, and the fingerprint. Nothing here writes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Query
from sqlalchemy import RowMapping

from services.scoring import reading
from services.scoring.bodies import (
    Account,
    AccountDetail,
    Accounts,
    BandShare,
    Cap,
    Change,
    Contact,
    Driver,
    Explanation,
    Fingerprint,
    Measure,
    NpsGroup,
    NpsReport,
)
from services.scoring.core import nps
from services.scoring.core.assess import Decision, Look, look
from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account as AccountState
from services.scoring.fingerprint import fingerprint, load_whole
from shared.auth.keys import require
from shared.clock import Clock
from shared.messages.assessments import Band
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_CHANGES = 20
_WINDOW = timedelta(days=180)
_decision = msgspec.msgpack.Decoder(Decision)


def routes(uow: UnitOfWork, clock: Clock, rules: Rules) -> Router:
    """`/v1/accounts`, `/v1/nps` and `/v1/fingerprint`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=[Depends(require("read"))])

    @router.get("/accounts", summary="Accounts, with the revenue by band")
    async def listed(
        paging: WantedPage,
        band: Band | None = None,
        owner: str | None = None,
        plan: str | None = None,
        segment: str | None = None,
        stage: str | None = None,
        q: Annotated[str | None, Query(description="A part of the name or id.")] = None,
        churned: Annotated[bool, Query(description="Customers who have left, too.")] = False,
        sort: reading.Sort = "score",
    ) -> Accounts:
        after = paging.after(reading.key_type(sort), str)
        chosen: reading.Chosen = {
            "band": band,
            "owner": owner,
            "plan": plan,
            "segment": segment,
            "stage": stage,
            "q": q,
            "churned": churned,
        }
        async with uow.begin() as c:
            found = await reading.listed(c, chosen, sort, after, paging.limit + 1)
            shares = await reading.by_band(c, chosen)
        shown, cursor = paging.page(found, lambda row: (row["sort_key"], row["id"]))
        return Accounts(
            items=[Account(**_plain(row)) for row in shown],
            next_cursor=cursor,
            mrr_by_band=[BandShare(**share) for share in shares],
        )

    @router.get("/accounts/{id}/health/history", summary="What the score did, newest first")
    async def history(id: str, paging: WantedPage) -> Page[Change]:
        before = paging.after(int)
        async with uow.begin() as c:
            _found(await reading.one(c, id), id)
            found = await reading.ledger(c, id, before[0] if before else 2**62, paging.limit + 1)
        shown, cursor = paging.page(found, lambda row: (row["rev"],))
        return Page(items=[_change(row) for row in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/health/explain", summary="Why the score is what it is")
    async def explain(id: str) -> Explanation:
        async with uow.begin() as c:
            row = _found(await reading.one(c, id), id)
            moves = await reading.ledger(c, id, 2**62, _CHANGES, moves=True)
        decision = None if row["decision"] is None else _decision.decode(row["decision"])
        account = Account(**_plain(row))
        cap = decision.cap if decision is not None else None
        return Explanation(
            id=id,
            name=account.name,
            score=account.score,
            band=account.band,
            coverage=account.coverage,
            scorecard=row["scorecard"],
            reason=account.reason,
            assessed_at=account.assessed_at,
            measures=[] if decision is None else _measures_then(decision, rules),
            caps=[] if cap is None else [Cap(at_most=cap[1] / 100, while_=cap[0])],
            changes=[_change(move) for move in moves],
        )

    @router.get("/accounts/{id}", summary="All of one account")
    async def one(id: str) -> AccountDetail:
        now = clock.now()
        async with uow.begin() as c:
            row = _found(await reading.one(c, id), id)
            (account,) = await load_whole(c, [(id, row["state"])], now)
        seen = look(account, now, rules)
        return AccountDetail(
            **_plain(row),
            rev=row["rev"],
            scorecard=row["scorecard"],
            imports=row["imports"],
            traits={name.removeprefix("traits."): cell.value for name, cell in account.state.traits.items()},
            contacts=_contacts(account),
            measures=_measures_now(seen),
            facts=seen.facts,
            unknown=seen.unknown,
        )

    @router.get("/nps", summary="Net promoter score, with its margin of error")
    async def report(
        by: reading.By | None = None,
        kind: Literal["relational", "transactional"] = "relational",
        since: datetime | None = None,
        until: datetime | None = None,
        rollup: nps.Rollup = "latest",
    ) -> NpsReport:
        end = _aware(until) if until else clock.now()
        start = _aware(since) if since else end - _WINDOW
        async with uow.begin() as c:
            answers = await reading.nps_answers(c, by, kind, start, end)
        groups = [
            NpsGroup(
                group=group,
                nps=round(found.nps, 2),
                answers=found.answers,
                promoters=found.promoters,
                passives=found.passives,
                detractors=found.detractors,
                margin=round(found.margin, 2),
            )
            for group, found in nps.roll_up(answers, rollup).items()
        ]
        return NpsReport(by=by, kind=kind, rollup=rollup, since=start, until=end, groups=groups)

    @router.get("/fingerprint", summary="One hash of all folded state")
    async def hashed(at: datetime | None = None) -> Fingerprint:
        instant = _aware(at) if at else clock.now()
        async with uow.begin() as c:
            found, accounts = await fingerprint(c, instant, rules)
        return Fingerprint(fingerprint=found, accounts=accounts, at=instant)

    return router


def _aware(instant: datetime) -> datetime:
    if not 1970 < instant.year < 9999:
        words = f"{instant.isoformat()} is beyond what is known here. Ask for an instant from 1971 to 9998."
        raise Problem(400, "invalid_request", words)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _found(row: RowMapping | None, id: str) -> RowMapping:
    if row is None:
        raise Problem(404, "not_found", f"There is no account {id!r}. GET /v1/accounts?q= finds accounts by name.")
    return row


def _points(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


def _plain(row: RowMapping) -> dict[str, Any]:
    fields = {name: row[name] for name in Account.model_fields}
    scores = {name: _points(row[name]) for name in ("score", "previous_score", "coverage")}
    return {**fields, **scores}


def _measures_now(seen: Look) -> list[Measure]:
    weights = {one.name: one.weight for one in seen.card.measures}
    return _measures([(name, read.raw, read.points, read.words) for name, read in seen.reads.items()], weights)


def _measures_then(decision: Decision, rules: Rules) -> list[Measure]:
    card = rules.card(decision.card)
    weights = {one.name: one.weight for one in card.measures} if card is not None else {}
    found = [(name, *read) for name, read in decision.reads.items() if card is None or name in weights]
    return _measures(found, weights)


def _measures(reads: Sequence[tuple[str, float | None, int | None, str]], weights: dict[str, int]) -> list[Measure]:
    found = [
        Measure(
            name=name,
            weight=weights.get(name, 0),
            raw=raw,
            unit=MEASURES[name].unit,
            points=_points(points),
            words=words,
        )
        for name, raw, points, words in reads
    ]
    return sorted(found, key=lambda one: -one.weight)


def _contacts(account: AccountState) -> list[Contact]:
    found = []
    for id, cells in sorted(account.state.contacts.items()):
        role, left = cells.get("role"), cells.get("left")
        found.append(
            Contact(
                id=id,
                role=None if role is None else role.value,
                left=left is not None and left.beats(role),
                traits={
                    name.removeprefix("traits."): cell.value
                    for name, cell in cells.items()
                    if name.startswith("traits.")
                },
            )
        )
    return found


def _change(row: RowMapping) -> Change:
    return Change(
        rev=row["rev"],
        at=row["at"],
        from_=_points(row["previous_score"]),
        to=_points(row["score"]),
        band=row["band"],
        previous_band=row["previous_band"],
        cause={name: value for name, value in row["cause"].items() if value is not None},
        scorecard=row["scorecard"],
        coverage=row["coverage"] / 100,
        found_in=row["found_in"],
        drivers=[
            Driver(**{**one, "events": one.get("events", []), "points": one["points"] / 100}) for one in row["drivers"]
        ],
    )
