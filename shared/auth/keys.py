"""API keys: who calls, and what they may do.

A key is `kw_` and 256 random bits. The table `access.keys` holds only an HMAC-SHA256 of it under a secret of this
installation, which is made once and kept beside it in `access.secret`: so a hash can't be looked up in anyone else's
table, and the admin key can be changed without touching the others. Every service may read the schema; ingest
writes it. A name outlives its keys: it is the default source of what is sent, so a revoked name can get a new key, and
one that was rotated has two for a while.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from sqlalchemy import ColumnElement, MetaData, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.auth import tables
from shared.auth.caller import SCOPES, Caller, Scope, caller_of
from shared.clock import Clock
from shared.messages.tracing import RandomBytes
from shared.pg.uow import UnitOfWork
from shared.web.app import BEARER
from shared.web.problems import Problem
from shared.web.routes import Gate

__all__ = ["ADMIN", "SCOPES", "Caller", "KeyGate", "KeyStore", "Scope", "key_in", "require"]

ADMIN: Final = "admin"
"""The name of the key that comes from the settings."""
_LOG = logging.getLogger(__name__)

# The tables stand in a schema of their own, and whoever reads them is at home in another.
_ACCESS: Final = MetaData()
_KEYS: Final = tables.keys.to_metadata(_ACCESS, schema="access")
_SECRET: Final = tables.secret.to_metadata(_ACCESS, schema="access")
_THE_SECRET: Final = select(_SECRET.c.value)
_ALL: Final = select(_KEYS, _THE_SECRET.scalar_subquery().label("secret"))
OURS: Final = "kw_"
"""How every key begins."""
_BY_NAME: Final = select(_KEYS).order_by(_KEYS.c.name)


_BARE: Final[Mapping[str, Any]] = {
    "types": [],
    "events_per_second": None,
    "largest": None,
    "test": False,
    "revoked_at": None,
    "old_hash": None,
    "old_until": None,
}
"""What a new key has of its row unless it is said."""


class KeyStore:
    """The keys of this installation, known as of at most 5 s ago. Unknown keys cost two looks a second, no more.

    All who need the keys read anew wait for one reading, and fail with it after 2 s. A database that doesn't answer
    keeps nobody else waiting: not who has a known key, and not who comes when the reading is overdue already.
    """

    fresh: Final = 4.0
    """Seconds; with the reading itself it is at most 5."""
    again: Final = 0.5
    limit: Final = 2.0

    def __init__(self, uow: UnitOfWork, clock: Clock, random: RandomBytes) -> None:
        self._uow, self._clock, self._random = uow, clock, random
        self._secret = b""
        self._live: dict[bytes, Caller] = {}
        self._old: dict[bytes, tuple[Caller, datetime]] = {}
        """The keys before the last rotation, each with until when it works."""
        self.sources: frozenset[str] = frozenset()
        """What any key sends as, and every name, the revoked ones' too: each is nobody else's."""
        self._loaded: datetime | None = None
        self._loading: asyncio.Task[None] | None = None
        self._begun = -math.inf
        """When the last reading began, in the event loop's seconds."""

    async def find(self, key: str) -> Caller | None:
        """Who holds this key; None for one that is unknown or revoked. Raises what kept the keys from being read."""
        while not self._is_fresh():
            await self._load()
        caller = self._known(key)
        if caller is None:
            await self._load_since_now()
            caller = self._known(key)
        return caller

    async def create(
        self, name: str, scopes: Sequence[Scope], *, source: str, sources: Sequence[str], csm: str | None, **more: Any
    ) -> str | None:
        """Make a key and return it, which nothing else ever does; None when the name has a live key already.

        `more` are further columns of its row, as `change` takes them.
        """
        key = self._new_key()
        row = {"name": name, "scopes": scopes, "source": source, "sources": sources, "csm": csm, **more}
        return key if await self._write(key, row, over_live=False) else None

    async def rotate(self, name: str, overlap: timedelta) -> str | None:
        """Give a live name another key and return it; the one before works for so long beside it.

        None where the name has no live key. The one before that ends: a name has two keys at most.
        """
        key, until = self._new_key(), self._clock.now() + overlap
        async with self._uow.begin() as c:
            self._secret = (await c.execute(_THE_SECRET)).scalar_one()
            given = {"hash": self._hash(key), "old_hash": _KEYS.c.hash, "old_until": until}
            done = await c.execute(update(_KEYS).where(*_is_live(name)).values(given))
        self._forget()
        return key if done.rowcount == 1 else None

    async def change(self, name: str, changes: Mapping[str, Any]) -> bool:
        """Change columns of a live key: `types`, `sources`, `events_per_second`, `largest`, `test`. False: no such."""
        async with self._uow.begin() as c:
            done = await c.execute(update(_KEYS).where(*_is_live(name)).values(dict(changes)))
        self._forget()
        return done.rowcount == 1

    async def ensure_admin(self, key: str) -> None:
        """Make the key from the settings the admin key, in place of the one before. One that was revoked stays so."""
        row = {"name": ADMIN, "scopes": ["admin"], "source": ADMIN, "sources": [], "csm": None}
        if await self._write(key, row, over_live=True):
            return
        if any(one.name == ADMIN and one.revoked_at is not None for one in await self.listed()):
            _LOG.error(
                "The admin key was revoked, and stays so. Set another KEEPWELL_ADMIN_KEY, or remove admin.key from "
                "KEEPWELL_HOME and start again: a new one is made."
            )

    async def revoke(self, name: str) -> bool:
        """End a name's keys, within 5 s everywhere. False when it has none that is live."""
        ended = {"revoked_at": self._clock.now(), "old_hash": None, "old_until": None}
        async with self._uow.begin() as c:
            done = await c.execute(update(_KEYS).where(*_is_live(name)).values(ended))
        self._forget()
        return done.rowcount == 1

    async def listed(self) -> Sequence[Row[Any]]:
        """The rows of every name, with the revoked ones, by name."""
        async with self._uow.begin() as c:
            return (await c.execute(_BY_NAME)).all()

    async def named(self, name: str) -> Caller | None:
        """Who has this name, also by a key that was revoked; None where none ever had."""
        return next((caller_of(row) for row in await self.listed() if row.name == name), None)

    def _new_key(self) -> str:
        return OURS + base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogateescape"), hashlib.sha256)

    def _known(self, key: str) -> Caller | None:
        # Looking a keyed hash up tells a guesser nothing through time: without the secret nobody can choose its bytes.
        hashed = self._hash(key)
        if (caller := self._live.get(hashed)) is None and (old := self._old.get(hashed)) is not None:
            caller, until = old
            return caller if self._clock.now() < until else None
        return caller

    def _is_fresh(self) -> bool:
        return self._loaded is not None and 0 <= (self._clock.now() - self._loaded).total_seconds() < self.fresh

    def _forget(self) -> None:
        """The keys have changed: what is known of them, and what is just being read, is old."""
        self._loaded, self._loading, self._begun = None, None, -math.inf

    async def _load_since_now(self) -> None:
        """Have the keys read as they are now or later, when the last reading is half a second old."""
        asked = asyncio.get_running_loop().time()
        await asyncio.sleep(self._begun + self.again - asked)
        while self._begun <= asked or not (self._loading is None or self._loading.done()):
            await self._load()

    async def _load(self) -> None:
        """Wait until the keys were read, by one for all. Raises what failed, and when it is overdue."""
        now = asyncio.get_running_loop().time()
        if self._loading is None or self._loading.done():
            self._begun, self._loading = now, asyncio.create_task(self._read())
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        loading = self._loading
        await asyncio.wait({loading}, timeout=self._begun + self.limit - now)
        if not loading.done():
            raise TimeoutError(f"The API keys could not be read within {self.limit:.0f} s.")
        loading.result()

    async def _read(self) -> None:
        now = self._clock.now()
        async with asyncio.timeout(self.limit):
            rows = await self._uow.once(_ALL)
        if self._loading is asyncio.current_task():
            self._secret = rows[0].secret if rows else b""
            live = [(r, caller_of(r)) for r in rows if r.revoked_at is None]
            self._live = {r.hash: caller for r, caller in live}
            self._old = {r.old_hash: (caller, r.old_until) for r, caller in live if r.old_hash is not None}
            self.sources = frozenset(name for r in rows for name in (r.name, r.source, *r.sources))
            self._loaded = now

    async def _write(self, key: str, row: Mapping[str, Any], *, over_live: bool) -> bool:
        """Give a name its key: over its live one, if that is another; or else only where it has none that is live."""
        async with self._uow.begin() as c:
            make = insert(_SECRET).values(id=1, value=self._random(32))
            await c.execute(make.on_conflict_do_nothing())
            self._secret = (await c.execute(_THE_SECRET)).scalar_one()
            made = {"hash": self._hash(key), "created_at": self._clock.now()}
            new = insert(_KEYS).values({**_BARE, **row, **made})
            put = new.on_conflict_do_update(
                index_elements=[_KEYS.c.name],
                set_={column.name: column for column in new.excluded if column.name != "name"},
                where=_KEYS.c.hash != new.excluded.hash if over_live else _KEYS.c.revoked_at.is_not(None),
            )
            done = (await c.execute(put.returning(_KEYS.c.name))).scalar_one_or_none() is not None
        self._forget()
        return done


