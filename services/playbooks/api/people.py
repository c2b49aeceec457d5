"""Who works with customers, and how much they have."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query

from services.playbooks import queries
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.rules import RulesInForce
from services.playbooks.people import books
from services.playbooks.views.people import NOTHING, PersonView
from shared.auth.keys import require
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page
from shared.web.problems import Problem
from shared.web.routes import Router

Team = Annotated[str | None, Query(max_length=128, description="Only who is in this team, or leads it.")]
Manager = Annotated[str | None, Query(max_length=128, description="Only whose manager, or theirs, this is.")]


class People:
    """Reads who has how much."""

    def __init__(self, uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> None:
        self._uow, self._clock, self._rules = uow, clock, rules

    async def shown(self, csms: Sequence[Csm]) -> list[PersonView]:
        """These, with what they have."""
        rules, now = self._rules(), self._clock.now()
        async with self._uow.begin() as c:
            work = await queries.open_work(c, csms, now)
            held = await books.read(c, rules)
        return [PersonView.of(one, rules.directory, work.get(one.id, NOTHING), held.of(one.id), now) for one in csms]

    def some(self, team: str | None, manager: str | None) -> list[Csm]:
        """Those of a team, and under a manager. Raises a 400 problem."""
        directory = self._rules().directory
        found = list(directory.csms)
        if team is not None:
            found = [one for one in found if team in {each.id for each in directory.teams_of(one)}]
            if team not in directory.teams:
                hint = did_you_mean(team, directory.teams) or f"There are {', '.join(directory.teams) or 'none'}."
                raise Problem(400, "invalid_request", f"There is no team {team!r} in the directory. {hint}")
        if manager is not None:
            led = directory.led_by(found_in(directory, manager, 400))
            found = [one for one in found if one in led]
        return found

    def one(self, name: str) -> Csm:
        """Somebody by id or e-mail. Raises a 404 problem."""
        return found_in(self._rules().directory, name)


def found_in(directory: Directory, name: str, status: int = 404) -> Csm:
    """Somebody of the directory by id, e-mail or name. Raises a problem that names the nearest."""
    found = directory.find(name)
    if found is None:
        hint = did_you_mean(name, [one.id for one in directory.csms]) or "GET /v1/people lists who is there."
        code = "not_found" if status == 404 else "invalid_request"
        raise Problem(status, code, f"There is nobody {name!r} in the directory. {hint}")
    return found


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/people`."""
    router = Router(prefix="/v1", tags=["people"], dependencies=[Depends(require("read"))])
    people = People(uow, clock, rules)

    @router.get("/people", summary="The directory, with who has how much, and who is away")
    async def listed(team: Team = None, manager: Manager = None) -> Page[PersonView]:
        return Page(items=await people.shown(people.some(team, manager)))

    @router.get("/people/{id}", summary="Somebody, with how much they have")
    async def one(id: str) -> PersonView:
        (shown,) = await people.shown([people.one(id)])
        return shown

    return router
