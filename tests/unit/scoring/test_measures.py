"""Each measure says what a customer-success manager would: a number, or why there is none."""

import pytest

from services.scoring.core.health import health_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import points_on
from services.scoring.core.state import Account
from shared.conditions import MEASURES as NAMES
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_ticket,
    an_account,
    an_event,
    an_invoice,
    ces,
    csat,
    nps,
    read,
)


def test_they_are_the_measures_that_conditions_know() -> None:
    assert tuple(MEASURES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_of_an_account_that_nothing_is_known_of_there_is_no_data_but_a_reason(name: str) -> None:
    raw, words = read(name, Account("acme"))
    assert raw is None
    assert words


def test_load_is_tickets_in_30_days_per_ten_seats() -> None:
    account = an_account(a_ticket("a"), a_ticket("b", at=NOW - 29 * DAY), a_ticket("c", at=NOW - 30 * DAY), seats=20)
    assert read("support.load", account) == (1, "2 tickets in 30 days, 1 per 10 seats")


def test_resolution_is_the_median_of_90_days() -> None:
    account = an_account(
        *(a_ticket(f"T{h}", type="closed", at=NOW, opened_at=NOW - h / 24 * DAY) for h in (2, 10, 400)),
        a_ticket("old", type="closed", at=NOW - 91 * DAY, opened_at=NOW - 300 * DAY),
    )
    assert read("support.resolution", account)[0] == 10


def test_an_urgent_ticket_is_named_with_its_age() -> None:
    account = an_account(a_ticket("T-118", opened_at=NOW - 5 * DAY, priority="urgent"))
    assert read("support.urgent", account) == (1, "urgent ticket T-118 open for 5 days")
    assert read("support.urgent", an_account(a_ticket(type="closed"))) == (0, "no urgent ticket is open")


def test_nps_is_of_the_latest_answer_of_each_contact_in_180_days() -> None:
    account = an_account(
        nps(2, contact="a", at=NOW - 9 * DAY),
        nps(10, contact="a"),
        nps(9, contact="b"),
        nps(0, contact="c", at=NOW - 180 * DAY),
    )
    assert read("feedback.nps", account) == (100, "NPS 100 from 2 answers")


def test_relational_and_transactional_answers_are_never_mixed() -> None:
    moment = nps(0, contact="b", survey_kind="transactional")
    assert read("feedback.nps", an_account(nps(10), moment))[0] == 100
    assert read("feedback.nps", an_account(moment))[0] == -100


def test_csat_and_ces() -> None:
    assert read("feedback.csat", an_account(csat(4), csat(3)))[0] == 70
    assert read("feedback.ces", an_account(ces(7), ces(2)))[0] == 4.5


def test_punctuality_weighs_days_late_by_amount() -> None:
    due = NOW - 40 * DAY
    account = an_account(
        an_invoice("paid", "a", amount_minor=300, due_at=due.isoformat(), paid_at=(due + 8 * DAY).isoformat()),
        an_invoice("paid", "b", amount_minor=100, due_at=due.isoformat(), paid_at=(due - 8 * DAY).isoformat()),
        an_invoice("voided", "c", amount_minor=900, due_at=due.isoformat()),
    )
    assert read("billing.punctuality", account) == (6, "pays 6 days late on average")


def test_overdue_counts_from_the_day_after_it_was_due() -> None:
    account = an_account(an_invoice(invoice_id="I-9", at=NOW - 60 * DAY, due_at=(NOW - 35 * DAY).isoformat()))
    assert read("billing.overdue", account) == (35, "invoice I-9 is 35 days overdue")
    assert read("billing.overdue", account, NOW - 35 * DAY) == (0, "nothing is overdue")


def test_money_of_two_currencies_is_never_added_up() -> None:
    due = NOW - 40 * DAY
    late = an_invoice(invoice_id="eur", amount_minor=1000, due_at=(due + DAY).isoformat())
    yen = an_invoice(invoice_id="jpy", amount_minor=500_000, currency="JPY", due_at=due.isoformat())
    paid = an_invoice("paid", "paid", amount_minor=3000, due_at=due.isoformat(), paid_at=due.isoformat())
    account = an_account(late, yen, paid)
    assert health_of(account, NOW, SHIPPED).facts["billing.overdue_minor"] == 1000
    assert read("billing.punctuality", account)[0] == 39 / 4
    assert read("billing.overdue", account) == (40, "invoice jpy is 40 days overdue, and 1 more")
    elsewhere = an_account(yen)
    assert health_of(elsewhere, NOW, SHIPPED).facts["billing.overdue_minor"] == 0
    assert (read("billing.overdue", elsewhere)[0], read("billing.punctuality", elsewhere)[0]) == (40, 40)
    assert health_of(an_account(yen, currency=None), NOW, SHIPPED).facts["billing.overdue_minor"] == 500_000


def test_a_credit_note_is_never_overdue() -> None:
    account = an_account(an_invoice(amount_minor=-500, due_at=(NOW - 40 * DAY).isoformat()))
    assert read("billing.overdue", account) == (0, "nothing is overdue")
    assert health_of(account, NOW, SHIPPED).facts["billing.overdue_minor"] == 0


def test_progress_is_measured_against_what_is_expected_by_age() -> None:
    account = an_account(an_event("milestone.reached", milestone="workspace_created"), signed=NOW - 20 * DAY)
    assert read("onboarding.progress", account) == (
        50,
        "1 of 2 milestones reached that are due by day 20; missing data imported",
    )


def test_silence_counts_from_the_last_interaction() -> None:
    account = an_account(an_event("interaction.logged", at=NOW - 40 * DAY, kind="call"))
    assert read("relationship.silence", account) == (40, "no contact for 40 days")


def test_curves_are_straight_between_their_points_and_level_outside() -> None:
    curve = ((0.0, 100.0), (10.0, 50.0), (20.0, 0.0))
    assert [points_on(curve, raw) for raw in (-5, 0, 5, 10, 13, 99)] == [10_000, 10_000, 7_500, 5_000, 3_500, 0]
