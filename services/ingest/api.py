"""Ingest's HTTP edge."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from services.ingest import openapi, store
from services.ingest.core import stripe
from services.ingest.core.reading import Unreadable, read
from services.ingest.door import Answer
from services.ingest.parts import OPEN_DOOR, Parts, Reader, Sender
from shared.service.status import Status
from shared.web.app import failed_checks
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem

router = APIRouter(prefix="/v1")
status_router = APIRouter(prefix="/v1")


# Events


@router.post(
    "/events",
    tags=["events"],
    summary="Send events",
    description=openapi.ABOUT_EVENTS,
    status_code=202,
    response_class=Response,
    responses={202: openapi.ANSWER},
    openapi_extra=openapi.EVENTS,
    dependencies=[OPEN_DOOR],
)
async def post_events(request: Request, ingest: Parts, sender: Sender) -> Response:
    """Check, publish, answer."""
    try:
        raws = read(request.headers, await request.body())
    except Unreadable as error:
        raise Problem(error.status, error.code, str(error)) from None
    return _answer(await ingest.door.take(raws, sender.source))


def _answer(answer: Answer) -> Response:
    if answer.accepted or not answer.refused:
        return Response(msgspec.json.encode(answer), 202, media_type="application/json")
    first = answer.refused[0]
    code = first.code if len({refusal.code for refusal in answer.refused}) == 1 else "nothing_accepted"
    words = first.message
    if len(answer.refused) > 1:
        words = f"None of the {len(answer.refused)} events was taken; 'refused' says why. The first: {words}"
    raise Problem(400, code, words, extra={"accepted": 0, "refused": msgspec.to_builtins(answer.refused)})


@router.options("/events", tags=["events"], summary="The handshake of CloudEvents web hooks", response_class=Response)
async def allow_web_hook(
    webhook_request_origin: Annotated[str | None, Header(alias="WebHook-Request-Origin", max_length=255)] = None,
) -> Response:
    """Anyone may ask; to send takes a key."""
    headers = {"Allow": "POST, OPTIONS"}
    if webhook_request_origin is not None:
        headers |= {"WebHook-Allowed-Origin": webhook_request_origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=200, headers=headers)


class WaitingEvent(BaseModel):
    """An event that waits until an `account.updated` sets its alias."""

    source: str
    id: str
    alias: str
    type: str
    time: datetime
    received_at: datetime


@router.get("/waiting", tags=["events"], summary="Events that wait until the account of their alias is known")
async def list_waiting(ingest: Parts, _: Reader, paging: WantedPage) -> Page[WaitingEvent]:
    """The oldest first."""
    after = paging.after(datetime, str, str) or (datetime.min.replace(tzinfo=UTC), "", "")
    async with ingest.uow.begin() as c:
        rows = await store.waiting_events(c, (after[0], after[1], after[2]), paging.limit + 1)
    shown, cursor = paging.page(rows, lambda row: (row.received_at, row.source, row.id))
    items = [WaitingEvent.model_validate(row, from_attributes=True) for row in shown]
    return Page(items=items, next_cursor=cursor)


# Stripe


@router.post(
    "/webhooks/stripe",
    tags=["webhooks"],
    summary="Stripe's webhook endpoint",
    description="Verified by Stripe-Signature; takes no API key. Invoices finalized, paid, failed and voided, and "
    "subscriptions created, updated and deleted are read; others are answered 200 and ignored. The account is "
    "metadata.account_id of the invoice or its subscription, else the alias stripe:cus_….",
    status_code=202,
    response_class=Response,
    responses={202: openapi.ANSWER, 200: {"description": "An event that says nothing to Keepwell."}},
)
async def post_stripe(
    request: Request,
    ingest: Parts,
    stripe_signature: Annotated[str | None, Header(alias="Stripe-Signature", max_length=4096)] = None,
) -> Response:
    """Verify, translate, and take it like any other event."""
    if ingest.stripe_secret is None:
        words = "Stripe is not set up here: set KEEPWELL_STRIPE_SECRET to the endpoint's signing secret (whsec_…)."
        raise Problem(503, "stripe_not_set_up", words, retry_after=3600)
    ingest.door.check_open()
    body = await request.body()
    try:
        stripe.verify(stripe_signature, body, ingest.stripe_secret, ingest.clock.now())
        raw = stripe.translate(body)
    except stripe.Unsigned as error:
        raise Problem(401, "invalid_signature", str(error), headers={"WWW-Authenticate": "Stripe-Signature"}) from None
    except stripe.Unusable as error:
        raise Problem(400, "unusable", str(error)) from None
    if raw is None:
        return Response(b'{"accepted":0,"refused":[]}', 200, media_type="application/json")
    return _answer(await ingest.door.take([raw], stripe.SOURCE))


class WaitedFor(BaseModel):
    """An alias that nobody has set, and how much waits for it."""

    alias: str
    events: int
    since: datetime


class IngestStatus(Status):
    """How ingest does; `waiting` names the aliases that were waited for longest, at most 20."""

    waiting: list[WaitedFor]
    waiting_events: int
    open_imports: int


@status_router.get("/status", tags=["operations"], summary="Outbox, waiting events, imports, disk")
async def status(ingest: Parts, _: Reader) -> IngestStatus:
    """Ingest consumes nothing, so there is no lag."""
    gone = await failed_checks(ingest.checks)
    async with ingest.uow.begin() as c:
        counts = await store.counts(c)
        waiting = await store.waiting_by_alias(c, 20)
    return IngestStatus(
        service="ingest",
        broker=ingest.broker,
        ready=not gone,
        lag={},
        held_partitions=0,
        outbox=counts.outbox,
        timers=0,
        dead_letters=0,
        database_bytes=counts.bytes,
        details={},
        waiting=[WaitedFor(**row) for row in waiting],
        waiting_events=counts.waiting,
        open_imports=counts.imports,
    )
