"""API keys: who calls, and what they may do.

A key is `kw_` and 256 random bits. The table `access.keys` holds only an HMAC-SHA256 of it under a secret of this
installation, which is made once and kept beside it in `access.secret`: so a hash can't be looked up in anyone else's
table, and the admin key can be changed without touching the others. Every service may read the schema; ingest
writes it. A name outlives its keys: it is the default source of what is sent, so a revoked name can get a new key.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials, HTTPBase
from sqlalchemy import text

from shared.clock import Clock
from shared.messages.tracing import RandomBytes
from shared.pg.uow import UnitOfWork
from shared.settings import SettingsError
from shared.web.problems import Problem
from shared.web.routes import Gate

Scope = Literal["ingest", "read", "operate", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

ADMIN: Final = "admin"
"""The name of the key that comes from the settings."""
SHORTEST: Final = 16
_LOG = logging.getLogger(__name__)

_LIVE = text(
    """
    SELECT hash, name, scopes, source, csm, (SELECT value FROM access.secret) AS secret
    FROM access.keys WHERE revoked_at IS NULL
    """
)
_LIST = text("SELECT name, scopes, source, csm, created_at, revoked_at FROM access.keys ORDER BY name")
_REVOKE = text("UPDATE access.keys SET revoked_at = :now WHERE name = :name AND revoked_at IS NULL")
_SECRET = text("SELECT value FROM access.secret")
_MAKE_SECRET = text("INSERT INTO access.secret (id, value) VALUES (1, :value) ON CONFLICT DO NOTHING")
_WRITE = text(
    """
    INSERT INTO access.keys AS k (name, hash, scopes, source, csm, created_at)
    VALUES (:name, :hash, :scopes, :source, :csm, :now)
    ON CONFLICT (name) DO UPDATE
    SET hash = excluded.hash, scopes = excluded.scopes, source = excluded.source, csm = excluded.csm,
        created_at = excluded.created_at, revoked_at = NULL
    WHERE CASE WHEN :over_live THEN k.hash <> excluded.hash ELSE k.revoked_at IS NOT NULL END
    RETURNING name
    """
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds the key. `source` is the default source of their events; `csm` the e-mail of the CSM who holds it."""

    name: str
    scopes: frozenset[str]
    source: str
    csm: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the key has the scope; admin has them all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is listed: everything but the key itself."""

    name: str
    scopes: Sequence[str]
    source: str
    csm: str | None
    created_at: datetime
    revoked_at: datetime | None


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

    async def create(self, name: str, scopes: Sequence[Scope], source: str | None, csm: str | None) -> str | None:
        """Make a key and return it, which nothing else ever does; None when the name has a live key already."""
        key = "kw_" + base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        return key if await self._write(name, key, scopes, source, csm, over_live=False) else None

    async def ensure_admin(self, key: str) -> None:
        """Make the key from the settings the admin key, in place of the one before. One that was revoked stays so."""
        if len(key) < SHORTEST:
            raise SettingsError(f"KEEPWELL_ADMIN_KEY is too short: give it {SHORTEST} characters or more.")
        if await self._write(ADMIN, key, ["admin"], None, None, over_live=True):
            return
        if any(one.name == ADMIN and one.revoked_at is not None for one in await self.listed()):
            _LOG.error(
                "The admin key was revoked, and stays so. Set another KEEPWELL_ADMIN_KEY, or remove admin.key from "
                "KEEPWELL_HOME and start again: a new one is made."
            )

    async def revoke(self, name: str) -> bool:
        """End a key, within 5 s everywhere. False when the name has no live key."""
        async with self._uow.begin() as c:
            done = await c.execute(_REVOKE, {"name": name, "now": self._clock.now()})
        self._forget()
        return done.rowcount == 1

    async def listed(self) -> list[Key]:
        """Every name, with the revoked ones, by name."""
        async with self._uow.begin() as c:
            return [Key(*row) for row in await c.execute(_LIST)]

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogateescape"), hashlib.sha256)

    def _known(self, key: str) -> Caller | None:
        # Looking a keyed hash up tells a guesser nothing through time: without the secret nobody can choose its bytes.
        return self._live.get(self._hash(key))

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
            rows = await self._uow.once(_LIVE)
        if self._loading is asyncio.current_task():
            self._secret = rows[0].secret if rows else b""
            self._live = {r.hash: Caller(r.name, frozenset(r.scopes), r.source, r.csm) for r in rows}
            self._loaded = now

    async def _write(
        self, name: str, key: str, scopes: Sequence[str], source: str | None, csm: str | None, *, over_live: bool
    ) -> bool:
        async with self._uow.begin() as c:
            await c.execute(_MAKE_SECRET, {"value": self._random(32)})
            self._secret = (await c.execute(_SECRET)).scalar_one()
            row = {"name": name, "hash": self._hash(key), "scopes": list(scopes), "source": source or name, "csm": csm}
            written = await c.execute(_WRITE, {**row, "now": self._clock.now(), "over_live": over_live})
            done = written.scalar_one_or_none() is not None
        self._forget()
        return done


_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", description="`Authorization: Bearer KEY`")


class _Basic(HTTPBase):
    """Basic authentication as the document describes it; read leniently, because clients differ."""


_basic = _Basic(scheme="basic", scheme_name="Basic", description="The key as the user name.", auto_error=False)


def key_in(authorization: str) -> str | None:
    """The key in an Authorization header: a bearer token, or the user name of Basic."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


class _Key(Gate):
    """The key that a route asks for, before it reads anything else; to FastAPI the `Caller` who holds it."""

    mine = True

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope = scope

    async def check(self, request: Request) -> None:
        """Raise 401 or 403. The app's `state.keys` is the `KeyStore`."""
        key = key_in(request.headers.get("authorization", ""))
        if key is None:
            words = "Send your API key as 'Authorization: Bearer KEY', or as the user name of Basic authentication."
            raise Problem(401, "no_key", words, headers=_CHALLENGE)
        keys: KeyStore = request.app.state.keys
        found = await keys.find(key)
        if found is None:
            words = "This API key is not known here, or was revoked. `keepwell keys create` makes a new one."
            raise Problem(401, "unknown_key", words, headers=_CHALLENGE)
        if not found.may(self._scope):
            has = ", ".join(sorted(found.scopes)) or "none"
            words = f"The key {found.name!r} may not do this: it needs the scope {self._scope!r} and has {has}."
            raise Problem(403, "scope_missing", words)
        request.state.caller = found

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        __: Annotated[HTTPAuthorizationCredentials | None, Depends(_basic)],
    ) -> Caller:
        """Who was let in."""
        caller: Caller = request.state.caller
        return caller


def require(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the `Caller`, or answers 401 or 403 before anything is read. Only for a `Route`."""
    return _Key(scope)


_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="keepwell"'}
