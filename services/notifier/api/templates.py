"""The HTTP edge to try templates: what somebody would read, and a letter to one's own address."""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends
from pydantic import BaseModel, Field, field_validator

from services.notifier import queries
from services.notifier.channels.contact import preview as shown
from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.message import Message
from services.notifier.core.routing import CONTACT
from services.notifier.files import TemplateFile, Templates
from services.notifier.views import Preview, Previewed, Tested
from services.notifier.writing import trying
from services.notifier.writing.trying import Reader
from shared.addresses import read_address
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.documents import speech
from shared.documents.in_force import InForce
from shared.files.reading import read
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

_LOG: Final = logging.getLogger(__name__)
_LONGEST: Final = 100_000
_Language = Annotated[str, Field(max_length=40, examples=["de"])]
_Id = Annotated[str, Field(min_length=1, max_length=128)]


class PreviewBody(
    BaseModel, extra="forbid", json_schema_extra={"examples": [{"language": "de", "account": "northwind"}]}
):
    """How a template is to be shown."""

    language: _Language | None = None
    """As somebody who reads this one would get it; none: every language of the template."""
    account: _Id | None = None
    """Whose people are written to; else one that doesn't exist."""
    contact: _Id | None = None
    """One of them, by id: their name, role and language."""
    text: Annotated[str, Field(max_length=_LONGEST)] | None = None
    """A draft; else what is in force."""


class TestBody(BaseModel, extra="forbid", json_schema_extra={"examples": [{"to": "me@example.com", "language": "de"}]}):
    """Where a test goes."""

    to: Annotated[str, Field(max_length=320, examples=["me@example.com"])]
    """One e-mail address: your own."""
    language: _Language | None = None

    @field_validator("to")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return read_address(value).spec


def routes(
    uow: UnitOfWork,
    clock: Clock,
    in_force: InForce[Templates],
    wake: Callable[[str], None],
    token: Callable[[], str],
    no_letters: str,
) -> Router:
    """`/v1/templates/{id}/preview` and `/v1/templates/{id}/send-test`. `wake` is told the transport that got something
    to send; `no_letters` says why there is none."""
    router, renderer = Router(prefix="/v1/templates", tags=["documents"]), LetterRenderer()

    @router.post("/{id}/preview", summary="What somebody would read", dependencies=[Depends(require("read"))])
    async def preview(id: str, body: PreviewBody) -> Previewed:
        """Subject, text and HTML in each language, or why it can't be written. It answers at once: one text is filled
        in, and nothing else is looked through. Facts that the notifier doesn't know are made up."""
        if body.contact is not None and body.account is None:
            raise Problem(400, "invalid_data", "Name the account whose contact it is: give `account`, too.")
        reader = Reader()
        async with uow.begin() as c:
            templates = await in_force.refresh(c)
            if body.account is not None:
                account, facts = await trying.account_of(c, body.account)
                cells = await queries.contact(c, body.account, body.contact) if body.contact is not None else None
                reader = Reader(account, body.contact or "", cells, facts)
        if body.contact is not None and reader.cells is None:
            words = f"Nothing is known of the contact {body.contact} of {body.account}. `contact.updated` tells it."
            raise Problem(404, "not_found", words)
        template = await _draft(id, body.text) if body.text is not None else _in_force(templates, id)
        found = trying.previews(template, reader, clock.now(), body.language)
        theirs = template.language_for(trying.language_of(reader)) if reader.cells is not None else None
        return Previewed(id=id, language=theirs, previews=[_preview(name, one) for name, one in found.items()])

    @router.post("/{id}/send-test", status_code=202, summary="Send one to yourself")
    async def send_test(id: str, body: TestBody, caller: Annotated[Caller, Depends(require("operate"))]) -> Tested:
        """The template in force as a letter to one address, its subject marked as a test, with made-up facts. How it
        went stands in `/v1/deliveries/{id}`. It is in nobody's name, and its link to unsubscribe does nothing."""
        if no_letters:
            raise Problem(409, "letters_not_set_up", f"Nothing can be written to customers' people here: {no_letters}.")
        delivery = f"dlv_t{token()}"
        async with uow.begin() as c:
            template = _in_force(await in_force.refresh(c), id)
            await trying.send_test(c, template, body.to, body.language, delivery, clock.now())
        _LOG.info("a test of a template", extra={"delivery": delivery, "template": id, "actor": caller.name})
        wake(CONTACT)
        return Tested(id=delivery, state="waiting")

    def _preview(language: str, one: Message | str) -> Preview:
        if isinstance(one, str):
            return Preview(language=language, subject="", text="", html="", problem=one)
        return Preview(language=language, problem="", **shown(one, renderer))

    return router


async def _draft(id: str, text: str) -> TemplateFile:
    with speech.told():
        found = await asyncio.to_thread(read, text.encode(), "", TemplateFile)
    if found.id != id:
        raise Problem(422, "document_refused", f"The text says that it is {found.id!r}, and is shown as {id!r}.")
    return found


def _in_force(templates: Templates, id: str) -> TemplateFile:
    if id not in templates:
        raise Problem(404, "not_found", f"There is no {id!r} in force here: GET /v1/templates lists what there is.")
    return templates[id]
