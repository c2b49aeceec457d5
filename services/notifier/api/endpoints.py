"""Endpoints: other systems subscribe to what happens."""

import base64
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends
from pydantic import ValidationError
from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.api.subscribing import ChangeEndpoint, NewEndpoint, Replay, Subscription
from services.notifier.core.calls import body_of, call_id
from services.notifier.core.endpoints import FORMER_SECRET, MOST
from services.notifier.hooks.addresses import AddressRefused, Guard
from services.notifier.queries import webhooks
from services.notifier.store import calls, endpoints
from services.notifier.store.calls import NewCall
from services.notifier.views.endpoints import Endpoint, MadeEndpoint, Queued, Replayed, Secret
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.messages import registry, tracing
from shared.messages.outward import Test
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_LOG: Final = logging.getLogger(__name__)
_TEST: Final = "test"
_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(
    uow: UnitOfWork, clock: Clock, guard: Guard, wake: Callable[[], None], publish: Callable[[], None]
) -> tuple[Router, ...]:
    """`/v1/endpoints`. `wake` is told that endpoints are to be called, or are others; `publish` that there is something
    to publish."""
    return _kept(uow, clock, guard, wake, publish), _called(uow, clock, wake)


def _kept(uow: UnitOfWork, clock: Clock, guard: Guard, wake: Callable[[], None], publish: Callable[[], None]) -> Router:
    router = Router(prefix="/v1/endpoints", tags=["endpoints"])

    @router.post("", status_code=201, summary="Subscribe an endpoint")
    async def make(body: NewEndpoint, caller: _Operator) -> MadeEndpoint:
        """What happens from now on is sent there, signed as [Standard Webhooks](https://www.standardwebhooks.com) has
        it. The secret is in this answer, and in no other."""
        await _check(guard, body.url)
        id, secret = "ep_" + secrets.token_hex(12), _new_secret()
        row = {"id": id, "url": body.url, **body.values(), "secret": secret, "enabled": True, "created_by": caller.name}
        async with uow.begin() as c:
            if await endpoints.count(c) >= MOST:
                raise Problem(409, "too_many", f"There are {MOST} endpoints already: delete one that nobody needs.")
            with _NameTaken(body.name):
                await endpoints.make(c, row, clock.now())
            made = await _found(c, id)
        publish()
        _LOG.info("endpoint made", extra={"endpoint": id, "actor": caller.name})
        return MadeEndpoint(**_view(made), secret=secret)

    @router.get("", summary="Endpoints", dependencies=[Depends(require("read"))])
    async def listed(paging: WantedPage) -> Page[Endpoint]:
        async with uow.begin() as c:
            rows = await webhooks.endpoints(c, paging.after(datetime, str), paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row["created_at"], row["id"]))
        return Page(items=[Endpoint(**_view(row)) for row in shown], next_cursor=cursor)

    @router.get("/{id}", summary="An endpoint", dependencies=[Depends(require("read"))])
    async def one(id: str) -> Endpoint:
        async with uow.begin() as c:
            return Endpoint(**_view(await _found(c, id)))

    @router.patch("/{id}", summary="Change an endpoint, or turn it off or on")
    async def change(id: str, body: ChangeEndpoint, caller: _Operator) -> Endpoint:
        if body.url is not None:
            await _check(guard, body.url)
        now = clock.now()
        async with uow.begin() as c:
            known = await _found(c, id)
            changes = _changed(known, body)
            if body.enabled is not None:
                because = "" if body.enabled else f"turned off by {caller.name}"
                changes |= {"enabled": body.enabled, "disabled_because": because}
            with _NameTaken(body.name):
                await endpoints.change(c, id, changes, now)
            found = await _found(c, id)
        publish()
        wake()
        _LOG.info("endpoint changed", extra={"endpoint": id, "actor": caller.name, "fields": sorted(changes)})
        return Endpoint(**_view(found))

    @router.delete("/{id}", status_code=204, summary="Delete an endpoint")
    async def delete(id: str, caller: _Operator) -> None:
        """What waits for it is called back."""
        now = clock.now()
        async with uow.begin() as c:
            await _found(c, id)
            gone = {"deleted_at": now, "secret": "", "former_secret": None, "former_until": None}
            await endpoints.change(c, id, gone, now)
        publish()
        wake()
        _LOG.info("endpoint deleted", extra={"endpoint": id, "actor": caller.name})

    return router


