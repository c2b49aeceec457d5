"""The HTTP edge: what was sent to whom and how it went, the inbox, and trying again by hand."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import RowMapping

from services.notifier import reading
from services.notifier.channels import blocks
from services.notifier.core.message import Message
from services.notifier.core.together import compose_group
from services.notifier.rendering import Renderer
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.messages.actions import ActionRequested
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem

_LOG = logging.getLogger(__name__)


class Delivery(BaseModel):
    """One action's way to one recipient on one channel."""

    id: str
    action_id: str
    account: str
    kind: str
    playbook: str
    recipient: str | None
    channel: str
    because: str
    state: Literal["waiting", "sending", "delivered", "failed", "cancelled"]
    due_at: datetime | None
    """When it is due, while it waits."""
    message_id: str | None
    """The id that recipients see; the same for all that went as one message."""
    attempts: int
    uncertain: int
    """Attempts that were cut off after sending began, so that it may have arrived twice."""
    reason: str
    created_at: datetime
    caused_at: datetime | None
    settled_at: datetime | None
    seconds: float | None
    """From the event that caused it, as ingest accepted it, to its delivery."""


class Attempt(BaseModel):
    """One attempt: sent, later, never, fatal or uncertain."""

    attempt: int
    message_id: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    receipt: str


class DeliveryDetail(Delivery):
    """A delivery with its message, how the channel shows it, and its attempts."""

    message: dict[str, Any]
    rendered: dict[str, Any]
    as_sent: bool
    """False while it was not sent yet: the message is as it would read now."""
    traceparent: str | None
    attempt_history: list[Attempt]


class InboxItem(BaseModel):
    """One message in an inbox."""

    id: str
    recipient: str
    at: datetime
    subject: str
    text: str
    message: dict[str, Any]


def routes(uow: UnitOfWork, clock: Clock, renderer: Renderer, wake: Callable[[str], None]) -> APIRouter:
    """`/v1/deliveries` and `/v1/inbox`. `wake` is told the transport that got something to send."""
    router = APIRouter(prefix="/v1", tags=["deliveries"])

    @router.get("/deliveries", summary="Deliveries, newest first", dependencies=[Depends(require("read"))])
    async def listed(
        paging: WantedPage,
        account: str | None = None,
        state: Literal["waiting", "sending", "delivered", "failed", "cancelled"] | None = None,
        channel: Annotated[str | None, Query(description="`slack`, or one target: `slack:#renewals`.")] = None,
    ) -> Page[Delivery]:
        before = paging.after(datetime, str)
        async with uow.begin() as c:
            rows = await reading.listed(
                c,
                account=account,
                state=state,
                channel=channel,
                before=before,
                most=paging.limit + 1,
            )
        shown, cursor = paging.page(rows, lambda row: (row["created_at"], row["id"]))
        return Page(items=[_delivery(row) for row in shown], next_cursor=cursor)

    @router.get("/deliveries/{id}", summary="One delivery, as sent", dependencies=[Depends(require("read"))])
    async def one(id: str) -> DeliveryDetail:
        async with uow.begin() as c:
            row = await reading.one(c, id)
            attempts = await reading.attempts_of(c, id)
        if row is None:
            raise _unknown(id)
        message = _message(row, clock.now())
        return DeliveryDetail(
            **_delivery(row).model_dump(),
            message=msgspec.to_builtins(message),
            rendered=_rendered(row, message, renderer),
            as_sent=row["message"] is not None,
            traceparent=row["traceparent"],
            attempt_history=[Attempt(**attempt) for attempt in attempts],
        )

    @router.post("/deliveries/{id}/retry", status_code=202, summary="Try a failed delivery again")
    async def retry(id: str, caller: Annotated[Caller, Depends(require("operate"))]) -> dict[str, str]:
        async with uow.begin() as c:
            transport = await reading.retry(c, id, clock.now())
            row = None if transport else await reading.one(c, id)
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
            rows = await reading.in_inbox(c, recipient=recipient, before=before, most=paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row["at"], row["id"]))
        return Page(items=[_inbox_item(row, renderer) for row in shown], next_cursor=cursor)

    return router


def _delivery(row: RowMapping) -> Delivery:
    taken = None
    if row["state"] == "delivered" and row["caused_at"] is not None:
        taken = round((row["settled_at"] - row["caused_at"]).total_seconds(), 3)
    return Delivery(
        id=row["id"],
        action_id=row["action_id"],
        account=row["account_id"],
        kind=row["kind"],
        playbook=row["playbook"],
        recipient=row["recipient"] or None,
        channel=f"{row['transport']}:{row['target']}",
        because=row["because"],
        state=row["state"],
        due_at=row["due_at"] if row["state"] == "waiting" else None,
        message_id=row["message_id"],
        attempts=row["attempts"],
        uncertain=row["uncertain"],
        reason=row["reason"],
        created_at=row["created_at"],
        caused_at=row["caused_at"],
        settled_at=row["settled_at"],
        seconds=taken,
    )


def _message(row: RowMapping, now: datetime) -> Message:
    if row["message"] is not None:
        return msgspec.convert(row["message"], Message)
    action = msgspec.json.decode(row["action"], type=ActionRequested)
    return compose_group([action], now, shared=row["shared"])


def _rendered(row: RowMapping, message: Message, renderer: Renderer) -> dict[str, Any]:
    """As the channel shows it; an inbox shows the text."""
    if row["transport"] == "slack":
        return blocks.render(message, renderer, row["message_id"] or row["id"], repeat=row["uncertain"] > 0)
    if row["transport"] == "email":
        return {"subject": message.subject, "text": renderer.text(message), "html": renderer.html(message)}
    return {"text": renderer.text(message)}


def _inbox_item(row: RowMapping, renderer: Renderer) -> InboxItem:
    message = msgspec.convert(row["message"], Message)
    return InboxItem(
        id=row["id"],
        recipient=row["recipient"],
        at=row["at"],
        subject=message.subject,
        text=renderer.text(message),
        message=row["message"],
    )


def _unknown(id: str) -> Problem:
    return Problem(404, "not_found", f"There is no delivery {id}. GET /v1/deliveries lists them.")
