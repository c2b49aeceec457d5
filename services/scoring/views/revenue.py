"""What HTTP answers of revenue. Money is a month's, in minor units; shares are in percent."""

from datetime import date
from typing import Final

from pydantic import BaseModel

from services.scoring.core.revenue import Revenue, share_of
from services.scoring.core.worth import Worth
from services.scoring.queries.behind import Behind, Figure
from services.scoring.queries.revenue import By, Key, Renewed
from services.scoring.views import Rounded
from shared.web.paging import Page

CLV: Final = (
    "Mean purchase x purchases a year x years that a customer stays. Where they aren't given: the revenue of a month "
    "that an account brings, 12, and 1 / the share of customers who left in the last twelve months."
)
REVENUE: Final = (
    "Start + expanded - contracted - churned + new + reactivated = end, of what accounts bring in a month. "
    "Gross retention: the sum of min(end, start) / start of who paid at the start; net retention adds what they "
    "expanded by. Churn counts on the day on which service ends; what is committed to go is apart."
)


class Reason(BaseModel):
    """Why customers left."""

    reason: str | None
    voluntary: bool
    customers: int
    minor: int


class RevenueGroup(BaseModel):
    """The figures of one period, currency and group."""

    period: str
    currency: str | None
    group: str | None
    """Null: of all, or of those of whom it isn't known."""
    start_minor: int
    expanded_minor: int
    contracted_minor: int
    churned_minor: int
    new_minor: int
    reactivated_minor: int
    end_minor: int
    involuntary_minor: int
    """Of what churned: nobody decided so, such as when a card failed."""
    silent_minor: int | None
    """What those pay who have not used it for 30 days. It is known of today alone, as is what is at risk."""
    mrr_at_risk_minor: int | None
    """What those pay who are red, are leaving, or whose renewal is forecast at risk or lost."""
    committed_minor: int | None
    """What will go on days that are known."""
    arpa_minor: int | None
    """What an account brings at the end."""
    grr: Rounded | None
    nrr: Rounded | None
    customers: int
    """Who paid at the start."""
    customers_churned: int
    customers_new: int
    customers_reactivated: int
    customers_end: int
    churn_rate: Rounded | None
    """Of customers."""
    revenue_churn_rate: Rounded | None
    renewal_rate: Rounded | None
    """Renewals that were renewed, of those that were due and came to something."""
    renewal_rate_money: Rounded | None
    """The same by what they brought in a month."""
    renewals_due: int
    renewals_renewed: int
    reasons: list[Reason]

    @classmethod
    def of(
        cls, key: Key, found: Revenue, renewed: Renewed | None, now: tuple[int | None, int | None, int | None]
    ) -> "RevenueGroup":
        """With what was renewed in it, and what is silent, at risk and committed to go now."""
        due = renewed or Renewed(0, 0, 0, 0)
        silent, at_risk, committed = now
        return cls(
            period=key.period,
            currency=key.currency or None,
            group=key.group,
            silent_minor=silent,
            mrr_at_risk_minor=at_risk,
            committed_minor=committed,
            renewal_rate=share_of(due.renewed, due.due),
            renewal_rate_money=share_of(due.renewed_minor, due.due_minor),
            renewals_due=due.due,
            renewals_renewed=due.renewed,
            reasons=[Reason(**one._asdict()) for one in found.reasons],
            **{name: getattr(found, name) for name in _PLAIN},
        )


_PLAIN: Final = (
    *("start_minor", "expanded_minor", "contracted_minor", "churned_minor", "new_minor", "reactivated_minor"),
    *("end_minor", "involuntary_minor", "arpa_minor", "grr", "nrr", "churn_rate", "revenue_churn_rate"),
    *("customers", "customers_churned", "customers_new", "customers_reactivated", "customers_end"),
)


class RevenueReport(Page[RevenueGroup]):
    """What became of revenue in some days."""

    since: date
    until: date
    """The first day that is no more in it."""
    by: By | None
    definition: str = REVENUE


class RevenueAccount(BaseModel):
    """An account behind a figure."""

    account_id: str
    account_name: str | None
    currency: str | None
    start_minor: int
    end_minor: int
    reason: str | None
    voluntary: bool | None
    owner: str | None
    segment: str | None
    plan: str | None

    @classmethod
    def of(cls, one: Behind) -> "RevenueAccount":
        """As it was read."""
        said = one._asdict()
        return cls(account_name=said.pop("name"), currency=said.pop("currency") or None, **said)


class RevenueAccounts(Page[RevenueAccount]):
    """The accounts behind a figure, those with the most money first."""

    figure: Figure
    since: date
    until: date


class Clv(BaseModel):
    """A customer lifetime value with its inputs."""

    clv_minor: int | None
    """Null where an input is not known."""
    currency: str | None
    mean_purchase_minor: Rounded | None
    purchases_per_year: Rounded
    years: Rounded | None
    measured: list[str]
    """Which of the inputs were not given."""
    definition: str = CLV

    @classmethod
    def of(cls, worth: Worth, currency: str | None, measured: list[str]) -> "Clv":
        """With what it rests on."""
        return cls(
            clv_minor=worth.clv_minor,
            currency=currency,
            mean_purchase_minor=worth.mean_purchase_minor,
            purchases_per_year=worth.purchases_per_year or 0,
            years=worth.years,
            measured=measured,
        )
