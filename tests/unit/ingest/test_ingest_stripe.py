"""Stripe's webhooks, made from its own published objects."""

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.core import stripe
from services.ingest.core.checking import Checked, check
from services.ingest.core.senders import Sender
from tests.support.stream import NOON

SECRET = "whsec_test"
GOLDEN = Path(__file__).parents[2] / "golden" / "stripe"
STAMP = int(NOON.timestamp())


def an_invoice(**changes: Any) -> dict[str, Any]:
    return {**json.loads((GOLDEN / "invoice.json").read_text()), **changes}


def a_subscription(**changes: Any) -> dict[str, Any]:
    plain = {"cancel_at": None, "cancel_at_period_end": False, "pause_collection": None, "start_date": STAMP - 86_400}
    return {**json.loads((GOLDEN / "subscription.json").read_text()), **plain, **changes}


def an_item(amount: str | None = "2000", quantity: int = 1, interval: str = "month", **price: Any) -> dict[str, Any]:
    recurring = {"interval": interval, "interval_count": price.pop("count", 1), "usage_type": "licensed"}
    return {
        "quantity": quantity,
        "current_period_end": STAMP + 86_400,
        "price": {"id": "price_1", "unit_amount_decimal": amount, "recurring": recurring, **price},
    }


def delivered(type: str, thing: dict[str, Any]) -> bytes:
    return json.dumps({"id": "evt_1", "type": type, "created": STAMP - 60, "data": {"object": thing}}).encode()


def signed(body: bytes, secret: str = SECRET, at: int = STAMP) -> str:
    return "v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def read(type: str, thing: dict[str, Any]) -> Checked:
    raw = stripe.translate(delivered(type, thing))
    assert raw is not None
    good, refused = check([raw], NOON, Sender(stripe.SOURCE))
    assert refused == []
    return good[0]


A_CREDIT = {"customer": "cus_1", "invoice": "in_1", "amount": 2500, "currency": "eur"}
A_DISPUTE = {"charge": {"customer": "cus_1", "invoice": "in_1"}, "status": "needs_response"}


@pytest.mark.parametrize(("type", "amount"), [("credit_note.created", 2500), ("credit_note.voided", -2500)])
def test_a_credit_note_lowers_its_invoice_and_a_voided_one_no_more(type: str, amount: int) -> None:
    event = read(type, A_CREDIT)
    assert event.type == "invoice.credited"
    assert data_of(event) == {"invoice_id": "in_1", "amount_minor": amount, "currency": "EUR"}


def test_the_amount_of_an_invoice_is_the_same_before_and_after_a_credit_note() -> None:
    before, after = an_invoice(amount_due=9000), an_invoice(amount_due=6500, pre_payment_credit_notes_amount=2500)
    assert {data_of(read("invoice.finalized", one))["amount_minor"] for one in (before, after)} == {9000}


@pytest.mark.parametrize(
    ("type", "status", "state"),
    [
        ("charge.dispute.created", "needs_response", "open"),
        ("charge.dispute.closed", "lost", "lost"),
        ("charge.dispute.closed", "won", "won"),
        ("charge.dispute.closed", "warning_closed", "won"),
    ],
)
def test_a_dispute_is_about_the_invoice_that_its_charge_or_its_metadata_name(
    type: str, status: str, state: str
) -> None:
    for thing in (A_DISPUTE, {"charge": "ch_1", "metadata": {"invoice_id": "in_1", "account_id": "acme"}}):
        assert data_of(read(type, {**thing, "status": status})) == {"invoice_id": "in_1", "state": state}


def test_a_dispute_that_names_a_charge_alone_says_nothing() -> None:
    assert stripe.translate(delivered("charge.dispute.created", {**A_DISPUTE, "charge": "ch_1"})) is None


def data_of(event: Checked) -> Any:
    return msgspec.json.decode(event.attributes["data"])


