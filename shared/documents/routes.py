"""The HTTP door of documents, the same for every kind: lists, texts, drafts, what is put, versions."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from fastapi import Depends, Query, Request, Response

from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import Problem as FileProblem
from shared.conditions import Refused
from shared.conditions.errors import Position
from shared.documents import speech
from shared.documents.in_force import InForce
from shared.documents.shelf import YAML, Version
from shared.files.schema import Schema
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

S = TypeVar("S")
_Operator = Annotated[Caller, Depends(require("operate"))]
_MOST_LINES: Final = 20_000


class Draft(NamedTuple, Generic[S]):
    """A text that can be used: its id and where that stands, what merely looks wrong, and all documents with it."""

    id: str
    at: Position
    warnings: Sequence[FileProblem]
    whole: S


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of document of a service whose documents make a whole of type `S`."""

    name: str
    schema: Schema
    draft: Callable[[S, bytes], Draft[S]]
    """A text in its place among the others. Raises `Refused`."""
    without: Callable[[S, str], S]
    """All but the one of an id. Raises `Refused`."""
    only: str | None = None
    """The one id that there is."""


class Door(Generic[S]):
    """What is done at the door to the documents of one kind."""

    def __init__(self, kind: Kind[S], in_force: InForce[S], uow: UnitOfWork, clock: Clock) -> None:
        self.kind, self.in_force, self.uow, self.clock = kind, in_force, uow, clock
        self._shelf = in_force.shelf

    async def listed(self) -> list[Version]:
        """Those that are there, by id."""
        async with self.uow.begin() as c:
            found = await self._shelf.current(c)
        return [one for key, one in sorted(found.items()) if key[0] == self.kind.name and one.text is not None]

    async def check(self, text: bytes) -> Draft[S]:
        """A draft beside what is in force."""
        async with self.uow.begin() as c:
            whole = await self.in_force.refresh(c)
        with speech.told():
            return self.kind.draft(whole, text)

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

    async def put(
        self, request: Request, id: str, text: bytes | None, media_type: str, caller: Caller
    ) -> tuple[Version, bool]:
        """Put a text in force, or without one, take the document away. Returns its version, and whether it is new."""
        key = self.kind.name, id
        if self.kind.only not in (None, id):
            self._missing(id)
        async with self.uow.begin() as c:
            await self._shelf.lock(c)
            whole = await self.in_force.refresh(c)
            before = await self._shelf.history(c, key, limit=1)
            held = before[0] if before and before[0].text is not None else None
            speech.must_stand(request, held)
            if text is None and held is None:
                self._missing(id)
            with speech.told():
                if text is None:
                    self.kind.without(whole, id)
                else:
                    _must_be(id, self.kind.draft(whole, text))
            if held is not None and (held.text, held.media_type) == (text, media_type):
                return held, False
            number = before[0].version + 1 if before else 1
            author, ships = caller.csm or caller.name, self.in_force.ships(key, text)
            new = Version(*key, number, text, media_type, author, self.clock.now(), ships)
            await self._shelf.add(c, [new])
        async with self.uow.begin() as c:
            await self.in_force.refresh(c)
        return new, held is None

    def _missing(self, id: str) -> NoReturn:
        words = f"There is no {id!r} in force here: GET /v1/{self.kind.name} lists what there is."
        raise Problem(404, "not_found", words)


def routes(kind: Kind[S], in_force: InForce[S], uow: UnitOfWork, clock: Clock) -> Router:
    """`/v1/KIND`, `/v1/KIND/{id}` and its versions, `/v1/KIND/check` and `/v1/KIND/schema`."""
    name, door = kind.name, Door(kind, in_force, uow, clock)
    router = Router(prefix=f"/v1/{name}", tags=["documents"], dependencies=[Depends(require("read"))])
    put_as: dict[int | str, dict[str, Any]] = {412: {"description": "Changed since it was read"}}

    @router.get("", name=f"list_{name}", summary=f"The {name} in force, by id")
    async def listed(paging: WantedPage) -> Page[speech.Listed]:
        after = paging.after(str)
        rest = [one for one in await door.listed() if after is None or one.id > after[0]]
        shown, cursor = paging.page(rest[: paging.limit + 1], lambda last: (last.id,))
        return Page(items=[speech.Listed.of(one) for one in shown], next_cursor=cursor)

    @router.post("/check", name=f"check_{name}", summary="Whether a draft can be used", openapi_extra=speech.BODY)
    async def check(request: Request) -> speech.Checked:
        draft = await door.check(await request.body())
        return speech.Checked(id=draft.id, warnings=[speech.Fault.of(one) for one in draft.warnings])

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
        openapi_extra=speech.BODY,
        responses=put_as,
    )
    async def put(id: str, request: Request, caller: _Operator) -> Response:
        """With `If-Match` only where nobody has changed it since; what was put is what is got."""
        text, media_type = await request.body(), speech.media_type_of(request)
        version, is_new = await door.put(request, id, text, media_type, caller)
        return speech.answer(request, version, 201 if is_new else 200)

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
        return speech.Compared(before=before.version if before else 0, after=version, lines=_diff(before, after))

    @router.post("/{id}/versions/{version}/restore", name=f"restore_{name}", summary="Roll back to a version")
    async def restore(id: str, version: int, request: Request, caller: _Operator) -> speech.ListedVersion:
        """Its text is put in force as a new version, if it can be used beside the others."""
        old = await door.version(id, version)
        new, _ = await door.put(request, id, old.text, old.media_type, caller)
        return speech.ListedVersion.of(new)

    return router


def _must_be(id: str, draft: Draft[S]) -> None:
    if draft.id != id:
        said = f"The text says that it is `{draft.id}`, and is put as `{id}`: these must be the same."
        raise Refused([FileProblem(said, draft.at)])


def _diff(before: Version | None, after: Version) -> list[str]:
    old, new = (
        ("" if one is None or one.text is None else one.text.decode("utf-8", "replace")).splitlines()
        for one in (before, after)
    )
    names = f"version {before.version}" if before else "nothing", f"version {after.version}"
    return list(difflib.unified_diff(old, new, *names, lineterm=""))[:_MOST_LINES]
