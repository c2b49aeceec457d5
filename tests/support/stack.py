"""The four services as real processes over one database and one broker, to be posted to, killed and asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx

from tests.support.logins import as_service
from tests.support.ports import free_ports

SERVICES = ("ingest", "scoring", "playbooks", "notifier")
PARTITIONS = 8
KEY = "kw_test-key-of-the-test-stack"
_MOST_PROCESSES = 3
"""Of one service, in a stack."""


def service_of(name: str) -> str:
    """The service of a process: scoring of `scoring-2`."""
    return name.partition("-")[0]


class Process(Protocol):
    """What a stack needs of a process that it started."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int, /) -> None: ...


class Stack:
    """Four processes. `broker` is `local` or Kafka's bootstrap servers; `extra` are further settings.

    A name such as `scoring-2` is another process of the same service, with ports of its own. What runs is this
    checkout's code, or that of `tree`.
    """

    def __init__(self, home: Path, database_url: str, broker: str = "local", **extra: str) -> None:
        self.home = home
        self.tree: Path | None = None
        self.database_url = database_url
        self.port = free_ports(len(SERVICES) * _MOST_PROCESSES)
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")},
            "KEEPWELL_HOME": str(home),
            "KEEPWELL_PORT": str(self.port),
            "KEEPWELL_BROKER": broker,
            "KEEPWELL_ADMIN_KEY": KEY,
            "PYTHONWARNINGS": "default",
            **extra,
        }
        self._running: dict[str, Process] = {}
        self.client = httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, timeout=15)

    def __enter__(self) -> "Stack":
        try:
            self.start(*SERVICES)
        except BaseException:
            for name in list(self._running):
                self.kill(name)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.stop(*list(self._running))

    def url(self, name: str, path: str = "") -> str:
        """The address of a service's path."""
        return f"http://127.0.0.1:{self._first_port(name) + SERVICES.index(service_of(name))}{path}"

    def _first_port(self, name: str) -> int:
        return self.port + len(SERVICES) * (int(name.partition("-")[2] or 1) - 1)

    def pids(self) -> list[int]:
        """The processes that run."""
        return [process.pid for process in self._running.values()]

    def names(self) -> list[str]:
        """The processes that run, by name."""
        return list(self._running)

    def start(self, *names: str, role: str = "all") -> None:
        """Start services and wait until each says that it is ready."""
        for name in names:
            env = {
                **self._env,
                "KEEPWELL_PORT": str(self._first_port(name)),
                "KEEPWELL_DATABASE_URL": as_service(self.database_url, service_of(name)),
            }
            module = f"services.{service_of(name)}.main"
            self._running[name] = self.launch(module, ["--role", role], env, self.home / f"{name}.log")
        for name in names:
            self.wait(lambda n=name: self._is_ready(n), f"{name} becomes ready", 60)  # type: ignore[misc]

    def launch(self, module: str, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
        """Start `python -m module arguments…` in an environment, with a log to append to."""
        with log.open("ab") as said:
            command = [sys.executable, "-m", module, *arguments]
            return subprocess.Popen(command, env=env, cwd=self.tree, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def _is_ready(self, service: str) -> bool:
        code = self._running[service].poll()
        assert code is None, f"{service} ended with {code}:\n{self.log(service)[-3000:]}"
        try:
            return self.client.get(self.url(service, "/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, service: str) -> None:
        """End a service as a crash does."""
        process = self._running.pop(service)
        process.kill()
        process.wait(10)

    def stop(self, *services: str) -> None:
        """End services as an operator does; each must end by itself within 12 s."""
        stopped = {service: self._running.pop(service) for service in services}
        for process in stopped.values():
            process.send_signal(signal.SIGTERM)
        late = []
        for service, process in stopped.items():
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
                late.append(service)
        assert not late, f"{late} did not end within 12 s of SIGTERM"

    def log(self, service: str) -> str:
        """What a service logged so far."""
        return (self.home / f"{service}.log").read_text()

    def get(self, service: str, path: str, **parameters: Any) -> Any:
        """A GET's JSON; an error fails the test with the answer's words."""
        try:
            answer = self.client.get(self.url(service, path), params=parameters)
        except httpx.TransportError:
            # A connection that was kept from before a kill; the next is a new one.
            answer = self.client.get(self.url(service, path), params=parameters)
        assert answer.is_success, f"{service}{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def items(self, service: str, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """The items of a list's pages."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(service, path, limit=200, **parameters, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def post(self, events: Sequence[Mapping[str, Any]], headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Post events in the plain form, and again while ingest can't confirm; anything but 202 fails the test."""
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = self.client.post(self.url("ingest", "/v1/events"), json=list(events), headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code != 503:
                assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
                return answer
            assert time.monotonic() < deadline, "ingest did not take the events within 60 s"
            time.sleep(0.1)

    def seen(self, sent: httpx.Response, path: str, **parameters: Any) -> Any:
        """What scoring says when the events of this answer are counted, and what came of them with them."""
        asked = {**parameters, "at_least": sent.json()["token"]}
        deadline = time.monotonic() + 60
        while (answer := self.client.get(self.url("scoring", path), params=asked)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Wait until a condition holds; fails with `what` and the ends of the logs when it doesn't in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log(name)[-1500:]}" for name in self._running)
                raise AssertionError(f"{what}: not within {seconds:.0f} s\n{logs}")
            time.sleep(0.03)

    def held(self, name: str) -> int:
        """How many partitions a process holds now."""
        return int(self.get(name, "/v1/status")["held_partitions"])

    def settle(self, seconds: float = 60) -> None:
        """Wait until everything that was accepted has been handled in every service."""
        quiet = 0

        def still() -> bool:
            nonlocal quiet
            held = dict.fromkeys(SERVICES[1:], 0)
            busy = False
            for name in self._running:
                status = self.get(name, "/v1/status")
                # Unknown where no worker runs, or none that holds anything; that is counted below.
                waiting = any((status["lag"] or {}).values()) or (status["lag"] is None and status["held_partitions"])
                put_off = status["details"].get("waiting", 0) if service_of(name) == "scoring" else 0
                busy = busy or status["outbox"] > 0 or bool(waiting) or put_off > 0
                if (service := service_of(name)) in held:
                    held[service] += status["held_partitions"]
            # A worker knows the lag of what it holds; what nobody holds may wait.
            settled = not busy and all(count == PARTITIONS for count in held.values())
            quiet = quiet + 1 if settled else 0
            return quiet >= 3

        self.wait(still, "the stack settles", seconds)

    def fingerprint(self, at: str) -> str:
        """The hashes of all folded state at an instant, and of the address book."""
        state, book = self.get("scoring", "/v1/fingerprint", at=at), self.get("notifier", "/v1/fingerprint")
        return f"{state['fingerprint']} {book['fingerprint']}"
