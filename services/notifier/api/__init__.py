"""The HTTP edge: what was sent to whom and how it went, the inbox, trying again by hand, and the address book."""

import logging
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query
from pydantic import AwareDatetime
from sqlalchemy import RowMapping

from services.notifier import queries
from services.notifier.channels import blocks, card, plain
from services.notifier.channels.contact import preview
from services.notifier.channels.rendering import LetterRenderer, Renderer
from services.notifier.core.delivery import State
from services.notifier.core.message import Message
from services.notifier.core.routing import CONTACT, WEBHOOK
from services.notifier.core.waiting import Wait, why_waited
from services.notifier.sending.attempt import Compose
from services.notifier.store import deliveries, written
from services.notifier.store.told import compose_rows
from services.notifier.views import Attempt, BookFingerprint, Contact, Delivery, DeliveryDetail, InboxItem, Road
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.messages.actions import ActionRequested
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_LOG = logging.getLogger(__name__)
_CHANNELS = "`slack`, or one target: `slack:#renewals`. `contact` is letters to customers' people."


def routes(
    uow: UnitOfWork,
    clock: Clock,
    renderer: Renderer,
    wake: Callable[[str], None],
    wants: blocks.Wants,
    compose: Compose = compose_rows,
) -> Router:
    """`/v1/deliveries` and `/v1/inbox`. `wake` is told the transport that got something to send; `wants` tells what
    somebody has set, and `compose` what deliveries say."""
    letters = LetterRenderer()
    router = Router(prefix="/v1", tags=["deliveries"])

    @router.get("/deliveries", summary="Deliveries, newest first", dependencies=[Depends(require("read"))])
    async def listed(
        paging: WantedPage,
        account: str | None = None,
        recipient: Annotated[str | None, Query(description="The id of whom it is for.")] = None,
        state: State | None = None,
        channel: Annotated[str | None, Query(description=_CHANNELS)] = None,
        item: Annotated[str | None, Query(description="The alert, task or flag that it tells of.")] = None,
        since: Annotated[AwareDatetime | None, Query(description="Asked for then or later.")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Asked for before then.")] = None,
        contact: Annotated[
            str | None, Query(description="The id of the customer's person that it is about, or goes to.")
        ] = None,
    ) -> Page[Delivery]:
        before = paging.after(datetime, str)
        sought = queries.Sought(account, recipient, state, channel, item, since, until, contact)
        async with uow.begin() as c:
            rows = await queries.deliveries(c, sought, before=before, most=paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row["created_at"], row["id"]))
        return Page(items=[Delivery(**row) for row in shown], next_cursor=cursor)

    @router.get("/deliveries/{id}", summary="One delivery, as sent", dependencies=[Depends(require("read"))])
    async def one(id: str) -> DeliveryDetail:
        now = clock.now()
        async with uow.begin() as c:
            row = await queries.delivery(c, id)
            if row is None:
                raise _unknown(id)
            attempts = await queries.attempts(c, id)
            roads = await queries.roads(c, row["instead_of"] or id)
            together = await queries.together(c, row["message_id"]) if row["message_id"] else 0
            held = await queries.held(c, row["transport"], row["target"], now) if row["state"] == "waiting" else ""
        action = msgspec.json.decode(row["action"], type=ActionRequested)
        message = _message(row, now, compose)
        began_at = attempts[0]["began_at"] if attempts else row["settled_at"]
        given = {
            "recipient_name": action.recipient.name if action.recipient is not None else None,
            "waited": why_waited(action, Wait(row["group_key"], row["created_at"], began_at, row["comes_due"], held)),
            "together": together,
            "roads": [Road(**road) for road in roads],
            "message": msgspec.to_builtins(message),
            "rendered": _rendered(row, message, renderer, letters, wants),
            "as_sent": row["message"] is not None,
            "attempt_history": [Attempt(**attempt) for attempt in attempts],
        }
        return DeliveryDetail(**{**row, **given})

    @router.post("/deliveries/{id}/retry", status_code=202, summary="Try a failed delivery again")
    async def retry(id: str, caller: Annotated[Caller, Depends(require("operate"))]) -> dict[str, str]:
        async with uow.begin() as c:
            transport = await deliveries.retry(c, id, clock.now())
            row = None if transport else await queries.delivery(c, id)
        if transport is None:
            if row is None:
                raise _unknown(id)
            words = f"The delivery {id} is {row['state']}. Only a failed one can be tried again."
            raise Problem(409, "not_failed", words)
        _LOG.info("tried again by hand", extra={"delivery": id, "actor": caller.name})
        wake(transport)
        return {"id": id, "state": "waiting"}

    @router.get("/inbox", summary="An inbox, newest first", dependencies=[Depends(require("read"))])
    async def inbox(paging: WantedPage, recipient: str | None = None) -> Page[InboxItem]:
        before = paging.after(datetime, str)
        async with uow.begin() as c:
            rows = await queries.inbox(c, recipient=recipient, before=before, most=paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row["at"], row["id"]))
        return Page(items=[_inbox_item(row, renderer) for row in shown], next_cursor=cursor)

    return router


