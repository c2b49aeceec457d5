"""The official clients that senders run, each in an environment of its own, driven as its users would.

`python -m tests.support.clients` makes all environments, from the locks in `tests/clients`; the first test that needs
one makes it too. They lie in `build/clients`.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import pytest

from bench.peers.environment import Unavailable, python_of
from tests.support.gates import Answered, Asked, Gate, open_gate

_HERE: Final = Path(__file__).parents[1] / "clients"
_DRIVERS: Final = _HERE / "drivers"
_HOME: Final = Path(__file__).parents[2] / "build" / "clients"
_NODE: Final = 20
"""The oldest Node that all clients there run on."""
_ENDED: Final = 90.0
"""Seconds that a client may take for its hundred events."""


class Client(NamedTuple):
    """An official client: its driver, named `CLIENT_LANGUAGE`, and the lock of its environment."""

    driver: str
    lock: str
    kind: str
    """What its driver sends; the same for all of a kind."""

    https: bool = False
    """Whether it speaks nothing else."""

    @property
    def name(self) -> str:
        """As its accounts are named."""
        return self.driver.partition(".")[0].replace("_", "-")


CLIENTS: Final = (
    Client("segment_python.py", "current", "sdk"),
    Client("rudder_python.py", "current", "sdk"),
    Client("posthog_python.py", "current", "sdk"),
    Client("customerio_python.py", "current", "people", https=True),
    Client("opentelemetry_python.py", "current", "uses"),
    Client("cloudevents_2.py", "current", "uses"),
    Client("cloudevents_1.py", "older", "uses"),
    Client("openmeter_python.py", "older", "uses"),
    Client("customerio_cdp_python.py", "older", "sdk"),
    Client("segment_node.mjs", "node", "sdk"),
    Client("rudder_node.mjs", "node", "sdk"),
    Client("posthog_node.mjs", "node", "sdk"),
    Client("jitsu_node.mjs", "node", "sdk"),
    Client("cloudevents_node.mjs", "node", "uses"),
)


def command_of(client: Client) -> list[str | Path]:
    """What runs its driver, but for its arguments. Raises `Unavailable`."""
    if client.lock == "node":
        return ["node", node_home() / client.driver]
    return [_python(client.lock), _DRIVERS / client.driver]


def _python(lock: str) -> Path:
    with _alone(lock):
        return python_of(_HERE / f"{lock}.lock", _HOME)


def node_home() -> Path:
    """A folder with the drivers and, in `node_modules`, what the lock for Node names. Raises `Unavailable`."""
    _check_node()
    with _alone("node"):
        locked = (_HERE / "package.json").read_bytes() + (_HERE / "package-lock.json").read_bytes()
        home = _HOME / f"node-{hashlib.sha256(locked).hexdigest()[:12]}"
        if not (home / ".made").exists():
            _make_node(home)
        for driver in _DRIVERS.glob("*.mjs"):
            shutil.copy(driver, home)
        return home


def _check_node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("it needs Node and npm, on Debian and Ubuntu: apt install nodejs npm")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(said.removeprefix("v").partition(".")[0]) < _NODE:
        raise Unavailable(f"it needs Node {_NODE} or newer, and this is {said}")


def _make_node(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, home)
    log = _HOME / "node.log"
    with log.open("wb") as out:
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(install, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    if done.returncode:
        raise Unavailable(f"its environment can't be made, see {log}")
    (home / ".made").touch()


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process at a time makes an environment; the others wait for it."""
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / f"{name}.busy").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def missing(client: Client) -> str | None:
    """Why the client can't be had here; none: it can. Fails the test where clients are required."""
    try:
        command_of(client)
    except Unavailable as error:
        if os.environ.get("KEEPWELL_REQUIRE_CLIENTS") == "1":
            pytest.fail(f"The official clients are required, but {client.name}: {error}")
        return f"No {client.name} here: {error}"
    return None


def available(client: Client) -> None:
    """Skip the test where the client can't be had, unless clients are required."""
    if (why := missing(client)) is not None:
        pytest.skip(why)


@dataclass
class Run:
    """A client at work."""

    client: Client
    process: "subprocess.Popen[str]"
    log: Path

    @property
    def _out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def until_middle(self) -> None:
        """Wait until the first half is there, as the client says."""
        said = self._out.readline().strip()
        ended = f"ended with {self.process.wait(_ENDED)}" if not said else f"said {said!r}"
        assert said == "middle", f"{self.client.name} {ended}:\n{self.log.read_text()[-3000:]}"

    def go_on(self) -> None:
        """Have it send the other half."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def failures(self) -> list[str]:
        """What it says, at its end, that it could not send."""
        self.process.wait(_ENDED)
        lines = self._out.read().splitlines()
        assert lines, f"{self.client.name} broke off:\n{self.log.read_text()[-3000:]}"
        told: dict[str, Any] = json.loads(lines[-1])
        assert (self.process.returncode != 0) == bool(told["failures"])
        return list(told["failures"])


@contextmanager
def running(client: Client, host: str, key: str, folder: Path, **extra: str) -> Iterator[Run]:
    """A client that sends to a host. `extra` are further variables of its environment."""
    log = folder / f"{client.name}.log"
    # No proxy of this machine's stands between.
    env: Mapping[str, str] = {**os.environ, "NO_PROXY": "*", "no_proxy": "*", **extra}
    command = [*command_of(client), host, key, client.name]
    with log.open("w") as said:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        )
    try:
        yield Run(client, process, log)
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key: for clients that speak https only."""
    python, made = _python("current"), (folder / "certificate.pem", folder / "key.pem")
    subprocess.run([python, _DRIVERS / "certificate.py", *made], check=True)
    return made


class Sent(NamedTuple):
    """A client at work, the gate that it sends through, and its key."""

    run: Run
    gate: Gate
    key: str


@contextmanager
def sending(
    clients: Sequence[Client],
    answer: Callable[[Asked], Answered],
    folder: Path,
    key_of: Callable[[Client], str] = lambda client: f"kw_{client.driver}",
    loses: Callable[[Asked], bool] = lambda asked: False,
) -> Iterator[list[Sent]]:
    """Clients at work at the same time, each through a gate of its own, which may lose an answer."""
    with ExitStack() as entered:
        tls = certificate(folder) if any(client.https for client in clients) else None
        found = []
        for client in clients:
            gate = entered.enter_context(open_gate(answer, loses, tls if client.https else None))
            trusting = {"REQUESTS_CA_BUNDLE": str(tls[0])} if tls is not None and client.https else {}
            host = f"{'https' if client.https else 'http'}://127.0.0.1:{gate.port}"
            key = key_of(client)
            run = entered.enter_context(running(client, host, key, folder, **trusting))
            found.append(Sent(run, gate, key))
        yield found


if __name__ == "__main__":
    for lock in ("current", "older"):
        _python(lock)
    node_home()
