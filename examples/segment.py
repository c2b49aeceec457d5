"""Tells a customer-data platform, Segment or one that takes the same, accounts' health and traits.

    SEGMENT_WRITE_KEY=… KEEPWELL_WEBHOOK_SECRET=whsec_… python -m examples.segment

Each is a `group` call with traits that begin with `keepwell_`. `SEGMENT_URL` is another's address, such as that of a
RudderStack data plane.
"""

import os
from datetime import UTC, datetime
from typing import Final

import httpx
import uvicorn
from fastapi import FastAPI

from examples.receiver import Change, Memory, NotTaken, ask, receiver

URL: Final = "https://api.segment.io"


class Segment:
    """Segment, as far as groups' traits go."""

    def __init__(self, client: httpx.AsyncClient, write_key: str, url: str = URL) -> None:
        self._client = client
        self._auth = httpx.BasicAuth(write_key, "")
        self._url = url.rstrip("/")

    async def apply(self, change: Change) -> None:
        """Tell the traits of the group that is this account."""
        body = {
            "groupId": change.account_id,
            # No person is meant, and one must be named.
            "anonymousId": "keepwell",
            "traits": dict(change.fields),
            "timestamp": change.at.isoformat(),
            # It, too, does nothing twice.
            "messageId": change.id,
        }
        response = await ask(self._client, "POST", f"{self._url}/v1/group", "Segment", json=body, auth=self._auth)
        if not response.is_success:
            raise NotTaken(f"Segment answered {response.status_code}")


def app() -> FastAPI:
    """The receiver, as the environment has it."""
    url = os.environ.get("SEGMENT_URL", URL)
    segment = Segment(httpx.AsyncClient(timeout=10), os.environ["SEGMENT_WRITE_KEY"], url)
    memory = Memory(os.environ.get("KEEPWELL_RECEIVER_STATE", "segment.sqlite3"))
    return receiver(os.environ["KEEPWELL_WEBHOOK_SECRET"], memory, segment.apply, lambda: datetime.now(UTC))


if __name__ == "__main__":
    uvicorn.run(app(), port=int(os.environ.get("PORT", "8090")))
