"""The HTTP edge for links by which a customer's person gets no more messages."""

from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from services.ingest.api.acting import not_set_up
from services.ingest.api.parts import Parts
from services.ingest.api.reading import body_within
from services.ingest.core.forms import LARGEST
from services.ingest.pages.leaving import Leaving
from shared.web.routes import Router

router = Router(prefix="/u", tags=["links"])
_PAGE: Final[dict[str, Any]] = {"content": {"text/html": {}}}


@router.get(
    "/{token}",
    summary="Where a customer's person stops our messages",
    description="A page in the language of the letter, with a choice and a button. Nothing is changed or kept, however "
    "often it is fetched, as mail scanners do. Takes no API key: the signed link says whose it is. It can be used for "
    "400 days.",
    response_class=HTMLResponse,
    responses={404: {"description": "It is no link of ours.", **_PAGE}, 410: {"description": "Expired.", **_PAGE}},
)
async def show(token: str, request: Request, ingest: Parts) -> Response:
    """The page."""
    leaving = _leaving(ingest)
    found = leaving.read(token, request.headers.get("accept-language", ""))
    return found if isinstance(found, Response) else leaving.show(found)


@router.post(
    "/{token}",
    summary="Stop our messages to a customer's person",
    description="Publishes `contact.unsubscribed` of the letter's kind, or of `all`: what the page's form says "
    "(`choice=kind|all`), or the one click of a mail program (RFC 8058: `List-Unsubscribe=One-Click`, as a form or as "
    "multipart). No cookie, no redirect, no API key. 200 once the broker has confirmed.",
    response_class=HTMLResponse,
    responses={
        400: {"description": "The form says neither.", **_PAGE},
        404: {"description": "It is no link of ours.", **_PAGE},
        410: {"description": "Expired.", **_PAGE},
        503: {"description": "Not confirmed: send it again.", **_PAGE},
    },
)
async def leave(token: str, request: Request, ingest: Parts) -> Response:
    """Pass it on."""
    leaving, headers = _leaving(ingest), request.headers
    found = leaving.read(token, headers.get("accept-language", ""))
    if isinstance(found, Response):
        return found
    return await leaving.leave(found, headers.get("content-type", ""), await body_within(request, LARGEST))


def _leaving(ingest: Parts) -> Leaving:
    if ingest.leaving is None:
        raise not_set_up()
    return ingest.leaving
