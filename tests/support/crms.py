"""What stands for HubSpot, Salesforce and Segment in tests: their documented shapes, statuses and errors."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx

TOKEN = "pat-very-secret"


@dataclass
class Fake:
    """Answers requests; `answers` are used up first."""

    answers: list[httpx.Response] = field(default_factory=list)
    got: list[httpx.Request] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        """A client that this answers, whatever the address."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._take))

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        return self.answers.pop(0) if self.answers else self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError


@dataclass
class FakeHubSpot(Fake):
    """`/crm/v3`: companies by a unique property, and their properties. `companies` are by their account's id."""

    companies: dict[str, dict[str, str]] = field(default_factory=dict)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _hubspot(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        body = json.loads(request.content)
        if request.url.path == "/crm/v3/properties/companies/groups":
            return self._make(self.groups, body["name"], request)
        if request.url.path == "/crm/v3/properties/companies":
            if body["groupName"] not in self.groups or not {"label", "type", "fieldType"} <= body.keys():
                return _hubspot(400, "VALIDATION_ERROR", "There is no such group, or a field is missing.")
            answer = self._make(set(self.properties), body["name"], request)
            self.properties.setdefault(body["name"], body)
            return answer
        place = re.fullmatch(rb"/crm/v3/objects/companies/([^/?]+)\?idProperty=(\w+)", request.url.raw_path)
        if request.method != "PATCH" or place is None or not self._is_unique(place[2].decode()):
            return _hubspot(404, "OBJECT_NOT_FOUND", "resource not found")
        return self._update(unquote(place[1].decode()), body["properties"])

    def _is_unique(self, name: str) -> bool:
        return bool(self.properties.get(name, {}).get("hasUniqueValue"))

    def _update(self, id: str, properties: dict[str, Any]) -> httpx.Response:
        if id not in self.companies:
            return _hubspot(404, "OBJECT_NOT_FOUND", "resource not found")
        if unknown := [name for name in properties if name not in self.properties]:
            return _hubspot(400, "VALIDATION_ERROR", f'Property "{unknown[0]}" does not exist')
        self.companies[id] |= {name: str(value) for name, value in properties.items()}
        return httpx.Response(200, json={"id": "123", "properties": self.companies[id], "archived": False})

    def _make(self, known: set[str], name: str, request: httpx.Request) -> httpx.Response:
        if name in known:
            return _hubspot(409, "OBJECT_ALREADY_EXISTS", f"{name} already exists")
        known.add(name)
        return httpx.Response(201, content=request.content)


@dataclass
class FakeSalesforce(Fake):
    """The REST API: OAuth client credentials, and accounts by an external id. `accounts` are by it."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: set[str] = field(
        default_factory=lambda: {f"Keepwell_{one}__c" for one in ("Score", "Band", "Reason", "Updated_At")}
    )
    tokens: int = 0
    """How many were given: the last counts."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/services/oauth2/token":
            given = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            if given != {"grant_type": "client_credentials", "client_id": "app", "client_secret": TOKEN}:
                return httpx.Response(400, json={"error": "invalid_client"})
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"session-{self.tokens}", "token_type": "Bearer"})
        if request.headers.get("authorization") != f"Bearer session-{self.tokens}":
            return salesforce(401, "INVALID_SESSION_ID", "Session expired or invalid")
        place = rb"/services/data/v\d+\.0/sobjects/Account/Keepwell_Account_Id__c/([^/?]+)\?updateOnly=true"
        found = re.fullmatch(place, request.url.raw_path)
        if request.method != "PATCH" or found is None or (id := unquote(found[1].decode())) not in self.accounts:
            return salesforce(404, "NOT_FOUND", "The requested resource does not exist")
        values = json.loads(request.content)
        if unknown := values.keys() - self.fields:
            return salesforce(400, "INVALID_FIELD", f"No such column '{min(unknown)}' on sobject of type Account")
        self.accounts[id] |= values
        return httpx.Response(204)


@dataclass
class FakeSegment(Fake):
    """`/v1/group`."""

    groups: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Basic {base64.b64encode(f'{TOKEN}:'.encode()).decode()}":
            return httpx.Response(401, json={"success": False})
        body = json.loads(request.content)
        if request.url.path != "/v1/group" or not {"groupId", "traits"} <= body.keys() or "anonymousId" not in body:
            return httpx.Response(400, json={"success": False})
        self.groups.append(body)
        return httpx.Response(200, json={"success": True})


def _hubspot(status: int, category: str, message: str) -> httpx.Response:
    said = {"status": "error", "message": message, "category": category, "correlationId": "c-1"}
    return httpx.Response(status, json=said)


def salesforce(status: int, code: str, message: str) -> httpx.Response:
    """An error as Salesforce says it."""
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])
