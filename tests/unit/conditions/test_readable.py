"""What a customer may read of what is known about them."""

import pytest

from shared.conditions.catalogue import FACTS
from shared.conditions.readable import may_read, tells_of_nobody


@pytest.mark.parametrize(
    ("fact", "may"),
    [
        ("account.name", True),
        ("account.traits.region", True),
        ("account.traits.keepwell_score", False),
        ("account.traits.Keepwell_Score__c", False),
        ("billing.payment_failed_at", True),
        ("billing.failed", False),
        ("billing.punctuality", False),
        ("event.url", True),
        ("event.who", False),
        ("account.stage", False),
        ("contract.renewal_forecast", False),
        ("contacts.main", False),
        ("feedback.worst_decision_maker", False),
        ("nothing.known", False),
    ],
)
def test_they_read_what_is_theirs_and_not_how_they_are_judged(fact: str, may: bool) -> None:
    assert may_read(fact) is may


def test_no_score_and_none_of_its_parts_is_ever_read() -> None:
    judged = [name for name in FACTS if name.startswith(("health.", "points.", "relationship.", "sources."))]
    assert judged
    assert not any(map(may_read, judged))


def test_of_an_event_about_somebody_others_read_that_there_was_one() -> None:
    facts = ("event.type", "event.time", "event.comment", "event.score", "account.name")
    assert [tells_of_nobody(one) for one in facts] == [True, True, False, False, True]
