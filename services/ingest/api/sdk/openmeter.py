"""The door of OpenMeter's clients. One path is Customer.io's, too, for events of somebody unknown."""

from typing import Any, Final

from fastapi import Request, Response

from services.ingest.api.events import sender_of
from services.ingest.api.parts import OPEN_DOOR, ClientKey, Parts
from services.ingest.core.dialects import customerio, openmeter
from services.ingest.core.reading import Unreadable, read
from shared.web.routes import Router

router = Router(tags=["other tools' clients"])
_ONE: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "01J9Z0V4",
    "source": "billing-service",
    "type": "api-calls",
    "subject": "northwind",
    "data": {"value": 3, "user_id": "u-17"},
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object"}, "example": _ONE},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "items": {"type": "object"}, "maxItems": 1000},
                "example": [_ONE],
            },
            "application/json": {
                "schema": {"type": "object"},
                "example": {"anonymous_id": "a-1", "name": "demo watched", "data": {"account_id": "northwind"}},
            },
        },
    }
}


@router.post(
    "/api/v1/events",
    summary="Events of OpenMeter's clients",
    description="CloudEvents, one or a batch: `type` is the feature, `subject` the account, `data.value` the quantity, "
    "`data.user_id` who it was. 204 once all that can be read is confirmed; what is refused is listed at /v1/refused. "
    "An object with a `name` and no `specversion` is an event of Customer.io's clients: then 200.",
    status_code=204,
    responses={200: {"description": "An event of Customer.io's clients was taken."}},
    openapi_extra=_BODY,
    dependencies=[OPEN_DOOR],
)
async def post_events(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Read, take, and answer as OpenMeter does."""
    sender = sender_of(caller, ingest.keys.sources)
    mapping = ingest.reception.mapping(sender)
    body = await request.body()
    try:
        raws = read(request.headers, body)
        is_plain = request.headers.get("content-type", "").startswith("application/json")
        if is_plain and body.lstrip()[:1] == b"{" and customerio.is_event(event := customerio.object_in(body)):
            record = customerio.tracked(None, event, mapping, ingest.clock.now())
            await ingest.reception.records([record], sender, customerio.DOOR)
            return Response(b"{}", media_type="application/json")
    except Unreadable as error:
        raise await ingest.reception.unreadable(body, error, sender, openmeter.DOOR) from None
    await ingest.reception.records(openmeter.records(raws, mapping), sender, openmeter.DOOR)
    return Response(status_code=204)
