"""Texts of scorecards and the catalogue: those in force, and drafts, of which nothing is kept."""

from collections.abc import Mapping
from typing import Final

from fastapi import Depends, Request, Response

from services.scoring.files import RuleFiles
from shared.auth.keys import require
from shared.web import documents as web
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_MAIN: Final = "main"
"""The catalogue is one document."""


def routes(files: RuleFiles) -> Router:
    """`/v1/scorecards` and `/v1/catalogue`: the texts in force, and whether drafts could be."""
    router = Router(prefix="/v1", tags=["documents"], dependencies=[Depends(require("read"))])
    _reading(router, "scorecards", {id: one.text for id, one in sorted(files.cards.items())})
    _reading(router, "catalogue", {} if files.catalogue is None else {_MAIN: files.catalogue_text})

    @router.post("/scorecards/check", summary="Whether a draft of a scorecard can be used", openapi_extra=web.BODY)
    async def check_card(request: Request) -> web.Checked:
        text = await request.body()
        with web.told():
            card, _ = files.with_card(text)
        return web.Checked(id=card.id, warnings=[web.Fault.of(one) for one in card.warnings])

    @router.post("/catalogue/check", summary="Whether a draft of the catalogue can be used", openapi_extra=web.BODY)
    async def check_catalogue(request: Request) -> web.Checked:
        text = await request.body()
        with web.told():
            catalogue, _ = files.with_catalogue(text)
        return web.Checked(id=_MAIN, warnings=[web.Fault.of(one) for one in catalogue.warnings])

    return router


def _reading(router: Router, kind: str, texts: Mapping[str, bytes]) -> None:
    """The routes that read the documents of one kind."""

    @router.get(f"/{kind}", name=f"list_{kind}", summary=f"The {kind} in force, by id")
    async def listed(paging: WantedPage) -> Page[web.Listed]:
        after = paging.after(str)
        ids = [id for id in texts if after is None or id > after[0]]
        shown, cursor = paging.page(ids[: paging.limit + 1], lambda last: (last,))
        return Page(items=[web.Listed.of(id, texts[id]) for id in shown], next_cursor=cursor)

    @router.get(f"/{kind}/{{id}}", name=f"one_of_{kind}", summary="A text as it was written", response_class=Response)
    async def one(id: str, request: Request) -> Response:
        if id not in texts:
            words = f"There is no {id!r} in force here: GET /v1/{kind} lists what there is."
            raise Problem(404, "not_found", words)
        return web.answer(request, texts[id])
