"""The HTTP edge for API keys."""

import logging

from services.ingest.api.parts import Admin, Parts
from services.ingest.core.senders import is_reserved
from services.ingest.views import ListedKey, MadeKey, NewKey
from shared.web.paging import Page
from shared.web.problems import Problem
from shared.web.routes import Router

_log = logging.getLogger("keepwell.ingest")
router = Router(prefix="/v1/keys", tags=["keys"])


@router.post("", summary="Make an API key", status_code=201)
async def make_key(wanted: NewKey, ingest: Parts, admin: Admin) -> MadeKey:
    """The key is in this answer and nowhere else. A revoked name can be given a new key."""
    scopes, sources = sorted(set(wanted.scopes)), sorted(set(wanted.sources))
    source = wanted.source or next(iter(wanted.sources), wanted.name)
    for name in (wanted.name, source, *sources):
        if is_reserved(name):
            raise Problem(
                400, "reserved_source", f"No key can have {name!r}: it is Keepwell's, or a verified webhook's."
            )
    key = await ingest.keys.create(wanted.name, scopes, source=source, sources=sources, csm=wanted.csm)
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
    return Page(items=[ListedKey.model_validate(key, from_attributes=True) for key in await ingest.keys.listed()])


@router.delete("/{name}", summary="Revoke a key", status_code=204)
async def revoke_key(name: str, ingest: Parts, admin: Admin) -> None:
    """It ends within 5 s, everywhere."""
    if not await ingest.keys.revoke(name):
        raise Problem(404, "not_found", f"There is no live key {name!r}. GET /v1/keys lists them.")
    _log.info("key revoked", extra={"key_name": name, "actor": admin.name})
