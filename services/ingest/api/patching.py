"""The HTTP edge for people who change an account or a contact by hand: each is an event, as anybody's is."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header, Request, Response

from services.ingest.api import openapi
from services.ingest.api.events import answer_of, sender_of
from services.ingest.api.parts import OPEN_DOOR, Ingest, Operator, Parts
from services.ingest.core.attributes import Refused, any_json
from services.ingest.core.patching import account_patch, as_event, check_spelling, contact_patch, misspelt
from services.ingest.core.reading import json_fault
from shared.auth.keys import Caller
from shared.documents.store import Store
from shared.files.catalogue import declared_in
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1", tags=["accounts"])
OnceKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=128, description="The event's id: sent again, it counts once."),
]
_CATALOGUE: Final = Store("scoring", ("catalogue",))


@router.patch(
    "/accounts/{account}",
    summary="Change traits of an account",
    description=openapi.ABOUT_ACCOUNTS,
    status_code=202,
    response_class=Response,
    responses={202: openapi.ANSWER},
    openapi_extra=openapi.body_of("AccountUpdated", {"owner": "ben@example.com", "move_open": True}),
    dependencies=[OPEN_DOOR],
)
async def patch_account(
    account: str, request: Request, ingest: Parts, caller: Operator, once: OnceKey = None
) -> Response:
    """Publish `account.updated`."""
    try:
        data = account_patch(await _body(request))
        return await _take(ingest, caller, "account.updated", account, data, once)
    except Refused as error:
        raise Problem(400, error.code, str(error)) from None


@router.patch(
    "/contacts/{account}/{contact}",
    summary="Change a person at an account",
    description=openapi.ABOUT_CONTACTS,
    status_code=202,
    response_class=Response,
    responses={202: openapi.ANSWER},
    openapi_extra=openapi.body_of("ContactUpdated", {"role": "champion", "phone": None}),
    dependencies=[OPEN_DOOR],
)
async def patch_contact(
    account: str, contact: str, request: Request, ingest: Parts, caller: Operator, once: OnceKey = None
) -> Response:
    """Publish `contact.updated`."""
    try:
        data = contact_patch(contact, await _body(request))
        return await _take(ingest, caller, "contact.updated", account, data, once)
    except Refused as error:
        raise Problem(400, error.code, str(error)) from None


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        found = any_json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"The body is not valid JSON: {json_fault(error)}.") from None
    if not isinstance(found, dict):
        raise Refused("invalid_json", "The body must be a JSON object with what is to change.")
    return found


async def _take(
    ingest: Ingest, caller: Caller, type: str, account: str, data: Mapping[str, Any], once: str | None
) -> Response:
    if found := misspelt(data):
        check_spelling(found, await _declared(ingest))
    raw = as_event(once or f"patch-{ingest.random(16).hex()}", type, account, data)
    return answer_of(await ingest.reception.events([raw], sender_of(caller, ingest.keys.sources), "patch"))


async def _declared(ingest: Ingest) -> frozenset[str]:
    """The traits that the catalogue in force declares."""
    async with ingest.uow.begin() as c:
        versions = await _CATALOGUE.current(c)
    texts = (one.text for one in versions.values() if one.text is not None)
    return frozenset(name for text in texts if (known := declared_in(text)) is not None for name in known.traits)
