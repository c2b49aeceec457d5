"""The HTTP door of documents, the same for every kind: lists, texts, drafts, what is put, versions."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from fastapi import Depends, Query, Request, Response

from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import Problem as FileProblem
from shared.conditions import Refused
from shared.documents import speech
from shared.documents.changing import Change, Changing, Put, diff, unnamed
from shared.documents.in_force import InForce
from shared.documents.shelf import YAML, Key, Version
from shared.files.schema import Schema
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

S = TypeVar("S")
_Operator = Annotated[Caller, Depends(require("operate"))]


class Draft(NamedTuple, Generic[S]):
    """A text that can be used: its id, what merely looks wrong, and all documents with it."""

    id: str
    warnings: Sequence[FileProblem]
    whole: S


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of document of a service whose documents make a whole of type `S`."""

    name: str
    schema: Schema
    draft: Callable[[S, bytes], Draft[S]]
    """A text in its place among the others. Raises `Refused`."""
    only: str | None = None
    """The one id that there is."""
    example: str = ""
    """A short text as YAML, for the description; it can be used as it stands there."""

    @property
    def body(self) -> dict[str, Any]:
        """What a route's description says of a body that is such a text."""
        return speech.body(self.example)

    @property
    def wanted(self) -> dict[str, Any]:
        """The same text as one of several documents that change together."""
        return {"kind": self.name, "id": self.only or speech.plain(self.example)["id"], "text": self.example}


class Beside(Generic[S]):
    """What a service tells of its documents beside them: nothing, unless it says so."""

    listed: type[speech.Listed] = speech.Listed
    """A row of the list."""
    checked: type[speech.Checked] = speech.Checked
    """What is said of a draft that can be used."""

    async def rows(self, c: Any, whole: S, versions: Sequence[Version]) -> Sequence[speech.Listed]:
        """The rows of these versions; `whole` is what is in force."""
        del c, whole
        return [speech.Listed.of(one) for one in versions]

    async def warnings(self, c: Any, draft: Draft[S]) -> Sequence[FileProblem]:
        """What looks wrong in a draft, as far as it takes more than texts to see that."""
        del c, draft
        return ()

    async def check(self, c: Any, draft: Draft[S], warnings: Sequence[speech.Fault]) -> speech.Checked:
        """What is said of a draft that can be used."""
        del c
        return speech.Checked(id=draft.id, warnings=list(warnings))


_NOTHING: Final = Beside[Any]()


class Door(Generic[S]):
    """What is done at the door to the documents of one kind."""

    def __init__(
        self, kind: Kind[S], in_force: InForce[S], uow: UnitOfWork, clock: Clock, beside: Beside[S] = _NOTHING
    ) -> None:
        self.kind, self.in_force, self.uow, self.beside = kind, in_force, uow, beside
        self._shelf, self._changing = in_force.shelf, Changing(in_force, uow, clock)

    async def listed(self, after: str | None, limit: int) -> Sequence[speech.Listed]:
        """Those that are there, by id: so many from behind this one."""
        async with self.uow.begin() as c:
            found = sorted((await self._shelf.current(c)).items())
            own = [one for (kind, _), one in found if kind == self.kind.name and one.text is not None]
            shown = [one for one in own if after is None or one.id > after][:limit]
            return await self.beside.rows(c, await self.in_force.refresh(c), shown)

    async def check(self, text: bytes) -> speech.Checked:
        """A draft beside what is in force."""
        async with self.uow.begin() as c:
            whole = await self.in_force.refresh(c)
        with speech.told():
            draft = await asyncio.to_thread(self.kind.draft, whole, text)
        async with self.uow.begin() as c:
            warnings = [*draft.warnings, *await self.beside.warnings(c, draft)]
            return await self.beside.check(c, draft, [speech.Fault.of(one) for one in warnings])

    async def latest(self, id: str) -> Version:
        """The version in force, of which there is a text."""
        async with self.uow.begin() as c:
            found = await self._shelf.history(c, (self.kind.name, id), limit=1)
        return found[0] if found and found[0].text is not None else self._missing(id)

    async def history(self, id: str, before: int | None, limit: int) -> list[Version]:
        """Its versions, the newest first."""
        async with self.uow.begin() as c:
            found = await self._shelf.history(c, (self.kind.name, id), before, limit)
        return found if found or before is not None else self._missing(id)

    async def found(self, id: str, version: int) -> Version | None:
        """One version."""
        async with self.uow.begin() as c:
            return await self._shelf.one(c, (self.kind.name, id), version)

    async def version(self, id: str, version: int) -> Version:
        """One version with a text."""
        found = await self.found(id, version)
        if found is None or found.text is None:
            words = f"There is no text of version {version} of {id!r}: GET /v1/{self.kind.name}/…/versions lists them."
            raise Problem(404, "not_found", words)
        return found

    async def put(self, request: Request, id: str, text: bytes | None, media_type: str, caller: Caller) -> Change:
        """Put a text in force, or without one, take the document away."""
        if self.kind.only not in (None, id):
            self._missing(id)

        def must_stand(_: Key, held: Version | None) -> None:
            speech.must_stand(request, held)
            if held is None and text is None:
                self._missing(id)

        put = Put((self.kind.name, id), text, media_type)
        with speech.told():
            try:
                (change,) = await self._changing.apply([put], caller.csm or caller.name, must_stand)
            except Refused as error:
                raise unnamed(error, put.key) from None
        return change

    def _missing(self, id: str) -> NoReturn:
        words = f"There is no {id!r} in force here: GET /v1/{self.kind.name} lists what there is."
        raise Problem(404, "not_found", words)


