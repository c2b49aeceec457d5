"""Keeps companies of HubSpot up to date with their health and traits.

    HUBSPOT_TOKEN=pat-… python -m examples.hubspot setup           # once: makes the properties
    HUBSPOT_TOKEN=pat-… KEEPWELL_WEBHOOK_SECRET=whsec_… python -m examples.hubspot

The token is a private app's, with the scopes `crm.objects.companies.write` and `crm.schemas.companies.write`. Each
company has its Keepwell id in the property `keepwell_account_id`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
import uvicorn
from fastapi import FastAPI

from examples.receiver import Change, Memory, NotTaken, ask, plain, receiver

URL: Final = "https://api.hubapi.com"
GROUP: Final = {"name": "keepwell", "label": "Keepwell"}
PROPERTIES: Final = (
    {"name": "keepwell_account_id", "label": "Keepwell account", "type": "string", "hasUniqueValue": True},
    {"name": "keepwell_score", "label": "Health score", "type": "number"},
    {"name": "keepwell_band", "label": "Health", "type": "string"},
    {"name": "keepwell_reason", "label": "Why the health changed", "type": "string"},
    {"name": "keepwell_updated_at", "label": "Health as of", "type": "datetime"},
)
"""Traits that playbooks set need one each, too: `keepwell_` and the trait's name."""
_FIELD_TYPES: Final = {"string": "text", "number": "number", "datetime": "date"}


class HubSpot:
    """HubSpot, as far as companies' properties go."""

    def __init__(self, client: httpx.AsyncClient, token: str, url: str = URL) -> None:
        self._client = client
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def apply(self, change: Change) -> None:
        """Set properties of the company that has this account's id."""
        path = f"/crm/v3/objects/companies/{quote(change.account_id, safe='')}?idProperty=keepwell_account_id"
        # An empty text clears a property.
        properties = {name: "" if value is None else plain(value) for name, value in change.fields.items()}
        response = await self._ask("PATCH", path, {"properties": properties})
        if response.status_code == 404:
            raise NotTaken(f"no company of HubSpot has the keepwell_account_id {change.account_id}")
        if response.status_code != 200:
            raise NotTaken(_refused(response))

    async def set_up(self) -> None:
        """Make the properties, as far as they are not there."""
        kind = "/crm/v3/properties/companies"
        wanted: list[tuple[str, Mapping[str, Any]]] = [(f"{kind}/groups", GROUP)]
        for one in PROPERTIES:
            wanted.append((kind, {**one, "groupName": GROUP["name"], "fieldType": _FIELD_TYPES[str(one["type"])]}))
        for path, body in wanted:
            response = await self._ask("POST", path, body)
            if response.status_code not in {201, 409}:
                raise NotTaken(_refused(response))

    async def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return await ask(self._client, method, f"{self._url}{path}", "HubSpot", json=body, headers=self._headers)


def _refused(response: httpx.Response) -> str:
    """Which property it doesn't know, or what else it minds."""
    try:
        said = str(response.json().get("message", ""))[:300]
    except ValueError:
        said = ""
    return f"HubSpot answered {response.status_code} {said}".strip()


def app() -> FastAPI:
    """The receiver, as the environment has it."""
    hubspot = HubSpot(httpx.AsyncClient(timeout=10), os.environ["HUBSPOT_TOKEN"], os.environ.get("HUBSPOT_URL", URL))
    memory = Memory(os.environ.get("KEEPWELL_RECEIVER_STATE", "hubspot.sqlite3"))
    return receiver(os.environ["KEEPWELL_WEBHOOK_SECRET"], memory, hubspot.apply, lambda: datetime.now(UTC))


async def _set_up() -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        await HubSpot(client, os.environ["HUBSPOT_TOKEN"], os.environ.get("HUBSPOT_URL", URL)).set_up()


if __name__ == "__main__":
    if sys.argv[1:] == ["setup"]:
        asyncio.run(_set_up())
    else:
        uvicorn.run(app(), port=int(os.environ.get("PORT", "8090")))