def test_one_fitting_signature_of_several_is_enough() -> None:
    stripe.verify(f"t={STAMP},{signed(b'{}', 'whsec_old')},{signed(b'{}')},v0=abc", b"{}", SECRET, NOON)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "no Stripe-Signature"),
        ("v1=abc", "no time"),
        (f"t={STAMP},{signed(b'{}', 'whsec_other')}", "KEEPWELL_STRIPE_SECRET"),
        (f"t={STAMP},{signed(b'other')}", "doesn't fit"),
        (f"t={STAMP - 301},{signed(b'{}', at=STAMP - 301)}", "300 s"),
        (f"t={STAMP + 301},{signed(b'{}', at=STAMP + 301)}", "300 s"),
        ("t=²,v1=ä", "no time"),
    ],
)
def test_what_stripe_did_not_sign_now_is_refused(header: str | None, words: str) -> None:
    with pytest.raises(stripe.Unsigned, match=words):
        stripe.verify(header, b"{}", SECRET, NOON)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("invoice.finalized", "invoice.issued"),
        ("invoice.paid", "invoice.paid"),
        ("invoice.payment_failed", "invoice.payment_failed"),
        ("invoice.voided", "invoice.voided"),
    ],
)
def test_an_invoice_says_the_same_in_our_words(theirs: str, ours: str) -> None:
    event = read(theirs, an_invoice(due_date=STAMP, attempt_count=2))
    assert (event.id, event.source, event.type) == ("evt_1", "stripe", ours)
    assert event.subject == "stripe:cus_QXg1o8vcGmoR32"
    assert event.time == NOON - timedelta(seconds=60)
    data = data_of(event)
    assert (data["amount_minor"], data["currency"], data["attempt"]) == (1000, "USD", 2)
    assert data["due_at"] == "2026-05-20T12:00:00Z"


def test_a_paid_invoice_says_when() -> None:
    paid = an_invoice(status="paid", status_transitions={"paid_at": STAMP - 90})
    assert data_of(read("invoice.paid", paid))["paid_at"] == "2026-05-20T11:58:30Z"


def test_an_invoice_that_is_charged_automatically_is_due_when_it_is_finalized() -> None:
    invoice = an_invoice(due_date=None, status_transitions={"finalized_at": STAMP})
    assert data_of(read("invoice.payment_failed", invoice))["due_at"] == "2026-05-20T12:00:00Z"


@pytest.mark.parametrize(
    "named",
    [
        {"metadata": {"account_id": "northwind"}},
        {"parent": {"subscription_details": {"metadata": {"account_id": "northwind"}}}},
        {"subscription_details": {"metadata": {"account_id": "northwind"}}},
    ],
)
def test_metadata_name_the_account(named: dict[str, Any]) -> None:
    assert read("invoice.paid", an_invoice(**named)).subject == "northwind"


def test_an_expanded_customer_gives_the_same_alias() -> None:
    assert read("invoice.paid", an_invoice(customer={"id": "cus_9", "object": "customer"})).subject == "stripe:cus_9"


@pytest.mark.parametrize("verb", ["created", "updated", "paused", "resumed", "deleted"])
def test_a_subscription_changed(verb: str) -> None:
    subscription = a_subscription(items={"data": [an_item(quantity=3, lookup_key="pro")]}, currency="eur")
    event = read(f"customer.subscription.{verb}", subscription)
    assert event.type == "subscription.changed"
    assert data_of(event) == {
        "subscription_id": "sub_1Pgc6rB7WZ01zgkWNy0Cn5nw",
        "mrr_minor": 6000,
        "currency": "EUR",
        "plan": "pro",
        "seats": 3,
        "started_at": "2026-05-19T12:00:00Z",
        "renews_at": "2026-05-21T12:00:00Z",
        "ends_at": None,
        "term_months": 1,
        "status": "active",
        "reason": None,
        "discount_minor": None,
    }


@pytest.mark.parametrize(
    ("items", "mrr"),
    [
        ([an_item("120000", interval="year")], 10_000),
        ([an_item("100", interval="year")], 8),
        ([an_item("1200", interval="week")], 5200),
        ([an_item("300", count=3)], 100),
        ([an_item("0.5", quantity=3)], 2),
        ([an_item("2000", quantity=2), an_item("500")], 4500),
        ([an_item("2000", quantity=25, transform_quantity={"divide_by": 10, "round": "up"})], 6000),
        ([an_item("2000", quantity=25, transform_quantity={"divide_by": 10, "round": "down"})], 4000),
        ([an_item("2000", quantity=0)], 0),
        ([], 0),
    ],
)
def test_a_months_revenue(items: list[Any], mrr: int) -> None:
    assert data_of(read("customer.subscription.updated", a_subscription(items={"data": items})))["mrr_minor"] == mrr


def test_a_price_with_tiers_needs_the_revenue_in_the_metadata() -> None:
    tiered = a_subscription(items={"data": [an_item(None)]})
    with pytest.raises(stripe.Unusable, match="mrr_minor"):
        stripe.translate(delivered("customer.subscription.updated", tiered))
    said = {**tiered, "metadata": {"mrr_minor": "420000", "seats": "40", "plan": "pro"}}
    data = data_of(read("customer.subscription.updated", said))
    assert (data["mrr_minor"], data["seats"], data["plan"]) == (420_000, 40, "pro")


def changed(**changes: Any) -> Any:
    """The data of a subscription that was updated."""
    return data_of(read("customer.subscription.updated", a_subscription(**changes)))


