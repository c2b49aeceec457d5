"""What people's work came to: for themselves, and for who leads them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.api.effect import From, Until, span_of
from services.playbooks.api.people import found_in
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.results import results
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.outcomes import figures, people
from services.playbooks.outcomes.figures import Span
from services.playbooks.people import books
from services.playbooks.views.effect import Kept
from services.playbooks.views.people import Money
from services.playbooks.views.results import PersonResults, TeamResults, Work
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

Reader = Annotated[Caller, Depends(require("read"))]


def may_read(caller: Caller, person: Csm, directory: Directory) -> bool:
    """May the CSM who holds a key read somebody's results? Their own, and those of people under them."""
    own = directory.find(caller.csm or "")
    return own is not None and (own.id == person.id or person in directory.led_by(own))


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/people/results`, and `/v1/people/{id}/results`."""
    router = Router(prefix="/v1", tags=["people"])

    def known(name: str, caller: Caller) -> Csm:
        directory = rules().directory
        if caller.csm is None or caller.may("admin"):
            return found_in(directory, name)
        # Whoever may not read it hears the same of who is there and of who is not.
        person = directory.find(name)
        if person is None or not may_read(caller, person, directory):
            words = "Results are for whoever they are of, and for who leads them."
            raise Problem(403, "forbidden", f"{words} Use a key of theirs, or one that no CSM holds.")
        return person

    @router.get("/people/results", summary="What the people of a lead came to, and together")
    async def team(
        caller: Reader,
        manager: Annotated[str, Query(min_length=1, max_length=256, description="The lead: an id, e-mail or name.")],
        since: From = None,
        until: Until = None,
    ) -> TeamResults:
        """Everybody who answers to them, at whatever remove; the lead's own work is theirs to ask for."""
        lead, now = known(manager, caller), clock.now()
        span = span_of(since, until, now)
        under = rules().directory.led_by(lead)
        async with uow.begin() as c:
            items = [await _person(c, one, span, rules(), now) for one in under]
            total = await _work(c, under, span, rules(), now)
        return TeamResults(manager=lead.id, since=span.since, until=span.until, items=items, total=total)

    @router.get("/people/{id}/results", summary="What somebody's work came to")
    async def one(id: str, caller: Reader, since: From = None, until: Until = None) -> PersonResults:
        """For themselves and for who leads them."""
        person, span = known(id, caller), span_of(since, until, clock.now())
        async with uow.begin() as c:
            return await _person(c, person, span, rules(), clock.now())

    return router


async def _person(c: AsyncConnection, person: Csm, span: Span, rules: Rules, now: datetime) -> PersonResults:
    work = await _work(c, [person], span, rules, now)
    return PersonResults(id=person.id, name=person.name, since=span.since, until=span.until, **dict(work))


async def _work(c: AsyncConnection, who: Sequence[Csm], span: Span, rules: Rules, now: datetime) -> Work:
    ids = [one.id for one in who]
    hours = {one.id: one.hours for one in who}
    asked = await people.asked_of(c, ids, span)
    names = people.names_of(ids, [one.email for one in who])
    shares = await figures.shares(c, span, by=names) if names else []
    won, held = await people.won_by(c, ids, span), await books.read(c, rules)
    found = results(asked, span.since, span.until, now, lambda whose: hours.get(whose, rules.directory.office))
    return Work.of(
        found,
        [held.of(id) for id in ids],
        Kept.of(shares),
        [Money(currency=name, amount_minor=minor) for name, minor in won.items()],
    )
