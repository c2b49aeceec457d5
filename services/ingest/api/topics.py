"""The AsyncAPI document of the topics, beside the OpenAPI document of the services."""

from functools import cache

from fastapi import Response

from shared.messages import asyncapi
from shared.web.routes import Router

router = Router(tags=["topics"])


@router.get(
    "/asyncapi.json",
    summary="The topics as AsyncAPI 3",
    description="What travels on which topic, who sends it and who receives it, with a schema and an example for each "
    "type. Takes no key, as `/openapi.json`.",
    response_class=Response,
)
async def get_asyncapi() -> Response:
    """The same as docs/asyncapi.json."""
    return Response(_text(), media_type="application/json")


@cache
def _text() -> str:
    return asyncapi.text()