def test_a_subscription_that_ends_does_not_renew_and_pays_no_more() -> None:
    over = a_subscription(status="canceled", ended_at=STAMP, cancellation_details={"feedback": "too_expensive"})
    data = data_of(read("customer.subscription.deleted", over))
    assert (data["mrr_minor"], data["renews_at"], data["reason"]) == (0, None, "too_expensive")
    assert data["ends_at"] == "2026-05-20T12:00:00Z"


def test_a_scheduled_end_is_said_and_what_was_withdrawn_is_no_longer() -> None:
    items = {"data": [an_item()]}
    at_period_s_end = changed(items=items, cancel_at_period_end=True)
    assert (at_period_s_end["ends_at"], at_period_s_end["renews_at"]) == ("2026-05-21T12:00:00Z", None)
    later = changed(items=items, cancel_at=STAMP + 9 * 86_400)
    assert (later["ends_at"], later["renews_at"]) == ("2026-05-29T12:00:00Z", None)
    withdrawn = changed(items=items)
    assert (withdrawn["ends_at"], withdrawn["renews_at"]) == (None, "2026-05-21T12:00:00Z")
    assert at_period_s_end["mrr_minor"] == withdrawn["mrr_minor"] == 2000


@pytest.mark.parametrize(
    ("interval", "count", "months"),
    [("month", 1, 1), ("month", 3, 3), ("year", 1, 12), ("year", 2, 24), ("week", 1, 1)],
)
def test_interval_times_count_is_the_term(interval: str, count: int, months: int) -> None:
    assert changed(items={"data": [an_item(interval=interval, count=count)]})["term_months"] == months


@pytest.mark.parametrize(
    ("status", "ours"),
    [("active", "paused"), ("past_due", "paused"), ("unpaid", "unpaid"), ("canceled", "canceled")],
)
def test_a_pause_of_collection_is_a_pause_unless_it_is_over(status: str, ours: str) -> None:
    assert changed(status=status, pause_collection={"behavior": "void", "resumes_at": None})["status"] == ours


@pytest.mark.parametrize(
    "status",
    ["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"],
)
def test_every_state_of_stripe_s_is_one_of_ours(status: str) -> None:
    assert changed(status=status)["status"] == status


A_TENTH = {"coupon": {"percent_off": 10, "duration": "forever"}}
FIVE = {"source": {"coupon": {"amount_off": 500, "duration": "repeating"}}}


@pytest.mark.parametrize(
    ("changes", "mrr", "discount"),
    [
        ({"discounts": [A_TENTH]}, 1800, 200),
        ({"discount": A_TENTH}, 1800, 200),
        ({"discounts": [FIVE]}, 1500, 500),
        ({"discounts": [A_TENTH, FIVE]}, 1300, 700),
        ({"discounts": [{"coupon": {"percent_off": 50, "duration": "once"}}]}, 2000, None),
        ({"discounts": ["di_1"]}, 2000, None),
        ({"discounts": [{"coupon": {"amount_off": 9000, "duration": "forever"}}]}, 0, 2000),
        ({"items": {"data": [{**an_item("24000", interval="year"), "discounts": [FIVE]}]}}, 1958, 42),
    ],
)
def test_revenue_is_after_the_discounts_that_last(changes: dict[str, Any], mrr: int, discount: int | None) -> None:
    data = changed(**{"items": {"data": [an_item()]}, **changes})
    assert (data["mrr_minor"], data["discount_minor"]) == (mrr, discount)


def test_what_is_metered_or_paid_once_counts_neither_as_revenue_nor_as_seats() -> None:
    metered = an_item(None, 900)
    metered["price"]["recurring"]["usage_type"] = "metered"
    once = an_item("5000", 70)
    once["price"]["recurring"] = None
    data = changed(items={"data": [metered, once, an_item("2000", 3, lookup_key="pro")]})
    assert (data["mrr_minor"], data["seats"], data["plan"]) == (6000, 3, "pro")


def test_stripes_own_fixture_reads_and_older_versions_have_the_period_on_the_subscription() -> None:
    assert data_of(read("customer.subscription.updated", a_subscription()))["renews_at"] == "2000-12-08T15:02:53Z"
    item = an_item()
    del item["current_period_end"]
    older = a_subscription(items={"data": [item]}, current_period_end=STAMP)
    assert data_of(read("customer.subscription.updated", older))["renews_at"] == "2026-05-20T12:00:00Z"


def test_other_types_say_nothing_to_us() -> None:
    assert stripe.translate(delivered("charge.refunded", {})) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", delivered("invoice.paid", {"id": "in_1"})])
def test_what_can_not_be_read_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(stripe.Unusable):
        stripe.translate(body)
