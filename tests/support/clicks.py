"""What Slack sends when somebody presses a button or sends a form, and a Slack that shows forms and knows people."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from slack_sdk.signature import SignatureVerifier

from shared.messages.actions import Colleague
from shared.messages.moves import Handle
from shared.messages.preferences import BUTTON, Asked
from tests.support.stream import NOON, SetClock

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM = "T0123TEAM"
HOOK = "https://hooks.slack.test/actions/T0123TEAM/1/verysecret"
TO = [Colleague(id="csm-4", name="Sam"), Colleague(id="csm-5", name="Robin")]


def a_handle(**changes: Any) -> Handle:
    fields: dict[str, Any] = {
        "item_id": "tsk-41",
        "account_id": "northwind",
        "kind": "task",
        "title": "Northwind: call their admin",
        "to": TO,
    }
    return Handle(**(fields | changes))


def a_click(move: str, handle: Handle | None = None, **changes: Any) -> dict[str, Any]:
    """As Slack documents `block_actions`, of a message."""
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": "U012AB3CD", "username": "dana", "name": "dana", "team_id": TEAM},
        "api_app_id": "A02",
        "token": "Shh_its_a_seekrit",
        "container": {
            "type": "message",
            "message_ts": "1763457240.000100",
            "channel_id": "C01",
            "is_ephemeral": False,
        },
        "trigger_id": "12466734323.1395872398.t1",
        "team": {"id": TEAM, "domain": "ourselves"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": "C01", "name": "customer-success"},
        "message": {"bot_id": "B01", "type": "message", "text": "Northwind", "ts": "1763457240.000100", "blocks": []},
        "state": {"values": {}},
        "response_url": HOOK,
        "actions": [
            {
                "action_id": move,
                "block_id": "moves",
                "text": {"type": "plain_text", "text": "Take it", "emoji": True},
                "value": (handle or a_handle()).encode(),
                "type": "button",
                "action_ts": "1763457250.123456",
            }
        ],
    }
    return payload | changes


def a_submission(view: dict[str, Any], **values: dict[str, Any]) -> dict[str, Any]:
    """As Slack documents `view_submission`: the view that was opened comes back, with what was filled in."""
    state = {
        block["block_id"]: {"value": {"type": block["element"]["type"], **values.get(block["block_id"], {})}}
        for block in view["blocks"]
        if block["type"] == "input"
    }
    return {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "ourselves"},
        "user": {"id": "U012AB3CD", "username": "dana", "name": "dana", "team_id": TEAM},
        "api_app_id": "A02",
        "token": "Shh_its_a_seekrit",
        "trigger_id": "9.9.t2",
        "view": {**view, "id": "V01", "team_id": TEAM, "hash": "1.a", "state": {"values": state}},
        "response_urls": [],
        "is_enterprise_install": False,
        "enterprise": None,
    }


def a_preferences_click(asked: Asked, **changes: Any) -> dict[str, Any]:
    """The same of the button that asks when somebody wants to hear."""
    payload = a_click(BUTTON, **changes)
    payload["actions"][0] |= {"value": asked.encode()}
    return payload


def as_shown(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What Slack sends of fields that nobody touched: what they began with."""
    elements = {one["block_id"]: one["element"] for one in view["blocks"] if one["type"] == "input"}
    return {
        name: {said.replace("initial", "selected"): value for said, value in one.items() if said.startswith("initial_")}
        for name, one in elements.items()
    }


def at(clock: str) -> dict[str, Any]:
    return {"selected_time": clock}


def chosen(value: str) -> dict[str, Any]:
    return {"selected_option": {"text": {"type": "plain_text", "text": value}, "value": value}}


def signed(payload: Any, *, at: datetime = NOON, secret: str = SIGNING_SECRET) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a request of Slack's, signed by Slack's own library."""
    body = urlencode({"payload": payload if isinstance(payload, str) else json.dumps(payload)}).encode()
    stamp = str(int(at.timestamp()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    assert signature is not None
    return body, {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": signature,
        "authorization": "",
    }


def a_user(**changes: Any) -> dict[str, Any]:
    """As `users.info` tells of somebody."""
    user = {
        "id": "U012AB3CD",
        "team_id": TEAM,
        "name": "dana",
        "tz": "Europe/Berlin",
        "profile": {"email": "dana@example.com", "real_name": "Dana"},
    }
    return user | changes


@dataclass
class FormSlack:
    """Slack's `views.open`, `users.info`, `auth.test` and a `response_url`. A trigger opens one form, within 3 s."""

    clock: SetClock
    clicked_at: dict[str, datetime] = field(default_factory=dict)
    """When each trigger was made; one that isn't here is of now."""
    used: set[str] = field(default_factory=set)
    users: dict[str, dict[str, Any]] = field(default_factory=lambda: {"U012AB3CD": a_user()})
    enterprise: str | None = None
    broken: set[str] = field(default_factory=set)
    """Methods that answer something else."""
    views: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """While it isn't set, nobody is answered."""

    def __post_init__(self) -> None:
        self.answers.set()

    def open(self, fields: dict[str, str]) -> dict[str, Any]:
        trigger = fields["trigger_id"]
        if self.clock.now() - self.clicked_at.get(trigger, self.clock.now()) > timedelta(seconds=3):
            return {"ok": False, "error": "expired_trigger_id"}
        if trigger in self.used:
            return {"ok": False, "error": "exchanged_trigger_id"}
        self.used.add(trigger)
        self.views.append(json.loads(fields["view"]))
        return {"ok": True, "view": {"id": "V01"}}

    def info(self, fields: dict[str, str]) -> dict[str, Any]:
        user = self.users.get(fields["user"])
        return {"ok": True, "user": user} if user else {"ok": False, "error": "user_not_found"}

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/api/{method}")
        async def call(method: str, request: Request) -> JSONResponse:
            self.asked.append(method)
            self.tokens.add(request.headers["authorization"])
            await self.answers.wait()
            if method in self.broken:
                return JSONResponse("a proxy's own words", 502)
            fields = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            test = {"ok": True, "team_id": TEAM, "user_id": "U0BOT", "enterprise_id": self.enterprise}
            answers: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
                "views.open": self.open,
                "users.info": self.info,
                "auth.test": lambda _: test,
            }
            return JSONResponse(answers[method](fields))

        @app.post("/actions/{path:path}")
        async def hear(request: Request) -> Response:
            self.told.append((await request.json())["text"])
            return Response("ok")

        return app


@asynccontextmanager
async def a_form_slack(clock: SetClock) -> AsyncIterator[tuple[FormSlack, httpx.AsyncClient]]:
    """It, and the client that reaches it wherever it goes."""
    slack = FormSlack(clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(slack.app()), timeout=2.0) as http:
        yield slack, http
