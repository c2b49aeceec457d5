"""PostgreSQL killed while events pour in, and started again: nothing is lost, and all of it resumes by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.chaos import MortalPostgres, check_ledger, check_nothing_is_dead
from tests.support.company import AT, a_month_of_a_company
from tests.support.forked import ForkedStack
from tests.support.stack import SERVICES, Stack


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalPostgres]:
    server = MortalPostgres(tmp_path_factory.mktemp("mortal"))
    yield server
    server.close()


def through_deaths(mortal: MortalPostgres, home: Path, deaths: list[Callable[[], None]], down: float) -> str:
    """Send everything while the server dies again and again; no service is started anew."""
    events = a_month_of_a_company(6)
    with ForkedStack(home, mortal.url) as stack:
        dying = threading.Thread(target=die_and_return, args=(mortal, deaths, down))
        dying.start()
        for first in range(0, len(events), 20):
            stack.post(events[first : first + 20])
            time.sleep(0.02)
        dying.join()
        stack.wait(lambda: all(is_ready(stack, service) for service in SERVICES), "all are ready again", 60)
        stack.settle(60)
        for service in SERVICES:
            errors = [line for line in stack.log(service).splitlines() if '"level":"error"' in line]
            assert errors == [], f"{service} took a dead database for a fault of its own"
        check_nothing_is_dead(stack)
        check_ledger(stack)
        return stack.fingerprint(AT)


def die_and_return(mortal: MortalPostgres, deaths: list[Callable[[], None]], down: float) -> None:
    for death in deaths:
        time.sleep(0.4)
        death()
        time.sleep(down)
        mortal.start()


def is_ready(stack: Stack, service: str) -> bool:
    return stack.client.get(stack.url(service, "/readyz")).status_code == 200


def test_a_killed_postgres_loses_nothing(told_once: str, mortal: MortalPostgres, tmp_path: Path) -> None:
    found = through_deaths(mortal, tmp_path, [mortal.kill, mortal.stop_at_once], 0.5)
    assert found == told_once


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("down", [0, 3, 12])
def test_a_postgres_that_dies_often_loses_nothing(
    told_once: str, mortal: MortalPostgres, tmp_path: Path, down: float
) -> None:
    deaths = [mortal.kill, mortal.stop_at_once] * 4
    assert through_deaths(mortal, tmp_path, deaths, down) == told_once
