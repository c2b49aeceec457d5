"""What a driver is told (where to send, with which key, in whose name) and what it tells: the middle, and the end."""

import json
import sys
from collections.abc import Iterator
from typing import NamedTuple

HOST, KEY, NAME = sys.argv[1:4]
ACCOUNTS = [f"{NAME}-{n}" for n in range(3)]
FEATURES = ["Report Exported", "Dashboard Viewed"]


class Use(NamedTuple):
    account: str
    user: str
    feature: str
    named: bool
    """Whether it names its account; else that is where the user was last known to be."""


def uses(count: int) -> Iterator[Use]:
    """Uses in turns by a user of each account; half of them after the middle."""
    for n in range(count):
        if n == count // 2:
            middle()
        yield Use(ACCOUNTS[n % 3], f"{ACCOUNTS[n % 3]}-user", FEATURES[n % 2], n % 10 != 9)


flushed = [lambda: None]
"""What is done in the middle, so that the first half is there."""
failures: list[str] = []


def middle() -> None:
    """Say that the first half is there, and wait to be told to go on."""
    flushed[-1]()
    print("middle", flush=True)
    sys.stdin.readline()


def failed(error: object, *_: object) -> None:
    """Keep what a client says that it could not send."""
    failures.append(repr(error))


def end() -> None:
    """Say what failed; the exit code is 1 where anything did."""
    print(json.dumps({"failures": failures}), flush=True)
    sys.exit(bool(failures))
