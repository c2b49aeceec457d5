"""The HTTP edge for links in letters."""

from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from services.ingest.api.parts import Parts
from services.ingest.api.reading import body_within
from services.ingest.core.forms import LARGEST
from services.ingest.pages.acting import Acting
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/a", tags=["links"])
_PAGE: Final[dict[str, Any]] = {"content": {"text/html": {}}}


@router.get(
    "/{token}",
    summary="What a link in a letter would do",
    description="A page that shows what the signed link says, and a button. Nothing is changed, asked or kept, however "
    "often it is fetched, as mail scanners do. Takes no API key: who has the link acts as whom it was sent to.",
    response_class=HTMLResponse,
    responses={404: {"description": "It is no link of ours.", **_PAGE}, 410: {"description": "Expired.", **_PAGE}},
)
async def show(token: str, ingest: Parts) -> Response:
    """The page."""
    return _acting(ingest).show(token)


@router.post(
    "/{token}",
    summary="Do what a link in a letter says",
    description="Passes on the link's move, in the name of whom the letter went to, with what the form says. 200 "
    "once the broker has confirmed; the same press again is the same answer. What can't be repeated is done once: then "
    "410, and the page says what was already done, and when.",
    response_class=HTMLResponse,
    responses={
        400: {"description": "Something is missing in the form, which says what.", **_PAGE},
        404: {"description": "It is no link of ours.", **_PAGE},
        410: {"description": "Expired, or already done.", **_PAGE},
        503: {"description": "Not confirmed: press again.", **_PAGE},
    },
)
async def act(token: str, request: Request, ingest: Parts) -> Response:
    """Act, and tell how that went."""
    acting = _acting(ingest)
    found = acting.read(token)
    return found if isinstance(found, Response) else await acting.act(*found, await body_within(request, LARGEST))


def not_set_up() -> Problem:
    """That no key is set that signs links."""
    words = "Links in letters are not set up here: set KEEPWELL_LINK_KEYS, the same as for the notifier."
    return Problem(503, "links_not_set_up", words, retry_after=3600)


def _acting(ingest: Parts) -> Acting:
    if ingest.acting is None:
        raise not_set_up()
    return ingest.acting
