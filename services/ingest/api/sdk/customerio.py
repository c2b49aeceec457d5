"""The doors of clients of Customer.io's Track API, versions 1 and 2."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from services.ingest.api.events import sender_of
from services.ingest.api.openapi import any_object
from services.ingest.api.parts import OPEN_DOOR, ClientKey, Ingest, Parts
from services.ingest.api.reading import body_within
from services.ingest.core.attributes import LARGEST_SENT
from services.ingest.core.checking import Answer
from services.ingest.core.dialects import customerio
from services.ingest.core.mapping import Mapping
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Record
from shared.auth.keys import Caller
from shared.web.routes import Router

router = Router(prefix="/api", tags=["other tools' clients"], dependencies=[OPEN_DOOR])
_Read = Callable[[dict[str, Any], Mapping, datetime], Record]
_DONE: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "`{}`: what can be read was taken."}}


@router.put(
    "/v1/customers/{person}",
    summary="Identify a person (Customer.io)",
    description="The body's attributes become traits of a contact. The account is the attribute `account_id` or "
    "`company_id`, what the mapping says, an object that the person is related to, or where they were last known.",
    responses=_DONE,
    openapi_extra=any_object({"email": "ana@northwind.example", "account_id": "northwind", "plan": "team"}),
)
async def identify(person: str, request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take who they are."""
    return await _take(request, ingest, caller, partial(customerio.identified, person))


@router.delete(
    "/v1/customers/{person}",
    summary="Delete a person (Customer.io)",
    description="Answered 200, and changes nothing: a profile is deleted there for many reasons. To erase somebody "
    "here, send `contact.erased` with a key that may `operate`.",
    responses=_DONE,
)
async def delete(person: str, request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Say nothing of it."""
    return await _take(request, ingest, caller, lambda *_: customerio.nothing("delete", userId=person))


@router.post(
    "/v1/customers/{person}/events",
    summary="What a person did (Customer.io)",
    description="An event (`name`, `data`, `timestamp`, `id`; `type` page, screen or event) becomes a use of what it "
    "names. Give `id`, which counts it once; without one `timestamp` does.",
    responses=_DONE,
    openapi_extra=any_object({"name": "report exported", "id": "01J9Z0V4", "data": {"account_id": "northwind"}}),
)
async def track(person: str, request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take what they did."""
    return await _take(request, ingest, caller, partial(customerio.tracked, person))


@router.post(
    "/v1/customers/{person}/suppress",
    summary="Suppress a person (Customer.io)",
    description="They get no more messages of any kind: `contact.unsubscribed`.",
    responses=_DONE,
)
async def suppress(person: str, request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Unsubscribe them."""
    return await _take(request, ingest, caller, lambda _, __, now: customerio.suppressed(person, now))


@router.post("/v1/customers/{person}/unsuppress", summary="Taken, and says nothing (Customer.io)", responses=_DONE)
@router.put("/v1/customers/{person}/devices", summary="Taken, and says nothing (Customer.io)", responses=_DONE)
@router.delete(
    "/v1/customers/{person}/devices/{device}", summary="Taken, and says nothing (Customer.io)", responses=_DONE
)
@router.post("/v1/merge_customers", summary="Taken, and says nothing (Customer.io)", responses=_DONE)
async def say_nothing(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Devices, merged profiles, and who may be written to again."""
    what = request.scope["path"].rsplit("/", 1)[-1] if request.method == "POST" else "devices"
    return await _take(request, ingest, caller, lambda *_: customerio.nothing(what))


@router.post(
    "/v2/batch",
    summary="Operations on persons and objects (Customer.io)",
    description="As `/v2/entity`, up to 10,000 at once. 207 with `errors` where some were refused.",
    responses={**_DONE, 207: {"description": "Some were refused: `errors` says which, and why."}},
    openapi_extra=any_object(
        {
            "batch": [
                {"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "acme"}},
                {
                    "type": "person",
                    "action": "event",
                    "identifiers": {"id": "u-17"},
                    "name": "report exported",
                    "attributes": {"account_id": "acme"},
                },
            ]
        }
    ),
)
async def batch(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take each."""
    sender, body = sender_of(caller, ingest.keys.sources), await request.body()
    try:
        records = customerio.operations(body, ingest.reception.mapping(sender), ingest.clock.now())
    except Unreadable as error:
        raise await ingest.reception.unreadable(body, error, sender, customerio.DOOR) from None
    answer = await ingest.reception.records(records, sender, customerio.DOOR)
    return _as_theirs(answer)


@router.post(
    "/v2/entity",
    summary="An operation on a person or an object (Customer.io)",
    description="An object is an account here: its attributes are the account's traits, and persons related to it are "
    "known to be there.",
    responses=_DONE,
    openapi_extra=any_object(
        {
            "type": "person",
            "action": "identify",
            "identifiers": {"id": "u-17"},
            "attributes": {"email": "ana@northwind.example", "account_id": "northwind"},
        }
    ),
)
async def entity(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take it."""
    return await _take(request, ingest, caller, customerio.operation)


async def _take(request: Request, ingest: Ingest, caller: Caller, read: _Read) -> Response:
    """A client raises what isn't 2xx into the product's own code: one that is refused is listed at /v1/refused."""
    sender, body = sender_of(caller, ingest.keys.sources), await body_within(request, LARGEST_SENT)
    try:
        record = read(customerio.object_in(body), ingest.reception.mapping(sender), ingest.clock.now())
    except Unreadable as error:
        record = Record(sent=body, refused=(error.code, str(error)))
    await ingest.reception.records([record], sender, customerio.DOOR)
    return Response(b"{}", media_type="application/json")


def _as_theirs(answer: Answer) -> Response:
    if not answer.refused:
        return Response(b"{}", media_type="application/json")
    errors = [{"batch_index": one.index, "reason": one.code, "message": one.message} for one in answer.refused]
    return JSONResponse({"errors": errors}, 207)