def _called(uow: UnitOfWork, clock: Clock, wake: Callable[[], None]) -> Router:
    router = Router(prefix="/v1/endpoints", tags=["endpoints"])

    @router.post("/{id}/rotate", summary="Give an endpoint another secret")
    async def rotate(id: str, caller: _Operator) -> Secret:
        """For 24 hours both secrets sign, so that the receiver can change over at any time within them."""
        secret, now = _new_secret(), clock.now()
        async with uow.begin() as c:
            await _found(c, id)
            await endpoints.rotate(c, id, secret, now)
        wake()
        _LOG.info("endpoint's secret rotated", extra={"endpoint": id, "actor": caller.name})
        return Secret(secret=secret, former_until=now + FORMER_SECRET)

    @router.post("/{id}/test", status_code=202, summary="Send a test event")
    async def test(id: str, caller: _Operator) -> Queued:
        """It is tried once and at once, before all that waits, and also where the endpoint is disabled: so one can see
        that it works before it is enabled. `GET …/deliveries/{id}` tells what came of it."""
        now = clock.now()
        async with uow.begin() as c:
            await _found(c, id)
            call = _test(id, now)
            await calls.add_test(c, call, now)
            await endpoints.let_go(c, id)
        wake()
        _LOG.info("endpoint tested", extra={"endpoint": id, "actor": caller.name})
        return Queued(id=call.id)

    @router.post("/{id}/replay", status_code=202, summary="Send what was told in a range of time again")
    async def replay(id: str, body: Replay, caller: _Operator) -> Replayed:
        """Each under its own webhook-id, by which receivers know what they have. What was missed while the endpoint was
        disabled goes as well. What was told more than 30 days ago is not kept."""
        now = clock.now()
        async with uow.begin() as c:
            await _enabled(c, id)
            until = body.until or now + timedelta(microseconds=1)
            count = await calls.replay(c, id, body.since, until, undelivered_only=body.undelivered_only, now=now)
            await endpoints.let_go(c, id)
        wake()
        _LOG.info("endpoint's calls replayed", extra={"endpoint": id, "actor": caller.name, "calls": count})
        return Replayed(count=count)

    return router


class _NameTaken:
    """Says that a name is taken, where the database says so."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, IntegrityError):
            words = f"There is an endpoint named {self._name} already: a playbook finds an endpoint by its name."
            raise Problem(409, "name_taken", words) from None


async def _check(guard: Guard, url: str) -> None:
    try:
        await guard.check(url)
    except AddressRefused as error:
        raise Problem(422, "address_refused", str(error)) from None


async def _found(c: AsyncConnection, id: str) -> RowMapping:
    found = await webhooks.endpoint(c, id)
    if found is None:
        raise Problem(404, "not_found", f"There is no endpoint {id}. GET /v1/endpoints lists them.")
    return found


async def _enabled(c: AsyncConnection, id: str) -> RowMapping:
    found = await _found(c, id)
    if not found["enabled"]:
        raise Problem(409, "disabled", f"The endpoint {id} is disabled: enable it first, by PATCH {{enabled: true}}.")
    return found


def _changed(known: RowMapping, body: ChangeEndpoint) -> dict[str, Any]:
    """The columns that change. Raises a problem for what can't be said together."""
    before = Subscription(**{name: _view(known)[name] for name in Subscription.model_fields})
    try:
        after = body.on(before)
    except ValidationError as error:
        words = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise Problem(400, "invalid_request", f"The request can't be used: {words}") from None
    kept, said = before.values(), after.values()
    changes = {name: value for name, value in said.items() if value != kept[name]}
    return changes | ({"url": body.url} if body.url is not None else {})


def _view(row: RowMapping) -> dict[str, Any]:
    return {**row, "filter": {name: getattr(row["filter"], name) for name in row["filter"].__struct_fields__}}


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _test(endpoint: str, now: datetime) -> NewCall:
    trace = tracing.current.get()
    return NewCall(
        id=call_id(f"test-{secrets.token_hex(8)}", endpoint),
        endpoint_id=endpoint,
        type=_TEST,
        account_id=registry.COMPANY,
        contact_id=None,
        action_id=None,
        body=body_of(_TEST, now, Test(endpoint=endpoint)),
        state="waiting",
        reason="",
        settled_at=None,
        traceparent=trace.header() if trace is not None else None,
        caused_at=None,
    )
