"""What is alive and stuck is noticed, and what is slow, or waits for others, is let be."""

import asyncio
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.log.protocol import BrokerUnavailable
from shared.service.watchdog import STANDS, WorkerHealth, watched
from shared.web.app import Check
from tests.support.stream import NOON, SetClock

SECOND = timedelta(seconds=1)
ROOT = Path(__file__).parents[3]


class Loop:
    """A worker's loop, of which one sees when it last got on."""

    def __init__(self) -> None:
        self.turned_at: datetime | None = NOON


class Needs:
    """What the worker needs."""

    def __init__(self) -> None:
        self.database_answers = self.broker_answers = True

    def checks(self) -> dict[str, Check]:
        return {"database": self._database, "broker": self._broker}

    async def _database(self) -> None:
        if not self.database_answers:
            raise OSError("gone")

    async def _broker(self) -> None:
        if not self.broker_answers:
            raise BrokerUnavailable("gone")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def needs() -> Needs:
    return Needs()


@pytest.fixture
def health(loop: Loop, needs: Needs, clock: SetClock) -> WorkerHealth:
    return WorkerHealth(loop, needs.checks(), clock)


async def test_a_loop_that_stood_for_a_minute_is_stuck_and_one_that_gets_on_is_not(
    health: WorkerHealth, loop: Loop, clock: SetClock
) -> None:
    clock.move(STANDS - SECOND)
    assert await health.stuck() is None
    clock.move(SECOND)
    assert await health.stuck() == "The worker has stood still for 60 s."
    loop.turned_at = clock.now()
    assert await health.stuck() is None
    loop.turned_at = None
    clock.move(10 * STANDS)
    assert await health.stuck() is None


@pytest.mark.parametrize("gone", ["database_answers", "broker_answers"])
async def test_a_loop_that_waits_for_what_is_away_has_a_minute_from_when_that_is_back(
    health: WorkerHealth, needs: Needs, clock: SetClock, gone: str
) -> None:
    setattr(needs, gone, False)
    for _ in range(60):
        clock.move(10 * SECOND)
        assert await health.stuck() is None
    setattr(needs, gone, True)
    clock.move(50 * SECOND)
    assert await health.stuck() is None
    clock.move(10 * SECOND)
    assert await health.stuck() is not None


async def test_a_process_that_nobody_asks_ends_itself_when_it_was_stuck_six_times_in_a_row(
    loop: Loop, needs: Needs, clock: SetClock
) -> None:
    stands = "The worker has stood still."
    answers = iter([stands] * 5 + [None] + [stands] * 6)

    class Asked(WorkerHealth):
        async def stuck(self) -> str | None:
            return next(answers)

    given_up: list[str] = []
    await Asked(loop, needs.checks(), clock).mind(given_up.append, every=0)
    assert given_up == [stands]
    assert next(answers, "all were heard") == "all were heard"


async def test_an_event_loop_that_stands_is_given_up_with_what_it_stands_in() -> None:
    given_up: list[str] = []

    def a_loop_that_never_ends() -> None:
        while not given_up:
            time.sleep(0.005)

    async with watched(beats=3, beat=0.02, give_up=given_up.append):
        await asyncio.sleep(0.2)
        assert given_up == []
        a_loop_that_never_ends()
    [words] = given_up
    assert "a_loop_that_never_ends" in words


async def test_an_event_loop_that_computes_long_and_yet_turns_is_let_be() -> None:
    given_up: list[str] = []
    async with watched(beats=20, beat=0.02, give_up=given_up.append):
        for _ in range(10):
            time.sleep(0.1)  # noqa: ASYNC251 - it blocks on purpose
            await asyncio.sleep(0.05)
    assert given_up == []


STUCK = """
import asyncio, time
from shared.service.watchdog import watched
from shared.telemetry import logs

async def main():
    async with watched(beats=3, beat=0.05):
        await asyncio.sleep(0)
        time.sleep(60)

logs.configure("scoring")
asyncio.run(main())
"""


def test_the_process_ends_with_a_last_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.returncode == 70
    assert '"level":"critical"' in ended.stderr
    assert "stood still" in ended.stderr
