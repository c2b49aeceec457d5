"""A person says that a reading is wrong: it is no data, and whatever rests on it rests."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.scoring.core.clock import day_of
from services.scoring.core.health import Health, health_of
from services.scoring.core.measures.base import Missing
from services.scoring.core.packing import canonical
from services.scoring.core.pruning import prune
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    a_contact,
    a_pulse,
    a_ticket,
    after,
    an_account,
    an_event,
    assessed,
    busy,
    nps,
    rules_of_one,
    told,
    traits,
)

RULES = rules_of_one(
    "relationship.pulse",
    "support.urgent",
    "feedback.nps",
    caps={"days_since support.urgent_since >= 2 days": "amber", "feedback.worst_decision_maker <= 6": "amber"},
)
URGENT = a_ticket("T-1", opened_at=NOW - 5 * DAY, priority="urgent")
WORDS = 'muted by csm@example.com until 30 May 2026: "opened by a test"'


def a_mute(measure: str = "support.urgent", *, at: datetime = NOW, days: float = 10) -> Event:
    """It is wrong for so many days."""
    ends, reason, author = at + days * DAY, "opened by a test", "csm@example.com"
    return an_event("reading.muted", at=at, measure=measure, until=ends, reason=reason, author=author)


def health(account: Account, now: datetime = NOW, rules: Rules = RULES) -> Health:
    return health_of(account, now, rules)


def test_a_muted_measure_is_no_data_its_facts_are_unknown_and_its_caps_rest() -> None:
    account = an_account(a_pulse(9), URGENT)
    before = assessed(account, rules=RULES)
    assert (before.decision.score, health(account).score.cap is None) == (6250, True)
    held = health(account).in_words(RULES.cards[0].caps[0])
    assert held == "at most amber: urgent ticket T-1 open for 5 days"
    mute = a_mute()
    outcome = assessed(after(mute, account=account), before=before.decision, by=mute, rules=RULES)
    one = told(outcome)
    assert one.score == 9500
    assert [(driver.name, driver.reason, driver.events) for driver in one.drivers] == [
        ("support.urgent", WORDS, [f"test {mute.id}"])
    ]
    names = ("support.urgent", "support.urgent_since", "points.support.urgent")
    assert not set(names) & one.facts.keys()
    assert {one.unknown[name] for name in names[:2]} == {WORDS}
    assert one.facts["support.open"] == 1


def test_a_decision_maker_s_answer_that_is_muted_holds_nothing() -> None:
    account = an_account(a_pulse(9), a_contact("boss", "decision_maker"), nps(2, contact="boss"))
    assert health(account).score.points == 4750
    found = health(after(a_mute("feedback.nps"), account=account))
    assert (found.score.points, "feedback.worst_decision_maker" in found.facts) == (9500, False)


def test_who_sets_aside_what_they_buy_sets_aside_their_seats_too() -> None:
    account = an_account(*busy(range(60)), traits(NOW - 5 * DAY, seats=7))
    assert told(assessed(account)).score == 7400
    one = told(assessed(after(a_mute("contract.change"), account=account)))
    assert (one.band, "contract.seats_change" in one.facts) == ("green", False)


@pytest.mark.parametrize("missing", ["neutral", "worst", "last-known"])
def test_it_is_no_data_whatever_the_card_counts_where_there_is_none(missing: Missing) -> None:

    (card,) = RULES.cards
    weighted = tuple(replace(one, missing=missing, days_back=5 * (missing == "last-known")) for one in card.measures)
    rules = Rules(RULES.catalogue, (replace(card, measures=weighted),))
    account = an_account(a_pulse(9), URGENT, a_mute())
    assert health(account, rules=rules).readings["support.urgent"].points is None


def test_it_ends_on_the_second_and_is_believed_again() -> None:
    account = an_account(a_pulse(9), URGENT, a_mute(days=0.125))
    outcome = assessed(account, rules=RULES)
    assert outcome.next_at == NOW + 0.125 * DAY
    one = told(assessed(account, before=outcome.decision, now=NOW + 0.125 * DAY, rules=RULES))
    assert (one.score, one.facts["support.urgent"]) == (6250, 1)
    assert [driver.reason for driver in one.drivers] == ["urgent ticket T-1 open for 5 days"]


def test_it_lasts_30_days_at_most_and_can_be_renewed_and_taken_back() -> None:
    account = an_account(URGENT, a_mute(days=400))
    assert health(account, NOW + 30 * DAY - timedelta(seconds=1)).view.muted("support.urgent") is not None
    assert health(account, NOW + 30 * DAY).view.muted("support.urgent") is None
    renewed = after(a_mute(at=NOW + 20 * DAY, days=30), account=account)
    assert health(renewed, NOW + 49 * DAY).view.muted("support.urgent") is not None
    back = after(a_mute(at=NOW + 21 * DAY, days=0), account=renewed)
    assert health(back, NOW + 21 * DAY).view.muted("support.urgent") is None


def test_what_took_one_back_is_not_forgotten_before_what_it_took_back() -> None:
    long, back = a_mute(days=30), a_mute(at=NOW + DAY, days=0)
    later = NOW + 29 * DAY
    stray = after(back)
    prune(stray.state, day_of(later))
    after(long, account=stray)
    assert canonical(stray, day_of(later)) == canonical(after(long, back), day_of(later))
    prune(stray.state, day_of(NOW + 32 * DAY))
    assert not stray.state.mutes


def test_a_measure_that_does_not_exist_is_not_kept() -> None:
    assert not after(a_mute("support.everything")).state.mutes
