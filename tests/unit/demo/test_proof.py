import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from deploy.demo import proof, sample
from deploy.demo.stories import NAMED

NOON = datetime(2026, 5, 13, 12, tzinfo=UTC)
PAST = sample.load(NOON, "past")
BATCH = proof.offline_usage(PAST, random.Random(1), NOON, "run")


def counted(events: list[dict[str, Any]]) -> proof.Count:
    """As scoring would count these of the batch."""
    used = Counter(event["account"] for event in [*PAST, *events] if event["type"] == "usage.recorded")
    accounts = {event["account"] for event in BATCH}
    return proof.Ledger([*PAST, *BATCH]).compare({account: used[account] for account in accounts})


def test_what_is_counted_once_is_neither_lost_nor_counted_twice() -> None:
    assert counted(BATCH) == proof.Count(lost=0, twice=0)


def test_one_lost_event_shows() -> None:
    assert counted(BATCH[:700] + BATCH[701:]) == proof.Count(lost=1, twice=0)


def test_events_counted_twice_show() -> None:
    assert counted([*BATCH, BATCH[3], BATCH[77]]) == proof.Count(lost=0, twice=2)


def test_the_batch_leaves_the_stories_alone() -> None:
    assert len(BATCH) == len({event["id"] for event in BATCH}) == proof.A_BATCH
    assert not {event["account"] for event in BATCH} & NAMED


def test_webhooks_that_are_not_there_or_there_twice_show() -> None:
    assert proof.of_webhooks(["a", "b"], ["b", "a"]) == proof.Count(lost=0, twice=0)
    assert proof.of_webhooks(["a", "b", "c"], ["b", "b"]) == proof.Count(lost=2, twice=1)