def _is_live(name: str) -> tuple[ColumnElement[bool], ...]:
    return _KEYS.c.name == name, _KEYS.c.revoked_at.is_(None)


def key_in(authorization: str) -> str | None:
    """The key in an Authorization header: a bearer token, or the user name of Basic.

    It may be Basic's password where the user name is none of our keys, as clients have it that send a site and a key.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except ValueError:  # It is no Base64, not even ASCII, or no UTF-8.
            return None
        return (password if password.startswith(OURS) and not user.startswith(OURS) else user) or None
    return None


class KeyGate(Gate, SecurityBase):
    """The key that a route asks for, before it reads anything else; to FastAPI the `Caller` who holds it.

    It is a security scheme of OpenAPI by itself: others that it depended on would be called at each request.
    """

    mine = True
    model = HTTPBearer(description="`Authorization: Bearer KEY`")
    scheme_name = BEARER

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope = scope

    async def check(self, request: Request) -> None:
        """Raise 401 or 403. The app's `state.keys` is the `KeyStore`."""
        key = key_in(request.headers.get("authorization", ""))
        if key is None:
            words = "Send your API key as 'Authorization: Bearer KEY', or as the user name of Basic authentication."
            raise Problem(401, "no_key", words, headers=CHALLENGE)
        request.state.caller = await admitted(request.app.state.keys, key, self._scope)

    async def __call__(
        self,
        request: Request,
    ) -> Caller:
        """Who was let in."""
        caller: Caller = request.state.caller
        return caller


async def admitted(keys: KeyStore, key: str, scope: Scope) -> Caller:
    """Who holds the key, where it is known and has the scope. Raises problems: 401, 403."""
    found = await keys.find(key)
    if found is None:
        words = "This API key is not known here, or was revoked. `keepwell keys create` makes a new one."
        raise Problem(401, "unknown_key", words, headers=CHALLENGE)
    if not found.may(scope):
        has = ", ".join(sorted(found.scopes)) or "none"
        words = f"The key {found.name!r} may not do this: it needs the scope {scope!r} and has {has}."
        raise Problem(403, "scope_missing", words)
    return found


def require(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the `Caller`, or answers 401 or 403 before anything is read. Only for a `Route`."""
    return KeyGate(scope)


CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="keepwell"'}
