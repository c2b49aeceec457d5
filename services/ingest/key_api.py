"""The HTTP edge for API keys."""

import logging
from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.ingest.parts import Admin, Parts
from shared.auth.keys import Key, Scope
from shared.web.paging import Page
from shared.web.problems import Problem

_log = logging.getLogger("keepwell.ingest")
router = APIRouter(prefix="/v1/keys", tags=["keys"])


class NewKey(BaseModel, extra="forbid"):
    """What a key may do, and for whom."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    scopes: list[Scope] = Field(min_length=1)
    source: str | None = Field(
        None, min_length=1, max_length=256, description="Default source of events; else the name."
    )
    csm: str | None = Field(None, min_length=3, max_length=256, description="The e-mail of the CSM who holds it.")


class ListedKey(BaseModel):
    """A key without the key."""

    name: str
    scopes: Sequence[str]
    source: str
    csm: str | None
    created_at: datetime
    revoked_at: datetime | None


class MadeKey(BaseModel):
    """A new key, shown this once."""

    name: str
    key: str


@router.post("", summary="Make an API key", status_code=201)
async def make_key(wanted: NewKey, ingest: Parts, admin: Admin) -> MadeKey:
    """The key is in this answer and nowhere else. A revoked name can be given a new key."""
    scopes = sorted(set(wanted.scopes))
    key = await ingest.keys.create(wanted.name, scopes, wanted.source, wanted.csm)
    if key is None:
        words = (
            f"There is a live key {wanted.name!r}. Revoke it first (DELETE /v1/keys/{wanted.name}), or choose a name."
        )
        raise Problem(409, "key_exists", words)
    _log.info("key made", extra={"key_name": wanted.name, "scopes": scopes, "actor": admin.name})
    return MadeKey(name=wanted.name, key=key)


@router.get("", summary="All keys, without the keys themselves")
async def list_keys(ingest: Parts, _: Admin) -> Page[ListedKey]:
    """By name, with the revoked ones."""

    def shown(key: Key) -> ListedKey:
        return ListedKey.model_validate(key, from_attributes=True)

    return Page(items=[shown(key) for key in await ingest.keys.listed()])


@router.delete("/{name}", summary="Revoke a key", status_code=204)
async def revoke_key(name: str, ingest: Parts, admin: Admin) -> None:
    """It ends within 5 s, everywhere."""
    if not await ingest.keys.revoke(name):
        raise Problem(404, "not_found", f"There is no live key {name!r}. GET /v1/keys lists them.")
    _log.info("key revoked", extra={"key_name": name, "actor": admin.name})
