"""The success plan: goals as they stand now, of an account and of all; and how people set, reach and drop them."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import Depends, Path

from services.scoring import views
from services.scoring.api.own_write import READ
from services.scoring.api.parts import aware, there
from services.scoring.api.saying import Operator, Saying, author_of
from services.scoring.core.goals import Goal, goals_of, progress_of, scope_of
from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.state import MOST_GOALS, State
from services.scoring.queries import contacts, goals
from services.scoring.queries.over import Over
from services.scoring.views.goals import GoalRow, GoalTerms
from shared.clock import Clock
from shared.conditions import Facts, did_you_mean, why_no_goal
from shared.messages.accounts import GoalDropped, GoalReached, GoalSet
from shared.messages.stamps import micros
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage, cursor_of
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

_Over = Annotated[Over, Depends()]
_GoalId = Annotated[str, Path(min_length=1, max_length=128)]


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`GET /v1/accounts/{id}/goals`, and over all accounts."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    async def listed(of: str | Over, open: bool | None, overdue: bool, paging: Paging) -> Page[GoalRow]:
        now = clock.now()

        def chosen(state: State) -> Iterable[tuple[str, Goal]]:
            for goal in goals_of(state):
                is_open = goal.ended is None
                if open in (None, is_open) and (not overdue or (is_open and goal.due_at <= micros(now))):
                    # Those due first come first.
                    yield f"{goal.due_at:020} {goal.id}", goal

        key = paging.after(str, str | None)
        async with uow.begin() as c:
            await there(c, of)
            found, place = await contacts.of_states(c, of, chosen, key and (key[0], key[1]), paging.limit, goals.ANY)
            facts = await goals.facts_now(c, {one.account_id for one in found}, now, rules())
        nothing = Facts.of({})
        shown = [
            GoalRow.of(
                progress_of(one.what, rules().catalogue, facts.get(one.account_id, nothing), now),
                account_id=one.account_id,
                account_name=one.account_name,
            )
            for one in found
        ]
        items = [one for one in shown if not overdue or one.state == "overdue"]
        return Page(items=items, next_cursor=None if place is None else cursor_of(*place))

    @router.get("/accounts/{id}/goals", summary="An account's success plan, with how far each goal is now")
    async def goals_of_one(
        id: str, paging: WantedPage, open: bool | None = None, overdue: bool = False
    ) -> Page[GoalRow]:
        return await listed(id, open, overdue, paging)

    @router.get("/goals", summary="Everybody's goals, with how far each is now")
    async def all_goals(
        paging: WantedPage, over: _Over, open: bool | None = None, overdue: bool = False
    ) -> Page[GoalRow]:
        """A page may be short, or empty, where few have what is asked for: the next one goes on."""
        return await listed(over, open, overdue, paging)

    return router


def saying(say: Saying, rules: RulesInForce) -> Router:
    """`PUT` and `DELETE /v1/accounts/{id}/goals/{goal_id}`, `POST …/reached`."""
    router = Router(prefix="/v1", tags=["accounts"])

    @router.put("/accounts/{id}/goals/{goal_id}", status_code=202, summary="Set a goal, or set it anew")
    async def set_goal(id: str, goal_id: _GoalId, body: GoalTerms, caller: Operator) -> views.Said:
        due_at = aware(body.due_at)
        if (why := why_no_goal(body.fact, body.op, body.target, scope_of(rules().catalogue))) is not None:
            raise invalid("body.fact", why)

        def has_room(state: State) -> None:
            if goal_id not in state.goals and len(state.goals) >= MOST_GOALS:
                words = f"The account has {MOST_GOALS} goals, and more are not kept. Set one of them anew instead."
                raise Problem(409, "too_many", words)

        said: dict[str, Any] = body.model_dump() | {"due_at": due_at}
        return await say(id, GoalSet(goal_id=goal_id, author=author_of(caller), **said), has_room)

    def is_set(goal_id: str) -> Callable[[State], None]:
        def check(state: State) -> None:
            if goal_id not in (known := [goal.id for goal in goals_of(state)]):
                hint = did_you_mean(goal_id, known) or "GET /v1/accounts/ID/goals lists what was set."
                raise Problem(404, "not_found", f"There is no goal {goal_id!r}. {hint}")

        return check

    @router.post("/accounts/{id}/goals/{goal_id}/reached", status_code=202, summary="Say that a goal is reached")
    async def reach(id: str, goal_id: _GoalId, caller: Operator) -> views.Said:
        return await say(id, GoalReached(goal_id=goal_id, author=author_of(caller)), is_set(goal_id))

    @router.delete("/accounts/{id}/goals/{goal_id}", status_code=202, summary="Drop a goal: nobody strives for it now")
    async def drop(id: str, goal_id: _GoalId, caller: Operator) -> views.Said:
        return await say(id, GoalDropped(goal_id=goal_id, author=author_of(caller)), is_set(goal_id))

    return router