def routes(kind: Kind[S], in_force: InForce[S], uow: UnitOfWork, clock: Clock, beside: Beside[S] = _NOTHING) -> Router:
    """`/v1/KIND`, `/v1/KIND/{id}` and its versions, `/v1/KIND/check` and `/v1/KIND/schema`."""
    name, door = kind.name, Door(kind, in_force, uow, clock, beside)
    router = Router(prefix=f"/v1/{name}", tags=["documents"], dependencies=[Depends(require("read"))])
    put_as: dict[int | str, dict[str, Any]] = {412: {"description": "Changed since it was read"}}

    page = Page.__class_getitem__(beside.listed)

    @router.get("", name=f"list_{name}", summary=f"The {name} in force, by id", response_model=page)
    async def listed(paging: WantedPage) -> Any:
        (after,) = paging.after(str) or (None,)
        shown, cursor = paging.page(await door.listed(after, paging.limit + 1), lambda last: (last.id,))
        return Page(items=shown, next_cursor=cursor)

    @router.post(
        "/check",
        name=f"check_{name}",
        summary="Whether a draft can be used",
        response_model=beside.checked,
        openapi_extra=kind.body,
    )
    async def check(request: Request) -> Any:
        return await door.check(await request.body())

    @router.get("/schema", name=f"schema_of_{name}", summary="The JSON Schema of a text, for editors")
    async def schema() -> dict[str, Any]:
        return kind.schema.made()

    @router.get("/{id}", name=f"get_{name}", summary="A text as it was put", response_class=Response)
    async def one(id: str, request: Request) -> Response:
        return speech.answer(request, await door.latest(id))

    @router.put(
        "/{id}",
        name=f"put_{name}",
        summary="Put a text in force",
        response_class=Response,
        openapi_extra=kind.body,
        responses={201: {"description": "It is there now, and was not before"}, **put_as},
    )
    async def put(id: str, request: Request, caller: _Operator) -> Response:
        """With `If-Match` only where nobody has changed it since; what was put is what is got."""
        text, media_type = await request.body(), speech.media_type_of(request)
        change = await door.put(request, id, text, media_type, caller)
        return speech.answer(request, change.after, 201 if change.kind == "create" else 200)

    @router.delete("/{id}", name=f"delete_{name}", summary="Take a document away", status_code=204, responses=put_as)
    async def delete(id: str, request: Request, caller: _Operator) -> None:
        """Its versions stay; a release brings it back no more."""
        await door.put(request, id, None, YAML, caller)

    @router.get("/{id}/versions", name=f"versions_of_{name}", summary="What was put there, newest first")
    async def versions(id: str, paging: WantedPage) -> Page[speech.ListedVersion]:
        after = paging.after(int)
        found = await door.history(id, after[0] if after else None, paging.limit + 1)
        shown, cursor = paging.page(found, lambda last: (last.version,))
        return Page(items=[speech.ListedVersion.of(one) for one in shown], next_cursor=cursor)

    @router.get(
        "/{id}/versions/{version}", name=f"version_of_{name}", summary="One version's text", response_class=Response
    )
    async def version(id: str, version: int, request: Request) -> Response:
        return speech.answer(request, await door.version(id, version))

    @router.get("/{id}/versions/{version}/changes", name=f"changes_of_{name}", summary="How two versions differ")
    async def changes(id: str, version: int, since: Annotated[int | None, Query(ge=1)] = None) -> speech.Compared:
        """From `since`, or from the version before, to this one."""
        after = await door.version(id, version)
        before = await (door.found(id, version - 1) if since is None else door.version(id, since))
        return speech.Compared(before=before.version if before else 0, after=version, lines=diff(before, after))

    @router.post("/{id}/versions/{version}/restore", name=f"restore_{name}", summary="Roll back to a version")
    async def restore(id: str, version: int, request: Request, caller: _Operator) -> speech.ListedVersion:
        """Its text is put in force as a new version, if it can be used beside the others."""
        old = await door.version(id, version)
        change = await door.put(request, id, old.text, old.media_type, caller)
        return speech.ListedVersion.of(change.after)

    return router