def contacts(uow: UnitOfWork) -> Router:
    """`/v1/contacts` and `/v1/fingerprint`: the address book."""
    router = Router(prefix="/v1", tags=["contacts"], dependencies=[Depends(require("read"))])

    @router.get("/contacts/{account}", summary="How an account's people are reached, and what they agreed to")
    async def of_account(account: str, paging: WantedPage) -> Page[Contact]:
        async with uow.begin() as c:
            rows = await queries.contacts(c, account, (paging.after(str) or ("",))[0], paging.limit + 1)
            shown, cursor = paging.page(rows, lambda row: (row.contact_id,))
            bounces = await written.bounces_of(c, {row.contact_id: row.cells for row in shown})
        items = [Contact.of(account, row.contact_id, row.cells, bounces.get(row.contact_id)) for row in shown]
        return Page(items=items, next_cursor=cursor)

    @router.get("/contacts/{account}/{id}", summary="How a person is reached, and what they agreed to")
    async def of(account: str, id: str) -> Contact:
        async with uow.begin() as c:
            cells = await queries.contact(c, account, id)
            bounces = await written.bounces_of(c, {id: cells} if cells is not None else {})
        if cells is None:
            words = f"Nothing is known of how to reach the contact {id} of {account}. `contact.updated` tells it."
            raise Problem(404, "not_found", words)
        return Contact.of(account, id, cells, bounces.get(id))

    @router.get("/fingerprint", summary="One hash of the whole address book")
    async def fingerprint() -> BookFingerprint:
        async with uow.begin() as c:
            hashed, people = await queries.fingerprint(c)
        return BookFingerprint(fingerprint=hashed, contacts=people)

    return router


def _message(row: RowMapping, now: datetime, compose: Compose) -> Message:
    if row["message"] is not None:
        return msgspec.convert(row["message"], Message)
    return compose([SimpleNamespace(**row)], now)


def _rendered(
    row: RowMapping, message: Message, renderer: Renderer, letters: LetterRenderer, wants: blocks.Wants
) -> dict[str, Any]:
    """As the channel shows it; an inbox shows the text. A chat shows no more than it takes: all of it is the `text`."""
    if message.letter is not None:
        return preview(message, letters)
    if row["transport"] == "slack":
        buttons = renderer.interactive and row["target"] != WEBHOOK
        id = row["message_id"] or row["id"]
        return blocks.render(message, renderer, id, repeat=row["uncertain"] > 0, buttons=buttons, wants=wants)
    if row["transport"] in ("email", CONTACT):
        return {"subject": message.subject, "text": renderer.text(message), "html": renderer.html(message)}
    shown: dict[str, Any] = {"text": renderer.text(message)}
    if row["transport"] == "teams":
        return shown | {"card": card.render(message, row["message_id"] or row["id"], repeat=row["uncertain"] > 0)}
    if row["transport"] == "chat":
        return shown | {"posted": plain.render(message, renderer.chat_takes, repeat=row["uncertain"] > 0)}
    return shown


def _inbox_item(row: RowMapping, renderer: Renderer) -> InboxItem:
    message = msgspec.convert(row["message"], Message)
    return InboxItem(**row, subject=message.subject, text=renderer.text(message))


def _unknown(id: str) -> Problem:
    return Problem(404, "not_found", f"There is no delivery {id}. GET /v1/deliveries lists them.")
