"""Who is at accounts and what they have subscribed to, as their states have it."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends

from services.scoring.api.own_write import READ
from services.scoring.api.parts import there
from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.state import State, has_left, roles_of, user_ids_of
from services.scoring.core.subscriptions import rows_of
from services.scoring.queries import contacts
from services.scoring.queries.over import Over
from services.scoring.views.record import Contact, SubscriptionRow
from shared.clock import Clock
from shared.messages.stamps import micros
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage, cursor_of
from shared.web.routes import Router

_Over = Annotated[Over, Depends()]


def routes(uow: UnitOfWork, clock: Clock, _rules: RulesInForce) -> Router:
    """`/v1/accounts/{id}/contacts` and `/subscriptions`, and each over all accounts."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    async def people(of: str | Over, role: str | None, left: bool | None, paging: Paging) -> Page[Contact]:
        def chosen(state: State) -> Iterable[tuple[str, Any]]:
            for id, cells in state.contacts.items():
                if (role is None or role in roles_of(cells)) and left in (None, has_left(cells)):
                    yield id, cells

        async with uow.begin() as c:
            await there(c, of)
            shown, place = await contacts.of_states(c, of, chosen, _after(paging), paging.limit)
            answers = await contacts.latest_answers(c, [(one.account_id, one.id) for one in shown])
            users = [(one.account_id, user) for one in shown for user in user_ids_of(one.what)]
            seen = await contacts.last_seen(c, users)
        items = []
        for one in shown:
            days = [seen[key] for user in user_ids_of(one.what) if (key := (one.account_id, user)) in seen]
            items.append(Contact.of(one, answers.get((one.account_id, one.id), {}), max(days, default=None)))
        return Page(items=items, next_cursor=None if place is None else cursor_of(*place))

    @router.get("/accounts/{id}/contacts", summary="An account's people, with what they said and when they were seen")
    async def people_of(
        id: str, paging: WantedPage, role: str | None = None, left: bool | None = None
    ) -> Page[Contact]:
        return await people(id, role, left, paging)

    @router.get("/contacts", summary="Everybody's people")
    async def all_people(
        paging: WantedPage, over: _Over, role: str | None = None, left: bool | None = None
    ) -> Page[Contact]:
        """A page may be short, or empty, where few have what is asked for: the next one goes on."""
        return await people(over, role, left, paging)

    async def subscriptions(of: str | Over, live: bool | None, paging: Paging) -> Page[SubscriptionRow]:
        now = micros(clock.now())

        def chosen(state: State) -> Iterable[tuple[str, Any]]:
            return ((row.id, row) for row in rows_of(state) if live in (None, row.is_live(now)))

        async with uow.begin() as c:
            await there(c, of)
            shown, place = await contacts.of_states(c, of, chosen, _after(paging), paging.limit)
        items = [SubscriptionRow.of(one, now) for one in shown]
        return Page(items=items, next_cursor=None if place is None else cursor_of(*place))

    @router.get("/accounts/{id}/subscriptions", summary="An account's subscriptions, as they stand")
    async def subscriptions_of(id: str, paging: WantedPage, live: bool | None = None) -> Page[SubscriptionRow]:
        return await subscriptions(id, live, paging)

    @router.get("/subscriptions", summary="Everybody's subscriptions, as they stand")
    async def all_subscriptions(paging: WantedPage, over: _Over, live: bool | None = None) -> Page[SubscriptionRow]:
        """A page may be short, or empty, where few have what is asked for: the next one goes on."""
        return await subscriptions(over, live, paging)

    return router


def _after(paging: Paging) -> tuple[str, str | None] | None:
    key = paging.after(str, str | None)
    return None if key is None else (key[0], key[1])
