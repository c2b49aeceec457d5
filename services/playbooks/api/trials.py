"""Playbooks tried before they are switched on, and why one has not fired for an account."""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Query, Request

from services.playbooks import days, pausing
from services.playbooks.api.documents import A_PLAYBOOK
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.whynot import WhyNot, why_not
from services.playbooks.files import PLAYBOOKS, RuleFiles
from services.playbooks.pausing import with_pauses
from services.playbooks.trials import BACKTEST, DRY_RUN, reading
from services.playbooks.trials.asking import Asked, asked_in, span_of, why_no_backtest
from services.playbooks.trials.dry import look_now
from services.playbooks.views.trials import LeafView, ReasonView, Result, WhyNotView, truths
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.documents import speech
from shared.documents.in_force import InForce
from shared.jobs import routes as job_routes
from shared.jobs.routes import Job, Started, begin
from shared.jobs.runner import Jobs
from shared.jobs.store import Wanted
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

_Operator = Annotated[Caller, Depends(require("operate"))]
_READ: Final = [Depends(require("read"))]
_ASKED: Final[dict[str, Any]] = msgspec.json.schema(Asked)["$defs"]["Asked"]
_JSON: Final[dict[str, Any]] = {"schema": {"anyOf": [{"type": "object"}, _ASKED]}, "example": {"account": "northwind"}}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "description": "Nothing (the playbook in force), a draft of it, or as JSON what is asked for.",
        "content": {
            "application/yaml": {"schema": {"type": "string"}, "example": A_PLAYBOOK},
            "application/json": _JSON,
        },
    }
}


class Trials:
    """Begins trials, and says why not."""

    def __init__(self, uow: UnitOfWork, clock: Clock, documents: InForce[RuleFiles], jobs: Jobs) -> None:
        self._uow, self._clock, self._documents, self._jobs = uow, clock, documents, jobs

    async def begin(self, work: str, id: str, request: Request, caller: Caller, account: str | None = None) -> Started:
        """Begin one with what the body says. Raises a 400, 404, 422 or 429 problem."""
        try:
            asked = asked_in(await request.body())
        except msgspec.ValidationError as error:
            raise invalid("body", str(error)) from None
        account = account or asked.account
        async with self._uow.begin() as c:
            files = await self._documents.refresh(c)
            if account is not None and await reading.one(c, account) is None:
                raise _no_account(account)
        draft = None if asked.draft is None else asked.draft.encode()
        playbook = _playbook(files, id) if draft is None else await self._draft(files, id, draft)
        options: dict[str, Any] = {} if account is None else {"account": account}
        if work == BACKTEST:
            options = self._days(playbook, asked)
        return await begin(self._jobs, Wanted(work, PLAYBOOKS, id, draft, options, caller.csm or caller.name))

    async def _draft(self, files: RuleFiles, id: str, draft: bytes) -> Playbook:
        with speech.told():
            # Beside the event loop: a long one takes some seconds to read.
            entry, _ = await asyncio.to_thread(files.with_playbook, draft)
        playbook = entry.playbook
        if playbook.id != id:
            raise Problem(422, "other_id", f"The draft is of {playbook.id!r}, and its trial was asked of {id!r}.")
        return playbook

    def _days(self, playbook: Playbook, asked: Asked) -> dict[str, Any]:
        if (why := why_no_backtest(playbook)) is not None:
            raise Problem(422, "no_backtest", why)
        try:
            return span_of(asked, self._clock.now()).options
        except ValueError as error:
            raise Problem(400, "invalid_request", str(error)) from None

    async def why_not(self, id: str, account: str) -> WhyNotView:
        """Why a playbook in force has not fired for an account. Raises a 404 problem."""
        now = self._clock.now()
        async with self._uow.begin() as c:
            files = await self._documents.refresh(c)
            playbook = _playbook(files, id)
            one, beside = await reading.one(c, account), await reading.beside(c, files.rules)
            if one is None:
                raise _no_account(account)
            episodes, items = await reading.episodes(c, account, id), await reading.open_at(c, [account])
            pasts = await days.of(c, [account], days.oldest(now))
            rules = with_pauses(files.rules, await pausing.known(c))
        look = look_now(rules, one, beside, now)
        found = why_not(
            *(playbook, one.stands, look, episodes, items.get(account, [])),
            past=pasts[0] if pasts else None,
            met=one.stands.met,
            checksum=rules.library.checksums.get(id),
        )
        return _view(playbook, one, look.now, found)


def _view(playbook: Playbook, one: reading.Placed, at: Any, found: WhyNot) -> WhyNotView:
    name = one.stands.facts.get("account.name")
    return WhyNotView(
        playbook=playbook.name,
        account=one.stands.account,
        name=name if isinstance(name, str) else one.stands.account,
        at=at,
        words=found.words,
        reasons=[ReasonView.model_validate(each) for each in found.reasons],
        leaves=[LeafView(**truths(each)) for each in found.leaves],
    )


def _playbook(files: RuleFiles, id: str) -> Playbook:
    if id not in files.entries:
        hint = did_you_mean(id, files.entries) or "GET /v1/playbooks lists them."
        raise Problem(404, "not_found", f"There is no playbook {id!r}. {hint}")
    return files.entries[id].playbook


def _no_account(id: str) -> Problem:
    return Problem(404, "not_found", f"There is no account {id!r}, or nothing was ever heard of it.")


def routes(uow: UnitOfWork, clock: Clock, documents: InForce[RuleFiles], jobs: Jobs) -> tuple[Router, ...]:
    """`POST /v1/playbooks/{id}/dry-run` and `…/backtest`, `GET …/why-not` and `GET /v1/jobs/{id}`."""
    router, trials = Router(prefix="/v1/playbooks", tags=["playbooks"]), Trials(uow, clock, documents, jobs)
    named = Query(max_length=128, description="An account's id.")

    @router.post(
        "/{id}/dry-run", status_code=202, summary="What a playbook would do now, as if it were new", openapi_extra=_BODY
    )
    async def dry_run(
        id: str, request: Request, caller: _Operator, account: Annotated[str | None, named] = None
    ) -> Started:
        """`GET /v1/jobs/{job}` tells of all accounts, or of one leaf by leaf. Nothing is written or sent."""
        return await trials.begin(DRY_RUN, id, request, caller, account)

    @router.post("/{id}/backtest", status_code=202, summary="What it would have done", openapi_extra=_BODY)
    async def backtest(id: str, request: Request, caller: _Operator) -> Started:
        """Over recorded days `from` … `to` (the year to yesterday), by the facts at their end: which accounts, when,
        messages per person and week, and how well it warns of accounts that leave `within_days` (90)."""
        return await trials.begin(BACKTEST, id, request, caller)

    @router.get("/{id}/why-not", summary="Why it has not fired for an account", dependencies=_READ)
    async def why(id: str, account: Annotated[str, named]) -> WhyNotView:
        return await trials.why_not(id, account)

    return router, job_routes.routes(uow, clock, Job[Result], "playbooks")
