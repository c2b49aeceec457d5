from collections.abc import Iterator

import pytest

from tests.support.cli import FakeStack, a_stack


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    with a_stack() as made:
        yield made
