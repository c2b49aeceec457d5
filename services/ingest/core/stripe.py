"""Stripe's webhooks: is it really Stripe, and what does its event say in our words?

https://docs.stripe.com/webhooks/signature and https://docs.stripe.com/api. The amount of an invoice is always what was
due before any credit note, so that its events say the same in any order. An invoice that is charged automatically is
due when it is finalized.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
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
_SUBSCRIPTIONS: Final = frozenset(
    f"customer.subscription.{verb}" for verb in ("created", "updated", "paused", "resumed", "deleted")
)
_CREDITS: Final = {"credit_note.created": 1, "credit_note.voided": -1}
_DISPUTES: Final = frozenset({"charge.dispute.created", "charge.dispute.closed"})
_MONTHS: Final = {"day": Fraction(12, 365), "week": Fraction(12, 52), "month": Fraction(1), "year": Fraction(12)}
_OVER: Final = frozenset({"canceled", "incomplete_expired"})
_PAYING: Final = frozenset({"trialing", "active", "past_due"})
"""The states that a pause of collection makes paused: the others say more."""


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
    type, thing = _get(event, "type"), _get(event, "data", "object")
    name = _name(type, thing)
    if name is None:
        return None
    try:
        ours = {
            "id": event["id"],
            "source": SOURCE,
            "type": name,
            "subject": _account(thing),
            "time": _instant(event["created"]),
            "data": _data(type, thing, event["created"]),
        }
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        words = f"The {type} can't be read ({error}). Send webhooks in API version 2022-11-15 or later."
        raise Unusable(words) from None
    return msgspec.Raw(msgspec.json.encode(ours))


def _name(type: Any, thing: Any) -> str | None:
    """What the event is called here. A dispute that doesn't name its invoice says nothing: it names but a charge."""
    if type in _DISPUTES:
        return "payment.disputed" if _disputed(thing) else None
    if type in _CREDITS:
        return "invoice.credited"
    return _INVOICES.get(type) or ("subscription.changed" if type in _SUBSCRIPTIONS else None)


def _data(type: str, thing: Any, created: int) -> dict[str, Any]:
    if type in _DISPUTES:
        ended = type == "charge.dispute.closed"
        # A warning that was closed is an inquiry that never became a dispute.
        state = ("lost" if thing["status"] == "lost" else "won") if ended else "open"
        return {"invoice_id": _disputed(thing), "state": state}
    if type in _CREDITS:
        amount, currency = _CREDITS[type] * thing["amount"], thing["currency"].upper()
        return {"invoice_id": _id_of(thing["invoice"]), "amount_minor": amount, "currency": currency}
    return _invoice(thing, created) if type in _INVOICES else _subscription(thing)


def _disputed(dispute: Any) -> str | None:
    """The invoice of a dispute: as its metadata say, else as the charge says, where that comes with it."""
    return _get(dispute, "metadata", "invoice_id") or _id_of(_get(dispute, "charge", "invoice"))


def _id_of(thing: Any) -> str | None:
    """The id of what may come with it whole."""
    return thing if isinstance(thing, str) else _get(thing, "id")


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
        ("charge", "metadata"),
    ):
        account = _get(thing, *path, "account_id")
        if isinstance(account, str) and account:
            return account
    if not (id := _id_of(thing.get("customer") or _get(thing, "charge", "customer"))):
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
        "amount_minor": invoice["amount_due"] + (invoice.get("pre_payment_credit_notes_amount") or 0),
        "currency": invoice["currency"].upper(),
        "due_at": _instant(due),
        "paid_at": _instant(paid),
        "attempt": invoice.get("attempt_count"),
        "url": invoice.get("hosted_invoice_url"),
    }


def _subscription(subscription: Any) -> dict[str, Any]:
    """Whole: what Stripe has nothing of is null, so that what an earlier message said of it stands no more.

    A month's revenue is after discounts, without tax, one-off and metered prices. What the metadata say (`mrr_minor`,
    `seats`, `plan`) stands before what is reckoned.
    """
    metadata = _get(subscription, "metadata") or {}
    every = subscription["items"]["data"]
    items = [item for item in every if _is_licensed(item)]
    status = subscription["status"]
    if subscription.get("pause_collection") and status in _PAYING:
        status = "paused"
    over = status in _OVER
    ends = [end for item in every if (end := item.get("current_period_end")) is not None]
    ends = ends or [end for end in [subscription.get("current_period_end")] if end is not None]
    renews = min(ends, default=None)
    leaves = subscription.get("cancel_at") or (renews if subscription.get("cancel_at_period_end") else None)
    ends_at = subscription.get("ended_at") if over else leaves
    price = _price((items or every)[0]) if every else {}
    said = metadata.get("plan") or price.get("lookup_key") or price.get("nickname") or price.get("product")
    details = _get(subscription, "cancellation_details") or {}
    mrr, discount = (0, 0) if over else _revenue(subscription, items, metadata)
    return {
        "subscription_id": subscription["id"],
        "mrr_minor": mrr,
        "currency": subscription["currency"].upper(),
        "plan": str(said or "unknown")[:128],
        "seats": _seats(items, metadata),
        "started_at": _instant(subscription.get("start_date")),
        "renews_at": None if over or leaves else _instant(renews),
        "ends_at": _instant(ends_at),
        "term_months": max((_term(item) for item in items), default=None),
        "status": status,
        "reason": details.get("comment") or details.get("feedback") or details.get("reason"),
        "discount_minor": discount or None,
    }


