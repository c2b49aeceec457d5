"""What tests of bad days share: killing at random, what was decided, and a server that can be killed as well."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.local.postgres import Postgres
from deploy.local.server import ServerError
from deploy.migrations.run import migrate
from tests.support.logins import PASSWORDS
from tests.support.stack import SERVICES, Stack

SEED = os.environ.get("KEEPWELL_CHAOS_SEED", "7")
_OF_THE_CLOCK = {
    *("at", "opened_at", "since", "fired_at", "rests_until", "ended_at"),
    *("created_at", "due_at", "caused_at", "closed_at", "over_since"),
}


def let_midnight_pass(longest: timedelta) -> None:
    """Wait where a test that takes so long would run into the next UTC day: what is compared must see one day."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < longest:
        time.sleep((midnight - now).total_seconds() + 1)


def accounts_of(stack: Stack) -> list[str]:
    """The ids of all accounts."""
    return sorted(one["id"] for one in stack.items("scoring", "/v1/accounts"))


def decisions(stack: Stack) -> dict[str, Any]:
    """All that was decided, with the ids, without the times of the clock."""
    ids = accounts_of(stack)
    return {
        "bands": {one["id"]: (one["band"], one["score"]) for one in stack.items("scoring", "/v1/accounts")},
        "ledger": {id: _timeless(stack.items("scoring", f"/v1/accounts/{id}/health/history")) for id in ids},
        "episodes": sorted(_timeless(stack.items("playbooks", "/v1/episodes")), key=lambda one: one["id"]),
        **{
            kind: sorted(_timeless(stack.items("playbooks", f"/v1/{kind}")), key=lambda one: one["id"])
            for kind in ("tasks", "alerts", "flags")
        },
    }


def _timeless(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name not in _OF_THE_CLOCK} for one in items]


def check_ledger(stack: Stack) -> int:
    """Every change is explained exactly, and each begins where the last one ended. Returns how many there were."""
    moves = 0
    for id in accounts_of(stack):
        at: float | None = None
        for row in reversed(stack.items("scoring", f"/v1/accounts/{id}/health/history")):
            assert row["from"] == at, f"{id} rev {row['rev']}: from {row['from']}, but it was {at}"
            at = row["to"]
            if row["from"] is not None and row["to"] is not None:
                explained = sum(round(driver["points"] * 100) for driver in row["drivers"])
                assert explained == round(row["to"] * 100) - round(row["from"] * 100), f"{id}: {row}"
                moves += explained != 0
    return moves


def check_nothing_is_dead(stack: Stack) -> None:
    """Nothing was given up, and nothing waits."""
    for service in SERVICES:
        status = stack.get(service, "/v1/status")
        assert (status["dead_letters"], status["outbox"]) == (0, 0), (service, status)


@contextmanager
def random_kills(
    stack: Stack, chance: random.Random, kills: int, pause: tuple[float, float] = (0.1, 0.8)
) -> Iterator[list[str]]:
    """Kill and restart services at random while the block runs; it ends after so many kills. Yields the victims."""
    victims: list[str] = []
    errors: list[BaseException] = []

    def kill_some() -> None:
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(*pause))
                some = chance.sample(SERVICES, chance.choice((1, 1, 2)))
                for victim in some:
                    stack.kill(victim)
                time.sleep(chance.uniform(0, 0.3))
                stack.start(*some)
                victims.extend(some)
        except BaseException as error:
            errors.append(error)

    reaper = threading.Thread(target=kill_some)
    reaper.start()
    try:
        yield victims
    finally:
        reaper.join()
    if errors:
        raise errors[0]


class MortalPostgres:
    """A server of one's own, that can be killed as the kernel does and started again on the same port."""

    def __init__(self, home: Path) -> None:
        self._postgres = Postgres(home, {"fsync": "off", "full_page_writes": "off", "max_connections": "120"})
        self._log = (home / "postgres.log").open("ab")
        self._process = self._postgres.start(self._log).process
        migrate(self.url, PASSWORDS)

    @property
    def url(self) -> str:
        """The URL of its migrated database."""
        return self._postgres.url

    def kill(self) -> None:
        """End the postmaster without a word; its children end when they notice."""
        self._process.kill()
        self._process.wait(10)

    def stop_at_once(self) -> None:
        """Immediate shutdown: nothing is finished and nothing is written out."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def start(self) -> None:
        """Start it again, and again while children of the killed one still hold its memory."""
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL did not come back within 60 s"
            if self._process.poll() is not None:
                self._process = self._postgres.launch(self._log)
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self._process.poll() is None and self._postgres.query("SELECT 1") == "1"
        except ServerError:
            return False

    def close(self) -> None:
        """End it for good."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._log.close()


def each_settled(stack: Stack, events: list[dict[str, Any]], between: Callable[[int], None] = lambda _: None) -> None:
    """Send events one by one, each when everything before it has settled. `between` comes after each is accepted."""
    for number, event in enumerate(events):
        stack.post([event])
        between(number)
        stack.settle()
