"""What HTTP answers of what an account has: people, tickets, invoices and subscriptions."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel

from services.scoring.core.roles import main_role
from services.scoring.core.state import Invoice, Ticket, has_left, roles_of, user_ids_of
from services.scoring.core.subscriptions import Row
from services.scoring.queries.contacts import Of
from services.scoring.queries.papers import Listed
from shared.messages.feedback import SurveyKind
from shared.messages.stamps import Cell, instant_of


class _OfAccount(BaseModel):
    account_id: str
    account_name: str | None
    id: str


class LastAnswer(BaseModel):
    """What somebody answered last."""

    score: int
    at: datetime
    survey_kind: SurveyKind
    touchpoint: str | None
    comment: str | None


class Contact(_OfAccount):
    """A person at an account. How they are reached the notifier says: `GET /v1/contacts/{account}/{id}` there."""

    name: str | None
    role: str | None
    """Of its roles the one that weighs most."""
    roles: list[str]
    left: bool
    user_ids: list[str]
    last_seen: date | None
    """The UTC day on which one of their own user ids was last active, in the last 90 days."""
    talked_at: datetime | None
    """When we last did."""
    talked_by: str | None
    """How: a call, a meeting."""
    answers: dict[str, LastAnswer]
    """The latest of each kind: `nps`, `csat`, `ces`."""
    traits: dict[str, Any]

    @classmethod
    def of(cls, one: Of, answers: Mapping[str, Mapping[str, Any]], seen: date | None) -> Self:
        """As state and rows have it."""
        cells: Mapping[str, Cell] = one.what
        talked = cells.get("talked")
        traits = {
            name.removeprefix("traits."): cell.value for name, cell in cells.items() if name.startswith("traits.")
        }
        roles = list(roles_of(cells))
        name = traits.get("name")
        return cls(
            account_id=one.account_id,
            account_name=one.account_name,
            id=one.id,
            name=name if isinstance(name, str) else None,
            role=main_role(roles),
            roles=roles,
            left=has_left(cells),
            user_ids=list(user_ids_of(cells)),
            last_seen=seen,
            talked_at=None if talked is None else instant_of(talked.at),
            talked_by=None if talked is None else talked.value,
            answers={kind: LastAnswer(**answer) for kind, answer in answers.items()},
            traits=traits,
        )


class TicketRow(_OfAccount):
    """A ticket as its latest message had it."""

    open: bool
    priority: str
    opened_at: datetime
    first_response_at: datetime | None
    closed_at: datetime | None
    title: str | None
    requester: str | None
    contact_id: str | None
    """Whose it is; a digest, where they were erased."""
    merged_into: str | None
    """The ticket that it goes on in: it counts in no measure any more."""

    @classmethod
    def of(cls, one: Listed, _now: datetime) -> Self:
        """As its row has it."""
        row: Ticket = one.row
        return cls(
            **_whose(one),
            open=row.settled is None,
            priority=row.priority,
            opened_at=one.at,
            first_response_at=_instant(row.responded),
            closed_at=_instant(row.settled),
            title=one.said.get("title"),
            requester=one.said.get("requester"),
            contact_id=one.contact_id,
            merged_into=row.merged,
        )


class InvoiceRow(_OfAccount):
    """An invoice as what came of it so far has it. Money is in minor units."""

    status: str
    """The latest that was told: issued, payment_failed, paid or voided."""
    open: bool
    """Something is to be paid."""
    overdue: bool
    amount_minor: int
    credited_minor: int
    """What of it need not be paid."""
    currency: str
    due_at: datetime | None
    settled_at: datetime | None
    """When it was paid, voided or credited."""
    failed_at: datetime | None
    """When a payment failed first."""
    dispute: str | None
    """How a dispute about it stands: open, won or lost."""
    url: str | None

    @classmethod
    def of(cls, one: Listed, now: datetime) -> Self:
        """As its row has it at an instant."""
        row: Invoice = one.row
        due = _instant(row.due_at)
        return cls(
            **_whose(one),
            status=row.status,
            open=row.settled is None,
            overdue=row.settled is None and due is not None and due < now,
            amount_minor=row.amount,
            credited_minor=row.amount - row.owed,
            currency=row.currency,
            due_at=due,
            settled_at=_instant(row.settled),
            failed_at=_instant(row.failed),
            dispute=None if row.dispute is None else row.dispute.value,
            url=one.said.get("url"),
        )


class SubscriptionRow(_OfAccount):
    """A subscription as it stands; the account's unnamed one has an empty id. Money is in minor units."""

    live: bool
    status: str | None
    mrr_minor: int | None
    currency: str | None
    discount_minor: int | None
    plan: str | None
    seats: int | None
    started_at: datetime
    renews_at: datetime | None
    ends_at: datetime | None
    """When it ended, or will."""
    term_months: int
    auto_renews: bool
    notice_days: int
    reason: str | None

    @classmethod
    def of(cls, one: Of, now: int) -> Self:
        """As it stands at an instant, in microseconds."""
        row: Row = one.what
        said = {name: row.fields.get(name) for name in ("mrr_minor", "currency", "discount_minor", "plan", "seats")}
        return cls(
            account_id=one.account_id,
            account_name=one.account_name,
            id=one.id,
            live=row.is_live(now),
            status=row.fields.get("status"),
            started_at=instant_of(row.started),
            renews_at=_instant(row.fields.get("renews_at")),
            ends_at=_instant(row.until if row.until is not None else row.fields.get("ends_at")),
            term_months=row.term_months,
            auto_renews=row.fields.get("auto_renews") is not False,
            notice_days=row.notice_days,
            reason=row.fields.get("reason"),
            **said,
        )


def _whose(one: Listed) -> dict[str, Any]:
    return {"account_id": one.account_id, "account_name": one.account_name, "id": one.id}


def _instant(us: int | None) -> datetime | None:
    return None if us is None else instant_of(us)
