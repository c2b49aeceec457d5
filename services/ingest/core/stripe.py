"""Stripe's webhooks: is it really Stripe, and what does its event say in our words?

https://docs.stripe.com/webhooks/signature and https://docs.stripe.com/api. The amount of an invoice is always what was
due, so that its events say the same in any order. An invoice that is charged automatically is due when it is finalized.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

TOLERANCE: Final = timedelta(seconds=300)
SOURCE: Final = "stripe"

_INVOICES: Final = {
    "invoice.finalized": "invoice.issued",
    "invoice.paid": "invoice.paid",
    "invoice.payment_failed": "invoice.payment_failed",
    "invoice.voided": "invoice.voided",
}
_SUBSCRIPTIONS: Final = frozenset(f"customer.subscription.{verb}" for verb in ("created", "updated", "deleted"))
_MONTHS: Final = {"day": Fraction(12, 365), "week": Fraction(12, 52), "month": Fraction(1), "year": Fraction(12)}
_OVER: Final = frozenset({"canceled", "incomplete_expired"})


class Unsigned(Exception):
    """The signature doesn't prove that Stripe sent this; the text says why."""


class Unusable(Exception):
    """Stripe sent it, but it lacks what we need; the text says what to do in Stripe."""


def read_signature(header: str | None, now: datetime) -> tuple[str, list[str]]:
    """The time and the proofs in a `Stripe-Signature`, of within 300 s. Raises `Unsigned`."""
    if not header:
        raise Unsigned("There is no Stripe-Signature header. Only Stripe may post here.")
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdecimal() and len(stamps[0]) < 12):
        raise Unsigned("The Stripe-Signature header has no time (t=…).")
    if abs(now.timestamp() - int(stamps[0])) > TOLERANCE.total_seconds():
        raise Unsigned("The signature is older than 300 s, or from the future. Check this machine's clock.")
    return stamps[0], [value for name, _, value in parts if name == "v1"]


def verify(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """Check a `Stripe-Signature`: any of its proofs may fit. Raises `Unsigned`."""
    stamp, proofs = read_signature(header, now)
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    if not any(hmac.compare_digest(proof.encode(), wanted) for proof in proofs):
        raise Unsigned(
            "The signature doesn't fit. Set KEEPWELL_STRIPE_SECRET to this endpoint's signing secret (whsec_…)."
        )


def translate(body: bytes) -> msgspec.Raw | None:
    """Stripe's event as one of ours, to be checked like any other; None for a type that says nothing to us.

    Raises `Unusable`.
    """
    try:
        event = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unusable("The body is not JSON.") from None
    type = _get(event, "type")
    name = _INVOICES.get(type) or ("subscription.changed" if type in _SUBSCRIPTIONS else None)
    if name is None:
        return None
    thing = _get(event, "data", "object")
    try:
        ours = {
            "id": event["id"],
            "source": SOURCE,
            "type": name,
            "subject": _account(thing),
            "time": _instant(event["created"]),
            "data": _invoice(thing, event["created"]) if type in _INVOICES else _subscription(thing),
        }
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        words = f"The {type} can't be read ({error}). Send webhooks in API version 2022-11-15 or later."
        raise Unusable(words) from None
    return msgspec.Raw(msgspec.json.encode(ours))


def _get(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _account(thing: Any) -> str:
    """The account that the metadata name, of the invoice or of its subscription; else the customer's alias."""
    for path in (
        ("metadata",),
        ("parent", "subscription_details", "metadata"),
        ("subscription_details", "metadata"),
        ("subscription", "metadata"),
    ):
        account = _get(thing, *path, "account_id")
        if isinstance(account, str) and account:
            return account
    customer = thing["customer"]
    if not (id := customer if isinstance(customer, str) else _get(customer, "id")):
        raise Unusable("There is no customer, and no metadata.account_id that names the account.")
    return f"stripe:{id}"


def _invoice(invoice: Any, created: int) -> dict[str, Any]:
    transitions = _get(invoice, "status_transitions")
    due = invoice.get("due_date")
    if due is None and invoice.get("collection_method") == "charge_automatically":
        due = _get(transitions, "finalized_at") or invoice.get("effective_at")
    paid = (_get(transitions, "paid_at") or created) if invoice.get("status") == "paid" else None
    return {
        "invoice_id": invoice["id"],
        "amount_minor": invoice["amount_due"],
        "currency": invoice["currency"].upper(),
        "due_at": _instant(due),
        "paid_at": _instant(paid),
        "attempt": invoice.get("attempt_count"),
    }


def _subscription(subscription: Any) -> dict[str, Any]:
    metadata = _get(subscription, "metadata") or {}
    items = subscription["items"]["data"]
    status = subscription["status"]
    over = status in _OVER
    ends = [end for item in items if (end := item.get("current_period_end")) is not None]
    ends = ends or [end for end in [subscription.get("current_period_end")] if end is not None]
    leaves = over or subscription.get("cancel_at_period_end") or subscription.get("cancel_at")
    price = _price(items[0]) if items else {}
    said = metadata.get("plan") or price.get("lookup_key") or price.get("nickname") or price.get("product")
    details = _get(subscription, "cancellation_details") or {}
    return {
        "mrr_minor": 0 if over else _monthly(items, metadata),
        "currency": subscription["currency"].upper(),
        "plan": str(said or "unknown")[:128],
        "seats": _seats(items, metadata),
        "renews_at": None if leaves or not ends else _instant(min(ends)),
        "status": status,
        "reason": details.get("comment") or details.get("feedback") or details.get("reason"),
    }


def _price(item: Any) -> dict[str, Any]:
    found = item.get("price") or item.get("plan") or {}
    return found if isinstance(found, dict) else {}


def _seats(items: Iterable[Any], metadata: Mapping[str, Any]) -> int:
    """`metadata.seats`, else the largest quantity of an item: the others are add-ons."""
    if str(metadata.get("seats", "")).isdecimal():
        return int(metadata["seats"])
    return max((int(item.get("quantity") or 0) for item in items), default=0)


def _monthly(items: Iterable[Any], metadata: Mapping[str, Any]) -> int:
    """A month's revenue in minor units: `metadata.mrr_minor`, else each item's price times quantity, per month."""
    if str(metadata.get("mrr_minor", "")).isdecimal():
        return int(metadata["mrr_minor"])
    total = Fraction(0)
    for item in items:
        price = _price(item)
        recurring = price.get("recurring") or {"interval": price.get("interval"), **price}
        if recurring.get("usage_type") == "metered":
            continue
        names = ("unit_amount_decimal", "unit_amount", "amount_decimal", "amount")
        amount = next((price[name] for name in names if price.get(name) is not None), None)
        if amount is None:
            raise Unusable(
                f"The price {price.get('id')} has tiers, so a month's revenue is not known from it. "
                "Put mrr_minor (in minor units) in the subscription's metadata."
            )
        months = _MONTHS[recurring["interval"]] * int(recurring.get("interval_count") or 1)
        total += Fraction(str(amount)) * _packages(item, price) / months
    exact = Decimal(total.numerator) / Decimal(total.denominator)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _packages(item: Any, price: Mapping[str, Any]) -> int:
    """How many times the price is paid; some prices are for packages, such as ten seats."""
    quantity = 1 if item.get("quantity") is None else int(item["quantity"])
    package = price.get("transform_quantity")
    if not package:
        return quantity
    whole, rest = divmod(quantity, int(package["divide_by"]))
    return whole + (1 if rest and package.get("round") == "up" else 0)
