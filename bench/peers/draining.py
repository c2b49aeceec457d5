"""Who drains the same backlog beside scoring, each on the same core in a process and an environment of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from bench.machine import begun_on
from bench.peers.environment import Unavailable, python_of
from tests.support.stack import PARTITIONS

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parents[1]
_PATIENCE: Final = 900


class Backlog(NamedTuple):
    """What waits: where, how many events, and how many of them are repeats of others."""

    bootstrap: str
    topic: str
    events: int
    repeats: int


class Drained(NamedTuple):
    """What a peer told: how many events it drained, and seconds by the clock and of its processor."""

    events: int
    clock: float
    cpu: float


@dataclass(frozen=True)
class Peer:
    """One of them. `most` is how many times its processor time ours may be at most."""

    name: str
    module: str
    arguments: Callable[[Backlog, Path], list[str]]
    locked: bool = True
    """Whether it has an environment of its own, by the lock of its module's name."""
    does_our_job: bool = False
    most: float | None = None
    stores: bool = False
    """Whether it takes a database's URL at the end."""
    of: int = 1
    """It is given one event of so many: who takes minutes for all."""

    def drain(self, backlog: Backlog, home: Path, url: str, core: set[int]) -> Drained:
        """Have it count all. Raises `Unavailable`, with its last words in the file that the text names."""
        python = python_of(_HERE / f"{self.module}.lock") if self.locked else Path(sys.executable)
        home.mkdir()
        wanted = backlog._replace(events=backlog.events // self.of)
        command: list[str | Path] = [python, "-W", "ignore", "-m", f"bench.peers.{self.module}"]
        command += [*self.arguments(wanted, home), *([url] if self.stores else [])]
        with (home / "log").open("wb") as log, begun_on(core):
            try:
                done = subprocess.run(
                    command,
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=_PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"it was not through after {_PATIENCE} s") from None
        if done.returncode:
            words = (home / "log").read_text(errors="replace").strip().splitlines()
            raise Unavailable(f"it ended with {done.returncode}: {(words or [''])[-1]}")
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["events"] == wanted.events, told
        assert not self.does_our_job or told["counted"] == backlog.events - backlog.repeats, told
        return Drained(told["events"], told["clock"], told["cpu"])


def _common(backlog: Backlog) -> list[str]:
    return [backlog.bootstrap, backlog.topic, str(backlog.events)]


PEERS: Final = (
    Peer("Quix, exactly once, counts", "quix", lambda b, home: [*_common(b), str(home), "count"], most=1.0),
    Peer("Quix, exactly once, our job", "quix", lambda b, h: [*_common(b), str(h), "job"], does_our_job=True, most=0.4),
    Peer("Bytewax, counts", "bytewax", lambda b, _: _common(b)),
    Peer("Pathway, counts", "pathway", lambda b, home: [*_common(b), home.name]),
    Peer("Faust, counts", "faust", lambda b, home: [*_common(b), str(home), str(PARTITIONS)], most=0.04, of=20),
    Peer("aiokafka, msgspec, a dict: counts", "hand", lambda b, h: [*_common(b), h.name, ""], locked=False),
    Peer(
        "the same and bare PostgreSQL, our job",
        "hand",
        lambda b, home: [*_common(b), f"{home.name}.scores"],
        locked=False,
        does_our_job=True,
        stores=True,
    ),
)
