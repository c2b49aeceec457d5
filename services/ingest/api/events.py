"""The HTTP edge for events."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from fastapi import Header, Request, Response

from services.ingest import queries
from services.ingest.api import openapi
from services.ingest.api.parts import OPEN_DOOR, Parts, Reader, SenderKey
from services.ingest.core.checking import Answer
from services.ingest.core.reading import Unreadable, read
from services.ingest.core.senders import LARGEST, Sender
from services.ingest.views import WaitingEvent
from shared.auth.keys import Caller
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1")


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
async def post_events(request: Request, ingest: Parts, caller: SenderKey) -> Response:
    """Check, publish, answer."""
    sender, body = sender_of(caller, ingest.keys.sources), await request.body()
    try:
        raws = read(request.headers, body)
    except Unreadable as error:
        if error.code == "invalid_json":
            raise await ingest.reception.unreadable(body, error, sender, "events") from None
        raise Problem(error.status, error.code, str(error)) from None
    return answer_of(await ingest.reception.events(raws, sender, "events"))


def sender_of(caller: Caller, taken: frozenset[str]) -> Sender:
    """Whoever holds the key, as intake knows them."""
    return Sender(
        source=caller.source,
        name=caller.name,
        sources=caller.sources,
        taken=taken,
        operates=caller.may("operate"),
        types=caller.types,
        test=caller.test,
        events_per_second=caller.events_per_second,
        largest=caller.largest or LARGEST,
    )


def answer_of(answer: Answer) -> Response:
    """202 where anything was taken, else a problem with the reasons."""
    if answer.accepted or not answer.refused:
        return Response(msgspec.json.encode(answer), 202, media_type="application/json")
    first = answer.refused[0]
    code = first.code if len({refusal.code for refusal in answer.refused}) == 1 else "nothing_accepted"
    words = first.message
    if len(answer.refused) > 1:
        words = f"None of the {len(answer.refused)} events was taken; 'refused' says why. The first: {words}"
    raise Problem(400, code, words, extra={"accepted": 0, "refused": msgspec.to_builtins(answer.refused)})


@router.options(
    "/events",
    tags=["events"],
    summary="The handshake of CloudEvents web hooks",
    description="Whoever sends CloudEvents as web hooks asks here first whether they may. They may, at once; to send "
    "takes a key. No callback is called: this answer is the whole of it.",
    response_class=Response,
)
async def allow_web_hook(
    webhook_request_origin: Annotated[str | None, Header(alias="WebHook-Request-Origin", max_length=255)] = None,
    _rate: Annotated[
        int | None, Header(alias="WebHook-Request-Rate", ge=1, description="Requests a minute that are wanted.")
    ] = None,
    _callback: Annotated[
        str | None, Header(alias="WebHook-Request-Callback", max_length=2048, description="Not called.")
    ] = None,
) -> Response:
    """As https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md has it."""
    headers = {"Allow": "POST, OPTIONS"}
    if webhook_request_origin is not None:
        headers |= {"WebHook-Allowed-Origin": webhook_request_origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=200, headers=headers)


@router.get("/waiting", tags=["events"], summary="Events that wait until the account of their alias is known")
async def list_waiting(ingest: Parts, _: Reader, paging: WantedPage) -> Page[WaitingEvent]:
    """The oldest first."""
    async with ingest.uow.begin() as c:
        rows = await queries.waiting_events(c, paging.after(datetime, str, str, str, date), paging.limit + 1)
    shown, cursor = paging.page(rows, lambda row: (row.received_at, row.source, row.id, row.alias, row.day))
    return Page(items=[WaitingEvent.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)