def _price(item: Any) -> dict[str, Any]:
    found = item.get("price") or item.get("plan") or {}
    return found if isinstance(found, dict) else {}


def _recurring(item: Any) -> Any:
    """How often the item's price is paid; None of one that is paid once."""
    price = _price(item)
    return price.get("recurring") or ({"interval": price["interval"], **price} if price.get("interval") else None)


def _is_licensed(item: Any) -> bool:
    """Whether the item is paid again and again, whatever is used."""
    recurring = _recurring(item)
    return recurring is not None and recurring.get("usage_type") != "metered"


def _months(item: Any) -> Fraction:
    """How many months the item's price is for."""
    recurring = _recurring(item)
    return _MONTHS[recurring["interval"]] * int(recurring.get("interval_count") or 1)


def _term(item: Any) -> int:
    """The same in whole months, at least one."""
    return max(1, round(_months(item)))


def _seats(items: Iterable[Any], metadata: Mapping[str, Any]) -> int:
    """`metadata.seats`, else the largest quantity of an item: the others are add-ons."""
    if str(metadata.get("seats", "")).isdecimal():
        return int(metadata["seats"])
    return max((int(item.get("quantity") or 0) for item in items), default=0)


def _revenue(subscription: Any, items: Sequence[Any], metadata: Mapping[str, Any]) -> tuple[int, int]:
    """A month's revenue after discounts, and these, in minor units: `metadata.mrr_minor`, else by the prices."""
    if str(metadata.get("mrr_minor", "")).isdecimal():
        return int(metadata["mrr_minor"]), 0
    gross = net = Fraction(0)
    for item in items:
        costs = _costs(item)
        gross += costs
        net += _discounted(costs, _coupons(item), _months(item))
    period = min(map(_months, items), default=Fraction(1))
    net = _discounted(net, _coupons(subscription), period)
    paid = _whole(net)
    return paid, _whole(gross) - paid


def _whole(exact: Fraction) -> int:
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    return int(decimal.quantize(Decimal(1), ROUND_HALF_UP))


def _costs(item: Any) -> Fraction:
    """What an item costs a month, before discounts: its price times its quantity."""
    price = _price(item)
    names = ("unit_amount_decimal", "unit_amount", "amount_decimal", "amount")
    amount = next((price[name] for name in names if price.get(name) is not None), None)
    if amount is None:
        raise Unusable(
            f"The price {price.get('id')} has tiers, so a month's revenue is not known from it. "
            "Put mrr_minor (in minor units) in the subscription's metadata."
        )
    return Fraction(str(amount)) * _packages(item, price) / _months(item)


def _coupons(thing: Any) -> list[Mapping[str, Any]]:
    """The coupons that lower every payment of a subscription or an item: those for one payment alone do not.

    A discount that Stripe names by its id alone can't be reckoned with.
    """
    discounts = [*(thing.get("discounts") or ()), thing.get("discount")]
    found = [_get(one, "coupon") or _get(one, "source", "coupon") for one in discounts]
    return [coupon for coupon in found if isinstance(coupon, Mapping) and coupon.get("duration") != "once"]


def _discounted(monthly: Fraction, coupons: Iterable[Mapping[str, Any]], months: Fraction) -> Fraction:
    """What is left of an amount a month; an amount off is off each payment, which is for so many months."""
    for coupon in coupons:
        if coupon.get("percent_off") is not None:
            monthly *= 1 - Fraction(str(coupon["percent_off"])) / 100
        elif coupon.get("amount_off") is not None:
            monthly -= Fraction(coupon["amount_off"]) / months
    return max(monthly, Fraction(0))


def _packages(item: Any, price: Mapping[str, Any]) -> int:
    """How many times the price is paid; some prices are for packages, such as ten seats."""
    quantity = 1 if item.get("quantity") is None else int(item["quantity"])
    package = price.get("transform_quantity")
    if not package:
        return quantity
    whole, rest = divmod(quantity, int(package["divide_by"]))
    return whole + (1 if rest and package.get("round") == "up" else 0)
