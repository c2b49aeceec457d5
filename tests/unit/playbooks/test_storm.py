"""The sample company's last weeks, run as live: no day on which its team would switch the messages off.

All its 120 days are run by `python -m bench --only days`.
"""

from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

from tests.support.book import disturbances
from tests.support.demo import lived
from tests.support.sample.stories import LEAVING, SHRUNK

NOW = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=28)


def test_at_most_one_message_on_an_ordinary_day_and_three_on_a_bad_one() -> None:
    # As of a book of 50 accounts.
    book = lived(SINCE, NOW)
    days = list(disturbances(book, SINCE, NOW))
    assert len(days) >= 19
    assert median(days) <= 1
    assert quantiles(days, n=20)[-1] <= 3
    # Nor is it silent: whom the stories are about is told of.
    assert {one.account_id for one in book.all("leaving", "contraction")} == {LEAVING, SHRUNK}
