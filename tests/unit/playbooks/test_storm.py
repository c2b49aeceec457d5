"""The sample company's last weeks, run as live: no day on which its team would switch the messages off."""

from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

import msgspec

from deploy.demo import sample
from shared.messages.envelope import Event
from tests.support.book import Book, disturbances
from tests.support.demo import RULES
from tests.support.sample.stories import LEAVING, SHRUNK

NOW = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=28)


def happened() -> list[Event]:
    """The sample company's events."""
    return [
        Event(
            id=sent["id"],
            source=sent["source"],
            type=sent["type"],
            subject=sent["account"],
            time=(at := datetime.fromisoformat(sent["time"])),
            accepted=at,
            data=msgspec.Raw(msgspec.json.encode(sent["data"])),
        )
        for sent in sample.load(NOW, "past")
    ]


def test_at_most_one_message_on_an_ordinary_day_and_three_on_a_bad_one() -> None:
    # As of a book of 50 accounts.
    events = happened()
    people = sample.FILE.with_name("csms.yaml").read_text(encoding="utf-8")
    book = Book([one for one in events if one.time > SINCE], RULES, people, diligent=True)
    book.found([one for one in events if one.time <= SINCE], SINCE)
    days = list(disturbances(book.run(NOW), SINCE, NOW))
    assert len(days) >= 19
    assert median(days) <= 1
    assert quantiles(days, n=20)[-1] <= 3
    # Nor is it silent: whom the stories are about is told of.
    assert {one.account_id for one in book.all("leaving", "contraction")} == {LEAVING, SHRUNK}
