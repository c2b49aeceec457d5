"""What every receiver does: verifies who calls, does each thing once, lets nothing older win, and answers 2xx only when
the other system took it. Keepwell calls again after anything else.
"""

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import httpx
from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

PREFIX: Final = "keepwell_"
"""Begins all names that are set there. Keepwell ignores traits that begin so, should they come back to it."""
_HEALTH: Final = frozenset({"score", "band", "reason", "updated_at", "account_id"})
"""What no trait is called."""
_LOG: Final = logging.getLogger(__name__)
_KEPT: Final = timedelta(days=30)
"""Ids are remembered for so long: Keepwell tries for three days, and replays what somebody asks for again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be set about one account."""

    id: str
    """The webhook's id: the same however often it comes."""
    account_id: str
    at: datetime
    fields: Mapping[str, Any]
    """By names that begin with `keepwell_`; None clears one."""


class NotTaken(Exception):
    """The other system did not take it. The reason says why, and holds no secret."""

    def __init__(self, reason: str, *, busy: bool = False, after: str | None = None) -> None:
        super().__init__(reason)
        self.status = 503 if busy else 502
        self.after = after
        """Its own `Retry-After`, which is passed on."""


Apply = Callable[[Change], Awaitable[None]]
"""Sets it there, or raises `NotTaken`."""


class Memory:
    """What was done, in a file, so that a restart does nothing again."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, at REAL NOT NULL)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS newest (account TEXT, name TEXT, place REAL, PRIMARY KEY (account, name))"
        )

    def knows(self, id: str) -> bool:
        """Whether it was done."""
        return self._db.execute("SELECT 1 FROM done WHERE id = ?", (id,)).fetchone() is not None

    def newest(self, account: str, name: str) -> float | None:
        """The place in its order of what was set last."""
        found = self._db.execute("SELECT place FROM newest WHERE account = ? AND name = ?", (account, name)).fetchone()
        return None if found is None else float(found[0])

    def note(self, id: str, account: str, places: Mapping[str, float], now: float) -> None:
        """It was done."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (id, now))
        self._db.execute("DELETE FROM done WHERE at < ?", (now - _KEPT.total_seconds(),))
        rows = [(account, name, place) for name, place in places.items()]
        self._db.executemany("INSERT OR REPLACE INTO newest VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def receiver(secret: str, memory: Memory, apply: Apply, now: Callable[[], datetime]) -> FastAPI:
    """An app that takes `health.changed` and `traits.set` at `POST /keepwell`; `secret` is the endpoint's own."""
    verifier, app = Webhook(secret), FastAPI(openapi_url=None)
    locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @app.post("/keepwell")
    async def take(request: Request) -> Response:
        body = await request.body()
        try:
            verifier.verify(body, dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        id, event = request.headers["webhook-id"], json.loads(body)
        if event["type"] not in {"health.changed", "traits.set"}:
            return Response(status_code=204)
        account = event["data"]["account"]["id"]
        lock = locks.setdefault(account, asyncio.Lock())
        async with lock:
            if memory.knows(id):
                return Response(status_code=204)
            fields, places = _newer(event, account, memory)
            if fields:
                try:
                    await apply(Change(id, account, datetime.fromisoformat(event["timestamp"]), fields))
                except NotTaken as error:
                    _LOG.warning("%s of %s was not taken: %s", event["type"], account, error)
                    after = {"Retry-After": error.after} if error.after is not None else {}
                    return Response(str(error)[:500], error.status, after, "text/plain")
            memory.note(id, account, places, now().timestamp())
        return Response(status_code=204)

    return app


def _newer(event: Mapping[str, Any], account: str, memory: Memory) -> tuple[dict[str, Any], dict[str, float]]:
    """What of it is newer than what was set last, and its place in the order."""
    data = event["data"]
    if event["type"] == "health.changed":
        known = memory.newest(account, "health")
        if known is not None and data["rev"] <= known:
            return {}, {}
        return health_fields(event), {"health": float(data["rev"])}
    at = datetime.fromisoformat(event["timestamp"]).timestamp()
    fields = {called: value for name, value in data["traits"].items() if (called := named(name)) is not None}
    newer = {name: value for name, value in fields.items() if (memory.newest(account, name) or 0.0) < at}
    return newer, dict.fromkeys(newer, at)


def health_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """What a CRM shows of an account's health."""
    data = event["data"]
    # Without a score there is a reason for that, and else what moved it most.
    why = data.get("reason") or "; ".join(driver["reason"] for driver in data.get("drivers", [])[:3])
    return {
        "keepwell_score": data["score"],
        "keepwell_band": data["band"],
        "keepwell_reason": why[:255],
        "keepwell_updated_at": event["timestamp"],
    }


def named(trait: str) -> str | None:
    """What a trait is called there: `Risk reason` is `keepwell_risk_reason`. None: it has no letter that may stand in
    the name of a field."""
    name = re.sub(r"[^a-z0-9]+", "_", trait.lower()).strip("_").removeprefix(PREFIX)
    return f"{PREFIX}trait_{name}" if name in _HEALTH else f"{PREFIX}{name}" if name else None


def plain(value: Any) -> Any:
    """A value as a field takes it: a list as text."""
    return "; ".join(map(str, value)) if isinstance(value, list) else value


async def ask(client: httpx.AsyncClient, method: str, url: str, whom: str, **given: Any) -> httpx.Response:
    """Ask the other system. Raises `NotTaken` where it can't be reached, is busy, or broken; else its answer."""
    try:
        response = await client.request(method, url, **given)
    except httpx.RequestError as error:
        raise NotTaken(f"{whom} can't be reached ({type(error).__name__})", busy=True) from None
    if response.status_code == 429 or response.status_code >= 500:
        after = response.headers.get("retry-after")
        raise NotTaken(f"{whom} answered {response.status_code}", busy=True, after=after)
    return response
