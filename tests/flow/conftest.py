"""Stacks of real processes, each over a fresh database of the session's server."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import NAME, Postgres
from tests.support.company import undisturbed
from tests.support.forked import ForkedStack
from tests.support.kafka import a_prefix
from tests.support.shared import made_once
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
            url = f"{postgres.url.rpartition('/')[0]}/{name}"
            return ForkedStack(tmp_path_factory.mktemp("stack"), url, **extra)

        yield make


@pytest.fixture(scope="session")
def make_kafka_stack(make_stack: Callable[..., Stack], kafka_broker: KafkaBroker) -> Callable[[], Stack]:
    """Makes stacks on the session's broker, each with topics and groups of its own."""
    return lambda: make_stack(broker=kafka_broker.bootstrap, KEEPWELL_KAFKA_PREFIX=a_prefix())


@pytest.fixture(scope="session")
def told_once(make_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of the company's month, sent once and in order, on the local log."""
    return made_once(tmp_path_factory, "twelve-accounts", lambda: undisturbed(make_stack))
