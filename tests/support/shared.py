"""What all processes of a run of the suite share: one start, and what is made once."""

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

_BEGAN = "KEEPWELL_TESTS_BEGAN"


def began() -> datetime:
    """When the run began: the same in the processes that it starts, which inherit it."""
    return datetime.fromisoformat(os.environ.setdefault(_BEGAN, datetime.now(UTC).replace(microsecond=0).isoformat()))


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[], str]) -> str:
    """A text that whichever process needs it first makes for all."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = folders.getbasetemp() if alone else folders.getbasetemp().parent
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / name
        if not made.exists():
            made.write_text(make())
        return made.read_text()
