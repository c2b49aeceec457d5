"""Proof that nothing is lost and nothing counted twice: what was sent, against what scoring says it counted.

Every account's usage trend is the usage of the last 14 full days against that of the 14 before. Both sums
are known here from what was sent; so an event that scoring lost, or counted twice, shows in the trend of its API.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from deploy.demo.stories import NAMED

FORTNIGHT: Final = timedelta(days=14)
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
    """Events of the batch that scoring lost, and that it counted more than once."""

    lost: int
    twice: int


class Ledger:
    """What was sent of usage, by account and UTC day, in millionths."""

    def __init__(self, sent: Iterable[Mapping[str, Any]]) -> None:
        self._days: Counter[tuple[str, date]] = Counter()
        for event in sent:
            if event["type"] == "usage.recorded":
                day = datetime.fromisoformat(event["time"]).astimezone(UTC).date()
                self._days[event["account"], day] += round(event["data"]["quantity"] * 1_000_000)

    def compare(self, trends: Mapping[str, float], today: date) -> Count:
        """Compare with the trends, in percent, that scoring gives on a day."""
        lost = twice = 0
        for account, trend in trends.items():
            before = self._sum(account, today - 2 * FORTNIGHT, today - FORTNIGHT)
            counted = before * (1 + trend / 100)
            missing = round((self._sum(account, today - FORTNIGHT, today) - counted) / (QUANTITY * 1_000_000))
            lost += max(0, missing)
            twice += max(0, -missing)
        return Count(lost, twice)

    def _sum(self, account: str, first: date, end: date) -> int:
        days = (first + timedelta(days=number) for number in range((end - first).days))
        return sum(self._days[account, day] for day in days)
