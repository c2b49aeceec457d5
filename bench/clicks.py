"""From a click in Slack to the message that says what came of it: 20 a second, each of another CSM on another message.

First every account's owner gets a message of a detractor, with its buttons, from a Slack that remembers them. Then they
press "take": a signed request to ingest, the moved task, and the changed message.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from bench import latency
from bench.latency import Sink, answers, channel, known, listening, steadily
from bench.report import Row, percentile
from shared.clock import SystemClock
from tests.support.clicks import SIGNING_SECRET, TEAM, signed
from tests.support.stack import Stack

RATE: Final = 20
_MOVE: Final = "take"
_POSTED: Final = 50
"""Messages a second, before anybody clicks."""


class Slack(Sink):
    """Remembers the button of each message that is posted, and when each was first changed."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, dict[str, Any]] = {}
        self.changed = Sink()

    def take(self, method: str, said: dict[str, Any]) -> dict[str, Any]:
        """Answer as Slack does."""
        if method == "chat.postMessage":
            elements = [one for block in said["blocks"] for one in block.get("elements", [])]
            self.buttons[said["channel"]] = next(one for one in elements if one.get("action_id") == _MOVE)
            return super().take(method, said)
        if method == "chat.update":
            self.changed.came.setdefault(said["channel"], time.perf_counter())
            return {"ok": True, "channel": said["channel"], "ts": said["ts"]}
        return {"ok": True, "team_id": TEAM, "user": {"id": "U0", "tz": "UTC", "profile": {}}}


def measure(make: Callable[..., Stack], kind: str, seconds: int) -> list[Row]:
    """Post a message for each click, then click at a steady rate."""
    return asyncio.run(_measure(make, kind, min(seconds, (latency.ACCOUNTS - 1) // RATE)))


async def _measure(make: Callable[..., Stack], kind: str, seconds: int) -> list[Row]:
    interactive = {
        "KEEPWELL_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "KEEPWELL_PUBLIC_URL": "https://keepwell.example.com",
        "KEEPWELL_LINK_KEYS": "k" * 32,
    }
    slack, clicks = Slack(), range(RATE * seconds)
    async with listening(slack), known(make, slack, **interactive) as stack:
        await answers(stack, slack, clicks, _POSTED)
        url = stack.url("ingest", "/v1/webhooks/slack")
        async with httpx.AsyncClient(timeout=30) as client:

            async def click(number: int) -> None:
                body, headers = signed(_pressed(slack.buttons[channel(number)], number), at=SystemClock().now())
                (await client.post(url, content=body, headers=headers)).raise_for_status()

            took = await steadily(click, channel, slack.changed, clicks, RATE)
    where = f"{kind}, {RATE} clicks/s"
    return [
        Row(where, "messages that say who took it", f"{len(took):,} of {len(clicks):,}", f"{len(clicks):,}"),
        Row(where, "click to changed message: p50", f"{percentile(took, 0.5) * 1000:.0f} ms"),
        Row(where, "... p99", f"{percentile(took, 0.99) * 1000:.0f} ms", "< 300 ms"),
    ]


def _pressed(button: dict[str, Any], number: int) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": channel(number), "team_id": TEAM},
        "team": {"id": TEAM},
        "trigger_id": f"1.2.{number}",
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [{**button, "action_ts": f"1763457250.{number:06}"}],
    }
    return json.dumps(payload)
