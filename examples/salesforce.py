"""Keeps accounts of Salesforce up to date with their health and traits.

    SALESFORCE_URL=https://acme.my.salesforce.com SALESFORCE_CLIENT_ID=… SALESFORCE_CLIENT_SECRET=… \\
    KEEPWELL_WEBHOOK_SECRET=whsec_… python -m examples.salesforce

The client is an external client app with the OAuth client credentials flow, whose user may edit accounts. Fields of
Account, made once in Setup: `Keepwell_Account_Id__c` (text, unique, external id), `Keepwell_Score__c` (number, 5.2),
`Keepwell_Band__c` (text), `Keepwell_Reason__c` (text, 255), `Keepwell_Updated_At__c` (date/time); and one for each
trait that playbooks set, `Keepwell_Risk_Reason__c` for `risk_reason`.
"""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
import uvicorn
from fastapi import FastAPI

from examples.receiver import PREFIX, Change, Memory, NotTaken, ask, plain, receiver

VERSION: Final = "v62.0"
_BUSY: Final = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"})


class Salesforce:
    """Salesforce, as far as fields of accounts go."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, client_id: str, secret: str, version: str = VERSION
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._credentials = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        self._version = version
        self._token: str | None = None
        self._lock = asyncio.Lock()

    async def apply(self, change: Change) -> None:
        """Set fields of the account that has this id."""
        token = await self._login(None)
        response = await self._patch(change, token)
        if response.status_code == 401:
            # Tokens end when the session does.
            response = await self._patch(change, await self._login(token))
        if response.is_success:
            return
        if response.status_code == 300:
            raise NotTaken(f"several accounts of Salesforce have the Keepwell_Account_Id__c {change.account_id}")
        codes, said = _read(response)
        if response.status_code == 404:
            raise NotTaken(f"no account of Salesforce has the Keepwell_Account_Id__c {change.account_id}")
        raise NotTaken(f"Salesforce answered {response.status_code} {said}".strip(), busy=bool(codes & _BUSY))

    async def _patch(self, change: Change, token: str) -> httpx.Response:
        # Without `updateOnly` it would make an account of nothing but its health.
        key = quote(change.account_id, safe="")
        path = f"/services/data/{self._version}/sobjects/Account/Keepwell_Account_Id__c/{key}?updateOnly=true"
        fields = {field(name): plain(value) for name, value in change.fields.items()}
        return await self._ask("PATCH", path, json=fields, headers={"Authorization": f"Bearer {token}"})

    async def _login(self, stale: str | None) -> str:
        """A token; another than the one that is not taken any more."""
        async with self._lock:
            if self._token is None or self._token == stale:
                response = await self._ask("POST", "/services/oauth2/token", data=self._credentials)
                if response.status_code != 200:
                    raise NotTaken(f"Salesforce refuses the client's id or secret ({response.status_code})")
                self._token = str(response.json()["access_token"])
            return self._token

    async def _ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        return await ask(self._client, method, f"{self._url}{path}", "Salesforce", **given)


def field(name: str) -> str:
    """`keepwell_risk_reason` is `Keepwell_Risk_Reason__c` there."""
    words = name.removeprefix(PREFIX).split("_")
    return "_".join(["Keepwell", *(word.capitalize() for word in words if word)]) + "__c"


def _read(response: httpx.Response) -> tuple[set[str], str]:
    """The codes of what went wrong, and the first in words."""
    try:
        errors = [one for one in response.json() if isinstance(one, dict)]
    except (ValueError, TypeError):
        return set(), ""
    said = [f"{one.get('errorCode', '')}: {one.get('message', '')}"[:300] for one in errors]
    return {str(one.get("errorCode", "")) for one in errors}, said[0] if said else ""


def app() -> FastAPI:
    """The receiver, as the environment has it."""
    salesforce = Salesforce(
        httpx.AsyncClient(timeout=10),
        os.environ["SALESFORCE_URL"],
        os.environ["SALESFORCE_CLIENT_ID"],
        os.environ["SALESFORCE_CLIENT_SECRET"],
        os.environ.get("SALESFORCE_API_VERSION", VERSION),
    )
    memory = Memory(os.environ.get("KEEPWELL_RECEIVER_STATE", "salesforce.sqlite3"))
    return receiver(os.environ["KEEPWELL_WEBHOOK_SECRET"], memory, salesforce.apply, lambda: datetime.now(UTC))


if __name__ == "__main__":
    uvicorn.run(app(), port=int(os.environ.get("PORT", "8090")))
