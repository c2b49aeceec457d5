"""Prefect's own server with two automations: an event about an account notifies a webhook block, or calls a webhook.

It keeps to its defaults, SQLite and the broker in its memory: on PostgreSQL it needs `pg_trgm`, which the wheel's
server does not have, and another broker means Redis. Of two calls of the action `call-webhook` at once the first to
end closes the connections of both (3.9.1), and what fails is not tried again: so some of its messages do not come.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from bench.peers.environment import Unavailable, python_of
from deploy.local.system import LOOPBACK
from tests.support.ports import free_ports

_LOCK: Final = Path(__file__).with_name("prefect.lock")
_STARTS_WITHIN: Final = 180
_EVENT: Final = "keepwell.feedback.nps"
_TEXT: Final = "{{ event.resource.name }}: a detractor answered"
_OF: Final = "{{ event.resource.id }}"
_UNUSED: Final = (
    "ANALYTICS",
    "UI",
    "EVENTS_STREAM_OUT",
    "SERVICES_SCHEDULER",
    "SERVICES_LATE_RUNS",
    "SERVICES_FOREMAN",
    "SERVICES_CANCELLATION_CLEANUP",
    "SERVICES_PAUSE_EXPIRATIONS",
    "SERVICES_TASK_RUN_RECORDER",
)
"""What no automation needs, of which some reads every event."""
SETTINGS: Final = {f"PREFECT_SERVER_{name}_ENABLED": "false" for name in _UNUSED} | {
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
}


class Road:
    """One of its ways to the sink."""

    def __init__(self, name: str, prefix: str, pid: int, url: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self.pids = [pid]
        self._prefix = prefix
        self._url = f"{url}/events"
        self._client = client

    def channel(self, number: int) -> str:
        """How an account's message is known at the sink."""
        return f"{self._prefix}-{number}"

    async def post(self, numbers: Sequence[int]) -> None:
        """An answer of each account, in one request."""
        answer = await self._client.post(self._url, json=[event(self.channel(number)) for number in numbers])
        answer.raise_for_status()


class Prefect:
    """The server, on loopback only; `sink` is the address that its automations tell."""

    def __init__(self, home: Path, sink: str) -> None:
        self._home = home
        self._sink = sink
        self._port = free_ports(1)
        self._url = f"http://{LOOPBACK}:{self._port}/api"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make its environment, start it, and tell it what to do. Raises `Unavailable`."""
        python = python_of(_LOCK)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self._home.mkdir()
        with (self._home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [python, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(self._port)],
                env={**kept, **SETTINGS, "PREFECT_HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with httpx.Client(timeout=30) as client:
            self._await_health(client, self._process)
            self._automate(client)

    def _await_health(self, client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(f"{self._url}/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise Unavailable(f"its server does not answer within {_STARTS_WITHIN} s")

    def _automate(self, client: httpx.Client) -> None:
        def ask(method: str, path: str, body: Any = None) -> Any:
            return client.request(method, self._url + path, json=body).raise_for_status().json()

        def block(slug: str, data: dict[str, Any]) -> str:
            kind = ask("GET", f"/block_types/slug/{slug}")["id"]
            schemas = ask("POST", "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})
            of = {"block_type_id": kind, "block_schema_id": schemas[0]["id"]}
            return str(ask("POST", "/block_documents/", {"name": "sink", "data": data, **of})["id"])

        told = {"url": self._sink, "method": "POST"}
        message = {"channel": "{{subject}}", "text": "{{body}}"}
        ask("POST", "/automations/", notifying(block("custom-webhook", {**told, "name": "sink", "json_data": message})))
        ask("POST", "/automations/", calling(block("webhook", told)))

    def roads(self, client: httpx.AsyncClient) -> list[Road]:
        """Both, once it runs."""
        assert self._process is not None
        pid = self._process.pid
        return [
            Road("Prefect, notification", "notified", pid, self._url, client),
            Road("Prefect, webhook", "called", pid, self._url, client),
        ]

    def stop(self) -> None:
        """End its process, where it has one."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)


def notifying(block: str) -> dict[str, Any]:
    """The first of the two: the block is told as a Slack block would be."""
    return _automation(
        "notified", {"type": "send-notification", "block_document_id": block, "subject": _OF, "body": _TEXT}
    )


def calling(block: str) -> dict[str, Any]:
    """The second: a POST by the action itself."""
    payload = f'{{"channel": "{_OF}", "text": "{_TEXT}"}}'
    return _automation("called", {"type": "call-webhook", "block_document_id": block, "payload": payload})


def _automation(prefix: str, action: dict[str, Any]) -> dict[str, Any]:
    """Of each account by itself, a detractor's answer at once leads to the action."""
    return {
        "name": f"A detractor answered: {prefix}",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": [_EVENT],
            "match": {"prefect.resource.id": f"{prefix}-*", "keepwell.group": "detractor"},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [action],
    }


def event(account: str) -> dict[str, Any]:
    """A detractor's answer, as Prefect takes events."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": _EVENT,
        "resource": {
            "prefect.resource.id": account,
            "prefect.resource.name": f"Account {account}",
            "keepwell.group": "detractor",
        },
        "payload": {"score": 2, "comment": "third time"},
    }
