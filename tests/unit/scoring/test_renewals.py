"""The renewals of contracts: what was due, what came of it, and what people said of the next."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from services.scoring.core.health import health_of
from services.scoring.core.renewals import RenewalRow, renewal_id, rows_of
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from shared.messages.stamps import micros
from tests.support.scoring import DAY, NOW, SHIPPED, a_subscription, after, an_event, traits

END = datetime(2026, 8, 31, tzinfo=UTC)
A_YEAR: dict[str, Any] = {"mrr_minor": 100, "currency": "EUR", "term_months": 12, "status": "active"}


def renewals(*events: Event) -> list[RenewalRow]:
    return rows_of("acme", after(*events).state, NOW)


def told(*events: Event) -> list[tuple[str, str | None, str | None, int | None]]:
    """When each ends, what came of it, else what will, its forecast and what it brings."""
    return [(f"{one.ends_at:%Y-%m}", one.outcome or one.then, one.forecast, one.mrr_minor) for one in renewals(*events)]


def bought(days: float = 300, id: str = "a", **said: Any) -> Event:
    return a_subscription(NOW - days * DAY, id, **said)


def said(id: str, at: datetime = NOW, **what: Any) -> Event:
    return an_event("renewal.updated", at=at, renewal_id=id, author="ana@example.com", **what)


def test_a_contract_renews_by_itself_unless_it_says_that_it_does_not() -> None:
    first = renewals(bought(**A_YEAR, renews_at=END, notice_days=60))[0]
    assert (first.ends_at, first.notice_at, first.after_at) == (END, END - 60 * DAY, None)
    assert (first.mrr_minor, first.currency, first.term_months) == (100, "EUR", 12)
    coming = told(bought(**A_YEAR, renews_at=END))
    assert [one[:2] for one in coming] == [(f"{year}-08", "renewed_by_itself") for year in (2026, 2027)]
    assert told(bought(**A_YEAR, renews_at=END, auto_renews=False)) == [("2026-08", "lapsed", None, 100)]
    passed = bought(**A_YEAR, renews_at=datetime(2025, 8, 31, tzinfo=UTC))
    assert [one[0] for one in told(passed)] == ["2025-08", "2026-08", "2027-08"]


def test_what_was_renewed_and_what_was_lost_is_told_with_its_money() -> None:
    events = [
        bought(400, **A_YEAR, renews_at=datetime(2026, 3, 31, tzinfo=UTC)),
        bought(60, renews_at=datetime(2027, 3, 31, tzinfo=UTC)),
        bought(50, mrr_minor=140),
        bought(1, ends_at=datetime(2027, 3, 31, tzinfo=UTC), reason="price"),
    ]
    for order in permutations(events):
        assert told(*order) == [("2026-03", "renewed", None, 100), ("2027-03", "lost", "lost", 140)]
        assert [(one.renewed_minor, one.reason) for one in renewals(*order)] == [(140, None), (None, "price")]


def test_a_contract_that_was_cancelled_before_its_end_is_lost_then() -> None:
    gone = [bought(**A_YEAR, renews_at=END), bought(3, status="canceled", reason="too dear")]
    (one,) = renewals(*gone)
    assert (one.ends_at, one.outcome, one.reason, one.forecast) == (END, "lost", "too dear", "lost")
    left = [bought(**A_YEAR, renews_at=END), an_event("account.churned", at=NOW - DAY, reason="moved")]
    (one,) = renewals(*left)
    assert (one.outcome, one.reason) == ("lost", "moved")


def test_a_date_that_was_put_right_is_the_same_renewal_and_keeps_what_was_said() -> None:
    begun = bought(**A_YEAR, renews_at=END - 9 * DAY)
    old = renewals(begun)[0].id
    events = [begun, said(old, NOW - 5 * DAY, forecast="at_risk", reason="their CFO"), bought(2, renews_at=END)]
    for order in permutations(events):
        first, second = renewals(*order)
        assert (first.ends_at, first.forecast, first.reason) == (END, "at_risk", "their CFO")
        assert (second.forecast, second.reason) == (None, None)


def test_of_what_people_say_of_a_renewal_the_latest_of_each_field_stands_and_null_takes_it_back() -> None:
    id = renewal_id("acme", "a", micros(END))
    events = [
        bought(**A_YEAR, renews_at=END),
        said(id, NOW - 3 * DAY, forecast="likely", owner="ben@example.com"),
        said(id, NOW - 2 * DAY, forecast="at_risk"),
        said(id, NOW - DAY, owner=None, outcome="renewed"),
    ]
    for order in permutations(events):
        first = renewals(*order)[0]
        assert (first.forecast, first.owner, first.outcome) == ("at_risk", None, "renewed")


@pytest.mark.parametrize("odd", ["0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"])
def test_dates_beyond_all_calendars_break_nothing(odd: str) -> None:
    assert len(renewals(bought(**A_YEAR, renews_at=odd))) <= 6
    assert len(renewals(traits(renews_at=odd, mrr_minor=5, currency="EUR"))) <= 6


def test_a_billing_period_and_a_trial_are_no_contracts_and_a_trait_alone_is_one_of_a_year() -> None:
    assert renewals(bought(mrr_minor=100, currency="EUR", term_months=1, renews_at=END)) == []
    assert renewals(bought(**{**A_YEAR, "status": "trialing"}, renews_at=END)) == []
    alone = renewals(traits(renews_at=END, mrr_minor=70, currency="EUR"))[0]
    assert (alone.ends_at, alone.term_months, alone.mrr_minor, alone.then) == (END, 12, 70, "renewed_by_itself")


def test_what_is_expected_of_the_renewal_that_comes_up_is_a_fact() -> None:
    begun = bought(**A_YEAR, renews_at=END)
    account: Account = after(begun)
    facts = health_of(account, NOW, SHIPPED).facts
    assert {"contract.renewal_forecast", "contract.renewal_outcome"}.isdisjoint(facts)
    after(said(renewals(begun)[0].id, forecast="at_risk", outcome="renewed"), account=account)
    facts = health_of(account, NOW, SHIPPED).facts
    assert (facts["contract.renewal_forecast"], facts["contract.renewal_outcome"]) == ("at_risk", "renewed")


def renewed(*events: Event) -> tuple[Any, ...]:
    """The facts of the renewal that was made last."""
    facts = health_of(after(*events), NOW, SHIPPED).facts
    return tuple(facts.get(f"contract.{name}") for name in ("renewed_at", "renewed_from_minor", "renewed_minor"))


def test_what_renewed_last_is_a_fact_with_what_it_brought_before_and_brings_since() -> None:
    year = {**A_YEAR, "renews_at": datetime(2026, 3, 31, tzinfo=UTC)}
    begun = bought(400, **year)
    assert renewed(bought(**A_YEAR, renews_at=END)) == (None, None, None)
    again = [begun, bought(60, renews_at=datetime(2027, 3, 31, tzinfo=UTC)), bought(50, mrr_minor=80)]
    for order in permutations(again):
        assert renewed(*order) == ("2026-03-31T00:00:00Z", 100, 80)
    # By itself, a day after it was due; and two that were due on one day are one renewal.
    assert renewed(begun) == ("2026-03-31T00:00:00Z", 100, 100)
    other = bought(400, id="b", **{**year, "mrr_minor": 30})
    assert renewed(begun, other) == ("2026-03-31T00:00:00Z", 130, 130)
    # By word, before it is due.
    coming = bought(**A_YEAR, renews_at=END)
    assert renewed(coming, said(renewals(coming)[0].id, outcome="renewed")) == ("2026-08-31T00:00:00Z", 100, 100)
    # What was lost is none.
    assert renewed(bought(400, **year), bought(200, status="canceled")) == (None, None, None)
