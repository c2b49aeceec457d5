"""Proof that nothing is lost and nothing counted or sent twice: what was sent, against what was counted or arrived.

Scoring tells of every account how often it was used, ever. What was sent is known here; so an event that scoring lost,
or counted twice, shows in the figure of its API.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from deploy.demo.stories import NAMED

A_BATCH: Final = 2_000
QUANTITY: Final = 0.1
"""Small, so that the day's figures stay as they are told."""


def offline_usage(
    past: Sequence[Mapping[str, Any]], rng: random.Random, now: datetime, run: str
) -> list[dict[str, Any]]:
    """What phones kept while they were offline: 2,000 usage events of yesterday, on accounts that no story names."""
    usual = [event for event in past if event["type"] == "usage.recorded" and event["account"] not in NAMED]
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        {
            **event,
            "id": f"{run}-offline-{number}",
            "time": (midnight - timedelta(seconds=rng.randint(5 * 3600, 16 * 3600))).isoformat(),
            "data": {**event["data"], "quantity": QUANTITY},
        }
        for number, event in enumerate(rng.choices(usual, k=A_BATCH))
    ]


@dataclass(frozen=True, slots=True)
class Count:
    """How many were lost, and how many counted, or taken, more than once."""

    lost: int
    twice: int


def of_webhooks(told: Iterable[str], taken: Iterable[str]) -> Count:
    """Compare the ids of the webhooks that an endpoint was told with those that it took, each as often as it did."""
    took = Counter(taken)
    return Count(len(set(told) - took.keys()), sum(times > 1 for times in took.values()))


class Ledger:
    """How often each account was sent to have used the product."""

    def __init__(self, sent: Iterable[Mapping[str, Any]]) -> None:
        self._uses = Counter(event["account"] for event in sent if event["type"] == "usage.recorded")

    def compare(self, uses: Mapping[str, int]) -> Count:
        """Compare with the uses that scoring counted of some accounts."""
        missing = [self._uses[account] - counted for account, counted in uses.items()]
        return Count(sum(max(0, each) for each in missing), sum(max(0, -each) for each in missing))
