"""Stacks to be killed. What takes minutes runs under `make chaos` only."""

import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from deploy.local.postgres import NAME, Postgres
from tests.support.chaos import SEED
from tests.support.company import undisturbed
from tests.support.forked import ForkedStack
from tests.support.shared import made_once
from tests.support.stack import Stack

_numbers = itertools.count(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow, unless it was asked for."""
    if os.environ.get("KEEPWELL_CHAOS") == "1":
        return
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def make_stack(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Stack]]:
    """Makes stacks on the local log, each over a database of its own."""
    with ExitStack() as made:

        def make() -> Stack:
            name = f"chaos_{next(_numbers)}"
            postgres.query(f"CREATE DATABASE {name} TEMPLATE {NAME}", database="postgres")
            made.callback(postgres.query, f"DROP DATABASE {name} WITH (FORCE)", database="postgres")
            url = f"{postgres.url.rpartition('/')[0]}/{name}"
            return ForkedStack(tmp_path_factory.mktemp("chaos"), url)

        yield make


@pytest.fixture(scope="session")
def told_once(make_stack: Callable[[], Stack], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of the month of six accounts, undisturbed."""
    return made_once(tmp_path_factory, "six-accounts", lambda: undisturbed(make_stack, 6))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance, the same in every run of a test. KEEPWELL_CHAOS_SEED changes it."""
    return random.Random(f"{SEED} {request.node.name}")
