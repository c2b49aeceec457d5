"""Invoices and subscriptions. Money is integer minor units with an ISO 4217 code."""

from shared.messages.fields import Count, Currency, CustomerEvent, Id, Minor, Text, Time


class Invoice(CustomerEvent, frozen=True, kw_only=True):
    """An invoice at the event's time: the data of `invoice.issued`, `.paid`, `.payment_failed` and `.voided`."""

    types = ("invoice.issued", "invoice.paid", "invoice.payment_failed", "invoice.voided")

    invoice_id: Id
    amount_minor: Minor
    currency: Currency
    due_at: Time | None = None
    paid_at: Time | None = None
    attempt: Count | None = None


class SubscriptionChanged(CustomerEvent, frozen=True, kw_only=True):
    """What the account now subscribes to; its fields beat the account's traits. `mrr_minor` is a month's revenue."""

    types = ("subscription.changed",)

    mrr_minor: Minor
    currency: Currency
    plan: Id
    seats: Count
    renews_at: Time | None = None
    status: Id = "active"
    reason: Text | None = None
