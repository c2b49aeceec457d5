"""Several documents as one change: what a folder would do, and doing it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from fastapi import Depends
from pydantic import BaseModel, Field

from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.documents import speech
from shared.documents.changing import Change, Changing, Put, diff
from shared.documents.in_force import InForce
from shared.documents.shelf import JSON, YAML, Key, Version
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

S = TypeVar("S")


class Wanted(BaseModel):
    """What shall be in force as a document; without a text it shall be there no more.

    With an `etag` (of what was read; empty, where nothing was there) only if nobody has changed it since.
    """

    kind: str
    id: Annotated[str, Field(min_length=1, max_length=200)]
    text: str | None
    media_type: Literal["application/yaml", "application/json"] = YAML
    etag: str | None = None


class Together(BaseModel):
    """Documents that change together, or not at all."""

    documents: Annotated[list[Wanted], Field(min_length=1, max_length=500)]


class Planned(BaseModel):
    """What becomes of a document: `lines` is a unified diff."""

    kind: str
    id: str
    change: Literal["create", "update", "delete", "none"]
    version: int
    lines: list[str]

    @classmethod
    def of(cls, one: Change) -> "Planned":
        """As it is told."""
        kind, id = one.after.key
        lines = [] if one.kind == "none" else diff(one.before, one.after)
        return cls(kind=kind, id=id, change=one.kind, version=one.after.version, lines=lines)


class Plan(BaseModel):
    """What becomes of each document that was named."""

    items: list[Planned]


class Beside(BaseModel):
    """What another service's document shall be by then."""

    kind: str
    id: str
    text: str


class Drafts(Together):
    """Documents that would change together, or none, beside other services' that change before them."""

    documents: Annotated[list[Wanted], Field(max_length=500)] = []
    beside: Annotated[list[Beside], Field(max_length=500)] = []


class Telling(Generic[S]):
    """What a service tells of a plan: what becomes of each text, unless it says more."""

    plan: type[Plan] = Plan

    async def told(self, c: Any, before: S, after: S, changes: Sequence[Change]) -> Plan:
        """`before` is what is in force, and `after` what would be."""
        del c, before, after
        return _told(changes)


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_PLAIN: Final = Telling[Any]()


def routes(
    service: str,
    in_force: InForce[S],
    uow: UnitOfWork,
    clock: Clock,
    telling: Telling[S] = _PLAIN,
    *,
    example: Mapping[str, Any] = _NOTHING,
) -> Router:
    """`POST /v1/rules/plan` and `/v1/rules/apply`, over all kinds of a service; `example` is one such document."""
    shown = {"requestBody": {"content": {JSON: {"example": {"documents": [dict(example)]}}}}}
    router = Router(prefix="/v1/rules", tags=["documents"])
    changing = Changing(in_force, uow, clock)

    def puts(body: Together) -> tuple[list[Put], dict[Key, str | None]]:
        for one in body.documents:
            if one.kind not in in_force.shelf.kinds:
                words = f"{service.capitalize()} keeps no {one.kind!r}: it keeps {', '.join(in_force.shelf.kinds)}."
                raise Problem(422, "unknown_kind", words)
        found = [
            Put((one.kind, one.id), None if one.text is None else one.text.encode(), one.media_type)
            for one in body.documents
        ]
        if len({one.key for one in found}) < len(found):
            raise Problem(422, "named_twice", "A document is named more than once: say of each what it shall be.")
        return found, {(one.kind, one.id): one.etag for one in body.documents}

    @router.post(
        "/plan",
        summary="What a change of several documents would do",
        response_model=telling.plan,
        openapi_extra=shown,
    )
    async def plan(body: Drafts, caller: Annotated[Caller, Depends(require("read"))]) -> Any:
        """All are checked together, so that a card may name what the catalogue beside it declares; `beside` has what
        documents of other services shall be by then."""
        wanted, tags = puts(body)
        beside = {(one.kind, one.id): one.text.encode() for one in body.beside}
        if own := next((one.kind for one in body.beside if one.kind in in_force.shelf.kinds), None):
            raise Problem(422, "own_kind", f"{service.capitalize()} keeps {own!r} itself: name it in `documents`.")
        with speech.told():
            changes, after = await changing.plan(wanted, caller.name, _as_read(tags), beside)
        async with uow.begin() as c:
            return await telling.told(c, await in_force.refresh(c), after, changes)

    @router.post("/apply", summary="Change several documents together", openapi_extra=shown)
    async def apply(body: Together, caller: Annotated[Caller, Depends(require("operate"))]) -> Plan:
        """All of it is put in force, or nothing."""
        wanted, tags = puts(body)
        with speech.told():
            return _told(await changing.apply(wanted, caller.csm or caller.name, _as_read(tags)))

    return router


def _told(changes: Sequence[Change]) -> Plan:
    return Plan(items=[Planned.of(one) for one in changes])


def _as_read(tags: dict[Key, str | None]) -> Any:
    def must_stand(key: Key, held: Version | None) -> None:
        if tags[key] not in (None, "" if held is None else held.tag):
            raise speech.changed_since(held, "/".join(key))

    return must_stand
