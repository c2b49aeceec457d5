"""How an account pays: late by habit or beyond it, a payment that fails, an invoice that nobody waits for any more."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from services.scoring.core.health import health_of
from shared.conditions import Facts, Scope, Truth, evaluate, parse
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_card_of,
    after,
    an_account,
    an_event,
    an_invoice,
    assessed,
    busy,
    told,
)


def paid(invoice: str, due: float, late: float, amount_minor: int = 10_000) -> Event:
    """An invoice that was due so many days ago and paid so many days later."""
    at = NOW - due * DAY
    dates = {"due_at": at.isoformat(), "paid_at": (at + late * DAY).isoformat()}
    return an_invoice("paid", invoice, at=at + late * DAY, amount_minor=amount_minor, **dates)


def due(invoice: str, days: float) -> Event:
    """An open invoice that was due so many days ago."""
    return an_invoice("issued", invoice, at=NOW - (days + 30) * DAY, due_at=(NOW - days * DAY).isoformat())


LATE_PAYER = [paid(f"p{month}", 40 + 30 * month, late=25) for month in range(4)]


def holds(condition: str, *events: Event) -> bool:
    """Whether a condition holds of such an account."""
    facts = Facts.of(health_of(an_account(*events), NOW, SHIPPED).facts)
    return evaluate(parse(condition, Scope()), facts, NOW) is Truth.TRUE


def test_who_always_pays_late_is_told_so_and_has_no_points_there() -> None:
    read = health_of(an_account(*LATE_PAYER), NOW, SHIPPED).readings["billing.punctuality"]
    assert (read.raw, read.words, read.points) == (25, "pays 25 days late, as usual", 0)


def test_later_than_usual_is_not_as_usual() -> None:
    read = health_of(an_account(*LATE_PAYER, due("I-9", 90)), NOW, SHIPPED).readings["billing.punctuality"]
    assert read.words == "pays 38 days late on average"


@pytest.mark.parametrize(("days", "beyond"), [(35, False), (39, False), (40, True), (60, True)])
def test_what_is_overdue_is_measured_against_their_own_habit(days: int, beyond: bool) -> None:
    assert holds("billing.overdue >= 30 days", *LATE_PAYER, due("I-9", days))
    assert holds("billing.beyond_habit >= 15 days", *LATE_PAYER, due("I-9", days)) is beyond


def test_one_or_two_late_payments_are_no_habit() -> None:
    assert holds("billing.beyond_habit >= 15 days", *LATE_PAYER[:2], due("I-9", 20))
    assert not holds("billing.beyond_habit >= 15 days", *LATE_PAYER[:3], due("I-9", 20))


def test_who_owes_nothing_is_nothing_beyond_their_habit() -> None:
    assert holds("billing.beyond_habit == 0 days", *LATE_PAYER)


def test_an_overdue_invoice_says_whether_they_usually_pay_late() -> None:
    read = health_of(an_account(*LATE_PAYER, due("I-9", 35)), NOW, SHIPPED).readings["billing.overdue"]
    assert read.words == "invoice I-9 is 35 days overdue; they usually pay 25 days late"


def test_an_invoice_of_half_a_year_ago_is_shown_and_holds_nothing_down() -> None:
    account = an_account(*busy(range(80)), due("old", 180))
    health = health_of(account, NOW, SHIPPED)
    read = health.readings["billing.overdue"]
    assert (read.raw, read.words) == (0, "nothing else is overdue; 1 invoice of more than 180 days ago is still open")
    assert health.facts["billing.overdue_minor"] == 10_000
    assert "billing.overdue_since" not in health.facts
    assert health.score.cap is None
    assert health_of(account, NOW - DAY, SHIPPED).readings["billing.overdue"].raw == 179


@pytest.mark.parametrize(("days", "points"), [(0, 7500), (3, 6500), (7, 4000), (14, 0)])
def test_a_failing_payment_costs_more_the_longer_it_fails(days: int, points: int) -> None:
    failed = an_invoice("payment_failed", at=NOW - days * DAY)
    assert health_of(an_account(failed), NOW, SHIPPED).readings["billing.failed"].points == points
    assert holds(f"billing.failed >= {days} days", failed)


def test_a_payment_that_fails_moves_the_score_while_it_does() -> None:
    rules = a_card_of("usage.recency", "billing.failed")
    account = an_account(*busy(range(80)))
    before = assessed(account, rules=rules)
    failed = an_invoice("payment_failed", "I-7")
    outcome = assessed(an_account(*busy(range(80)), failed), before=before.decision, by=failed, rules=rules)
    one = told(outcome)
    assert one.score is not None
    assert one.previous_score is not None
    assert one.score < one.previous_score
    assert [(driver.name, driver.reason) for driver in one.drivers] == [("billing.failed", "a payment failed today")]
    late = NOW + timedelta(hours=1)
    settled = an_invoice("paid", "I-7", at=late)
    again = told(
        assessed(
            an_account(*busy(range(80)), failed, settled), before=outcome.decision, by=settled, now=late, rules=rules
        )
    )
    assert again.score == one.previous_score


def test_where_no_payment_is_failing_there_is_no_data() -> None:
    readings = health_of(an_account(*LATE_PAYER), NOW, SHIPPED).readings
    assert (readings["billing.failed"].raw, readings["billing.failed"].words) == (None, "no payment is failing")


def disputed(state: str, invoice: str = "I-9", at: datetime = NOW - 9 * DAY) -> Event:
    """A dispute about an invoice."""
    return an_event("payment.disputed", at=at, invoice_id=invoice, state=state)


def credited(amount_minor: int, invoice: str = "I-9", at: datetime = NOW - 9 * DAY, currency: str = "EUR") -> Event:
    """A credit note for an invoice."""
    return an_event("invoice.credited", at=at, invoice_id=invoice, amount_minor=amount_minor, currency=currency)


def test_while_it_is_disputed_an_invoice_is_said_so_and_holds_nobody_down() -> None:
    health = health_of(an_account(*busy(range(80)), due("I-9", 65), disputed("open")), NOW, SHIPPED)
    read = health.readings["billing.overdue"]
    assert (read.raw, read.words, health.score.cap) == (0, "nothing else is overdue; invoice I-9 is disputed", None)
    assert health.facts["billing.overdue_minor"] == 10_000


@pytest.mark.parametrize("state", ["won", "lost"])
def test_when_the_dispute_is_over_it_is_overdue_again(state: str) -> None:
    over = disputed(state, at=NOW - 5 * DAY)
    health = health_of(an_account(*busy(range(80)), due("I-9", 65), over, disputed("open")), NOW, SHIPPED)
    assert health.readings["billing.overdue"].words == "invoice I-9 is 65 days overdue"
    assert health.score.points == 4900


def test_money_that_went_back_to_them_is_owed_again_until_it_is_paid_anew() -> None:
    went_back = [paid("I-9", 65, late=1), disputed("lost")]
    assert holds("billing.overdue >= 60 days", *went_back)
    assert not holds("billing.overdue >= 60 days", paid("I-9", 65, late=1), disputed("won"))
    assert not holds("billing.overdue >= 1 days", *went_back, paid("I-9", 65, late=60))


def test_a_credit_lowers_what_is_overdue_and_a_whole_one_ends_it_without_lateness() -> None:
    part = health_of(an_account(due("I-9", 65), credited(4_000), credited(1, currency="USD")), NOW, SHIPPED)
    assert part.facts["billing.overdue_minor"] == 6_000
    whole = health_of(an_account(due("I-9", 65), credited(4_000), credited(6_000)), NOW, SHIPPED)
    assert whole.facts["billing.overdue_minor"] == 0
    assert whole.readings["billing.overdue"].words == "nothing is overdue"
    assert whole.readings["billing.punctuality"].raw is None
    taken_back = (due("I-9", 65), credited(10_000), credited(-10_000))
    assert holds("billing.overdue >= 60 days", *taken_back)


def test_a_dispute_or_a_credit_may_be_heard_of_before_the_invoice() -> None:
    events = [due("I-9", 65), disputed("open"), credited(4_000)]
    rows = [an_account(*some).invoices for some in permutations(events)]
    assert all(row == rows[0] for row in rows)


def test_a_payment_in_dispute_weighs_and_caps_nothing_until_the_dispute_is_over() -> None:
    account = an_account(*busy(range(80)), paid("I-9", 65, late=1), disputed("open"))
    health = health_of(account, NOW, SHIPPED)
    read = health.readings["billing.failed"]
    assert (read.raw, read.words) == (9, "the payment of invoice I-9 has been in dispute for 9 days")
    assert (read.points, health.score.cap) == (2857, None)
    won = health_of(after(disputed("won", at=NOW), account=account), NOW, SHIPPED)
    assert won.readings["billing.failed"].words == "no payment is failing"


def test_the_invoices_whose_payment_fails_are_known_by_id_until_they_are_settled_or_disputed() -> None:
    def known(*events: Event) -> object:
        return health_of(an_account(*events), NOW, SHIPPED).facts.get("billing.failing_invoices")

    first, second = (an_invoice("payment_failed", id, at=NOW - DAY) for id in ("I-2", "I-1"))
    assert known() is None
    assert known(first, second) == ["I-1", "I-2"]
    assert known(first, second, an_invoice("paid", "I-2")) == ["I-1"]
    assert known(first, disputed("open", "I-2", NOW), an_invoice("voided", "I-1")) == []
    assert known(an_invoice("payment_failed", "I-9", at=NOW - 181 * DAY)) == []
