"""What customers told us: every answer, and the figures over them."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends

from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.core.feedback import figure
from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.surveys import KEPT
from services.scoring.queries import answers, contacts, feedback
from services.scoring.queries.over import Over
from services.scoring.views.feedback import DEFINITIONS, Answer, FeedbackGroup, FeedbackReport, Moved, beside
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.messages.feedback import USUAL_KIND, Measured, SurveyKind
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import invalid
from shared.web.routes import Router

_WINDOWS: Final = {"relational": timedelta(days=180), "transactional": timedelta(days=90)}
"""How far back it is looked where nobody says: as far as health does."""
_HISTORY: Final = timedelta(days=365)
"""And by month or quarter."""


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/answers` and `/v1/feedback`."""
    router = Router(prefix="/v1", tags=["feedback"], dependencies=READ)

    @router.get("/answers", summary="What they wrote: survey answers with their comments, newest first")
    async def listed(
        paging: WantedPage, wanted: Annotated[answers.Wanted, Depends()], over: Annotated[Over, Depends()]
    ) -> Page[Answer]:
        if wanted.group is not None and wanted.group not in answers.NAMES:
            hint = did_you_mean(wanted.group, answers.NAMES) or f"There are {', '.join(answers.NAMES)}."
            raise invalid("query.group", f"there is no group {wanted.group!r}. {hint}")
        async with uow.begin() as c:
            shown, cursor = await answers.listed(c, wanted, over, paging)
            people = await contacts.named(c, [(row["account_id"], row["contact_id"]) for row in shown])
        named = [Answer.of(row, *people.get((row["account_id"], row["contact_id"]), ())[:1]) for row in shown]
        return Page(items=named, next_cursor=cursor)

    @router.get("/feedback", summary="NPS, CSAT or CES by group, each with what it rests on")
    async def report(
        measure: Measured = "nps",
        kind: SurveyKind | None = None,
        by: feedback.By | None = None,
        per: feedback.Per = "answer",
        since: parts.From = None,
        until: parts.Until = None,
    ) -> FeedbackReport:
        of = kind or USUAL_KIND[measure]
        now, catalogue = clock.now(), rules().catalogue
        first = since or (parts.aware(until) if until else now) - (
            _HISTORY if by in ("month", "quarter") else _WINDOWS[of]
        )
        start, end = parts.interval(first, until, now, KEPT.days)
        asked = feedback.Asked(measure, of, start, end, by, per)
        async with uow.begin() as c:
            currency = None if per != "mrr" else catalogue.reference or await feedback.currency(c)
            found = await feedback.counted(c, asked, feedback.Money(currency or "", catalogue.rates))
            invited = await feedback.invited(c, asked)
            moved = await feedback.moved(c, asked) if of == "relational" else []
        groups = sorted({*found, *invited} or {None}, key=lambda name: (name is None, name or ""))
        return FeedbackReport(
            items=[FeedbackGroup.of(one, figure(measure, found.get(one, {})), invited.get(one)) for one in groups],
            measure=measure,
            kind=of,
            by=by,
            per=per,
            currency=currency,
            since=start,
            until=end,
            **beside(catalogue.targets.get(measure)),
            moved=[Moved(before=before, after=after, contacts=contacts) for before, after, contacts in moved],
            definition=DEFINITIONS[measure],
        )

    return router
