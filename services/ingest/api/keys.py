"""The HTTP edge for API keys."""

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import Body, Query
from sqlalchemy import Row

from services.ingest.api.parts import Admin, Parts
from services.ingest.core.senders import is_reserved
from services.ingest.store import usage
from services.ingest.views import ChangedKey, KeyDay, ListedKey, MadeKey, NewKey, RotateKey
from shared.auth.keys import ADMIN
from shared.web.paging import Page
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

FromDay = Annotated[date | None, Query(alias="from", description="The first day.")]
ToDay = Annotated[date | None, Query(alias="to", description="The last day; today, unless it is given.")]

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
    key = await ingest.keys.create(
        wanted.name,
        scopes,
        source=source,
        sources=sources,
        csm=wanted.csm,
        types=sorted(set(wanted.types)),
        events_per_second=wanted.events_per_second,
        largest=wanted.largest,
        test=wanted.test,
    )
    if key is None:
        words = f"There is a live key {wanted.name!r}. Rotate it, revoke it first, or choose another name."
        raise Problem(409, "key_exists", words)
    _log.info("key made", extra={"key_name": wanted.name, "scopes": scopes, "actor": admin.name})
    return MadeKey(name=wanted.name, key=key)


@router.get("", summary="All keys, without the keys themselves")
async def list_keys(ingest: Parts, _: Admin) -> Page[ListedKey]:
    """By name, with the revoked ones."""
    return Page(items=[ListedKey.model_validate(key, from_attributes=True) for key in await ingest.keys.listed()])


@router.patch("/{name}", summary="Change what a key may send", status_code=204)
async def change_key(name: str, wanted: ChangedKey, ingest: Parts, admin: Admin) -> None:
    """What is left out stays as it is. It holds within 5 s, everywhere."""
    _check_ours(name)
    changes = wanted.model_dump(include=wanted.model_fields_set)
    if not changes:
        raise Problem(400, "invalid_request", f"Nothing is to change. Give {', '.join(ChangedKey.model_fields)}.")
    if not await ingest.keys.change(name, changes):
        raise _no_key(name)
    _log.info("key changed", extra={"key_name": name, "changed": sorted(changes), "actor": admin.name})


@router.post("/{name}/rotate", summary="Give a key's name another key", status_code=201)
async def rotate_key(
    name: str, ingest: Parts, admin: Admin, how: Annotated[RotateKey | None, Body()] = None
) -> MadeKey:
    """The new key is in this answer and nowhere else. The one before works on for `overlap_hours`, and none older."""
    _check_ours(name)
    overlap = timedelta(hours=(how or RotateKey()).overlap_hours)
    key = await ingest.keys.rotate(name, overlap)
    if key is None:
        raise _no_key(name)
    _log.info("key rotated", extra={"key_name": name, "overlap_s": overlap.total_seconds(), "actor": admin.name})
    return MadeKey(name=name, key=key)


@router.get("/{name}/usage", summary="What a key sent, by day")
async def key_usage(name: str, ingest: Parts, _: Admin, since: FromDay = None, until: ToDay = None) -> Page[KeyDay]:
    """By UTC day, the newest first; without `from` 30 days. It is at most some seconds old. Days are kept for 400."""
    last = until or ingest.clock.now().date()
    first = since or last - timedelta(days=29)
    if first > last:
        raise invalid("query.from", "it lies after `to`, which is today unless it is given")
    if name not in {key.name for key in await ingest.keys.listed()}:
        raise Problem(404, "not_found", f"There never was a key {name!r}. GET /v1/keys lists them.")
    async with ingest.uow.begin() as c:
        rows = await usage.read(c, name, first, last)
    return Page(items=[_day(day, list(some)) for day, some in groupby(rows, key=lambda row: row.day)])


def _day(day: date, rows: Sequence[Row[Any]]) -> KeyDay:
    return KeyDay(
        day=day,
        requests=sum(row.requests for row in rows),
        events=sum(row.events for row in rows),
        bytes=sum(row.bytes for row in rows),
        refused=sum(row.refused for row in rows),
        limited=sum(row.limited for row in rows),
        types={row.type: row.events for row in rows if row.type != usage.NO_TYPE},
    )


def _check_ours(name: str) -> None:
    if name == ADMIN:
        words = "The key 'admin' comes from the settings. Set another KEEPWELL_ADMIN_KEY there, and start ingest again."
        raise Problem(409, "key_from_settings", f"{words} For what sends events, make a key of its own.")


def _no_key(name: str) -> Problem:
    return Problem(404, "not_found", f"There is no live key {name!r}. GET /v1/keys lists them.")


@router.delete("/{name}", summary="Revoke a key", status_code=204)
async def revoke_key(name: str, ingest: Parts, admin: Admin) -> None:
    """It ends within 5 s, everywhere; with it the one before, where it was rotated lately."""
    if not await ingest.keys.revoke(name):
        raise _no_key(name)
    _log.info("key revoked", extra={"key_name": name, "actor": admin.name})
