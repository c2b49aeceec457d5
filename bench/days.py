"""The sample company's 120 days, run as live in simulated time: how often its team is disturbed."""

from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Final

from bench.report import Row
from tests.support.book import disturbances
from tests.support.demo import lived

_DAYS: Final = 120
_NOW: Final = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)


def measure() -> list[Row]:
    """Every account is met on the first day, and whoever has a task does it before it is due."""
    since = _NOW - timedelta(days=_DAYS)
    book = lived(since, _NOW)
    days = list(disturbances(book, since, _NOW))
    where = f"{_DAYS} days of {len(book.accounts)} accounts"
    outside = sum(not one.waits for one in book.told)
    return [
        Row(where, "messages outside the digest, a working day of 50 accounts: median", f"{median(days):.1f}", "1"),
        Row(where, "... 95th percentile", f"{quantiles(days, n=20)[-1]:.1f}", "3"),
        Row(where, "... most", f"{max(days):.1f}", "", f"{outside} in all, and {len(book.told) - outside} that waited"),
    ]
