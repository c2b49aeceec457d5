"""The HTTP edge for clients of PostHog."""

from typing import Any, Final

from fastapi import Request, Response

from services.ingest.api.events import sender_of
from services.ingest.api.parts import OPEN_DOOR, Parts
from services.ingest.api.sdk.keys import HeadCaller, caller_of
from services.ingest.core.dialects import posthog
from services.ingest.core.reading import Unreadable
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(tags=["SDKs"], dependencies=[OPEN_DOOR])
CAPTURES: Final = ("/batch", "/capture", "/e", "/i/v0/e", "/i/v0/ai/batch")
FLAGS: Final = ("/flags", "/decide")
_ABOUT: Final = """\
Point a client of PostHog here: its host is Keepwell's address, its project key an API key with the scope `ingest`. 200
whenever the body can be read as a whole: a record that can't be taken is refused by itself, and the others are taken.
503 when the broker has not confirmed: the client sends the same again, nothing is counted twice."""
_NO_FLAGS: Final = b'{"flags":{},"featureFlags":{},"featureFlagPayloads":{},"errorsWhileComputingFlags":false}'


def _route(path: str, name: str, summary: str, about: str, answer: dict[str, Any]) -> dict[str, Any]:
    """How a route is described: once, though each has a second path, with a slash at its end or without."""
    return {
        "operation_id": f"posthog{path.replace('/', '_')}" if name == path else None,
        "include_in_schema": name == path,
        "summary": summary,
        "description": about,
        "response_class": Response,
        "responses": {200: {"description": "Read.", "content": {"application/json": {"example": answer}}}},
    }


async def capture(request: Request, ingest: Parts, head: HeadCaller) -> Response:
    """Read, understand, publish, answer."""
    body = await request.body()
    sender = sender_of(await caller_of(ingest.keys, head, body), ingest.keys.sources)
    try:
        records = posthog.records(body, ingest.reception.mapping(sender), ingest.clock.now())
    except Unreadable as error:
        raise Problem(error.status, error.code, str(error)) from None
    await ingest.reception.records(records, sender, "posthog")
    return Response(b'{"status":1}', media_type="application/json")


async def flags(request: Request, ingest: Parts, head: HeadCaller) -> Response:
    """There are none."""
    await caller_of(ingest.keys, head, await request.body())
    return Response(_NO_FLAGS, media_type="application/json")


for _path in CAPTURES:
    for _name in (_path, f"{_path}/"):
        router.post(_name, **_route(_path, _name, "What clients of PostHog send", _ABOUT, {"status": 1}))(capture)
for _path in FLAGS:
    for _name in (_path, f"{_path}/"):
        _says = "Keepwell has no feature flags: the answer names none, so that clients that ask get on."
        router.post(_name, **_route(_path, _name, "Feature flags for clients of PostHog", _says, {"flags": {}}))(flags)
