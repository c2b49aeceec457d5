"""Texts of scorecards and the catalogue, looked through before they are anybody's: nothing is kept of them."""

from fastapi import Depends, Request

from services.scoring.files import RuleFiles
from shared.auth.keys import require
from shared.web import documents as web
from shared.web.routes import Router


def routes(files: RuleFiles) -> Router:
    """`POST /v1/scorecards/check` and `/v1/catalogue/check`: drafts beside the rules that are in force."""
    router = Router(prefix="/v1", tags=["documents"], dependencies=[Depends(require("read"))])

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
        return web.Checked(id="main", warnings=[web.Fault.of(one) for one in catalogue.warnings])

    return router
