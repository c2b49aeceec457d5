"""Invoices and subscriptions. Money is integer minor units with an ISO 4217 code."""

from typing import Annotated, Literal

import msgspec

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
    url: Text | None = None
    """Where it can be seen."""


class InvoiceCredited(CustomerEvent, frozen=True, kw_only=True):
    """A part of an invoice, or all of it, need not be paid. Each note of it counts; less than 0 takes one back."""

    types = ("invoice.credited",)

    invoice_id: Id
    amount_minor: Minor
    currency: Currency


class PaymentDisputed(CustomerEvent, frozen=True, kw_only=True):
    """The customer disputes what an invoice asks for, or that it was theirs to pay; `lost`: the money is not ours."""

    types = ("payment.disputed",)

    invoice_id: Id
    state: Literal["open", "won", "lost"]


Status = Literal["trialing", "active", "past_due", "paused", "incomplete", "incomplete_expired", "unpaid", "canceled"]
Months = Annotated[int, msgspec.Meta(ge=1, le=1200, description="Whole months, 1 or more.")]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650, description="Whole days, 0 or more.")]


class SubscriptionChanged(CustomerEvent, frozen=True, kw_only=True):
    """What changed of one subscription; subscriptions beat the account's traits.

    At least one field is given. One that is left out is unchanged; null clears it. Without `subscription_id` it is the
    account's unnamed one, which counts only while there is no named one.
    """

    types = ("subscription.changed",)

    subscription_id: Id | None | msgspec.UnsetType = msgspec.UNSET
    mrr_minor: Minor | None | msgspec.UnsetType = msgspec.UNSET
    """A month's revenue after discounts, without tax and what is paid once or by use."""
    currency: Currency | None | msgspec.UnsetType = msgspec.UNSET
    plan: Id | None | msgspec.UnsetType = msgspec.UNSET
    seats: Count | None | msgspec.UnsetType = msgspec.UNSET
    started_at: Time | None | msgspec.UnsetType = msgspec.UNSET
    renews_at: Time | None | msgspec.UnsetType = msgspec.UNSET
    """The end of the term that runs; what is not cancelled goes on from there."""
    ends_at: Time | None | msgspec.UnsetType = msgspec.UNSET
    """When it ends, by cancellation or notice: it is live until then."""
    term_months: Months | None | msgspec.UnsetType = msgspec.UNSET
    auto_renews: bool | None | msgspec.UnsetType = msgspec.UNSET
    """True unless said."""
    notice_days: Days | None | msgspec.UnsetType = msgspec.UNSET
    """30 unless said."""
    status: Status | None | msgspec.UnsetType = msgspec.UNSET
    """Active unless said."""
    reason: Text | None | msgspec.UnsetType = msgspec.UNSET
    discount_minor: Minor | None | msgspec.UnsetType = msgspec.UNSET
    """What a month's revenue is lower by for discounts; `mrr_minor` is without it."""

    def __post_init__(self) -> None:
        if all(getattr(self, name) is msgspec.UNSET for name in self.__struct_fields__):
            raise ValueError(f"it says nothing; give at least one of {', '.join(self.__struct_fields__)}")
