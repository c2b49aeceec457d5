"""A backlog of usage as ingest publishes it: many accounts, a few of them with most of the events."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from services.ingest.core.checking import check
from services.ingest.core.resolving import value_of
from services.ingest.core.senders import Sender
from shared.log.protocol import Outgoing
from shared.messages import tracing

A_POST: Final = 500
ZIPF: Final = 1.1
"""An account that is the n-th by its events has 1/n**1.1 as many as the first."""
REPEATED: Final = 100
"""One event of so many is sent again, in the next request."""
FEATURES: Final = 12
USERS: Final = 20
"""Of an account."""
_SPAN: Final = 3600
"""Seconds in which all happened."""
_SENDER: Final = Sender("bench", "bench")


def posts(number: int, accounts: int, now: datetime, seed: int = 0) -> Iterator[list[Outgoing]]:
    """So many messages, as many to a request as its list holds; drawn from `seed`, which is in each id, too."""
    random = Random(seed)
    names = [f"account-{n:07}" for n in range(accounts)]
    shares = list(accumulate((n + 1) ** -ZIPF for n in range(accounts)))
    random.shuffle(names)
    again: list[dict[str, object]] = []
    for first in range(0, number, A_POST):
        size = min(A_POST, number - first)
        fresh = size - len(again)
        events = [
            {
                "id": f"{seed}-{first + n}",
                "type": "usage.recorded",
                "account": account,
                "time": now - timedelta(seconds=random.random() * _SPAN),
                "data": {"feature": f"feature-{random.randrange(FEATURES)}", "user_id": f"u{random.randrange(USERS)}"},
            }
            for n, account in enumerate(random.choices(names, cum_weights=shares, k=fresh))
        ]
        yield _published([*again, *events], now, random)
        again = events[::REPEATED] if number - first - size >= A_POST else []


def _published(events: list[dict[str, object]], now: datetime, random: Random) -> list[Outgoing]:
    taken, refused = check([msgspec.Raw(msgspec.json.encode(event)) for event in events], now, _SENDER)
    assert not refused
    headers = {tracing.HEADER: tracing.new(random.randbytes).header()}
    return [Outgoing(one.topic, one.subject, value_of(one), {**headers, "ce_type": one.type}) for one in taken]
