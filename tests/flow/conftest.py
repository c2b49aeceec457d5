"""Stacks of real processes, each over a fresh database of the session's server."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from deploy.postgres import NAME, Postgres
from tests.support.stack import Stack

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def make_stack(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Makes stacks on the local log; settings may be given as keywords."""
    with ExitStack() as made:

        def make(**extra: str) -> Stack:
            name = f"stack_{next(_numbers)}"
            postgres.query(f"CREATE DATABASE {name} TEMPLATE {NAME}", database="postgres")
            drop = f"DROP DATABASE {name} WITH (FORCE)"
            made.callback(postgres.query, drop, database="postgres")
            return Stack(tmp_path_factory.mktemp("stack"), f"{postgres.url.rpartition('/')[0]}/{name}", **extra)

        yield make
