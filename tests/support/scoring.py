"""Builders for scoring: events as customers send them, accounts that have seen them, rules that ship."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from services.scoring.core.assess import Asked, Decision, Outcome, assess
from services.scoring.core.fold import Touched, fold
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.rules import load_rules
from shared.messages import registry
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.envelope import Event

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
"""A Wednesday."""
DAY = timedelta(days=1)
SHIPPED: Rules = load_rules()
_ids: Iterator[int] = count(1)


def an_event(
    type: str, *, at: datetime = NOW, id: str = "", account: str = "acme", history: str | None = None, **data: Any
) -> Event:
    """One event; instants in its data may be given as such."""
    return Event(
        id=id or f"e{next(_ids)}",
        source="test",
        type=type,
        subject=account,
        time=at,
        accepted=at,
        history=history,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


def usage(
    at: datetime = NOW, feature: str = "reports", user: str | None = "ada", quantity: float = 1, **more: Any
) -> Event:
    """Someone used a feature."""
    return an_event("usage.recorded", at=at, feature=feature, user_id=user, quantity=quantity, **more)


def traits(at: datetime = NOW - 100 * DAY, **values: Any) -> Event:
    """`account.updated`."""
    return an_event("account.updated", at=at, traits=values)


def a_ticket(
    ticket_id: str = "T-1",
    *,
    type: str = "opened",
    at: datetime = NOW,
    opened_at: datetime | None = None,
    priority: str = "normal",
    **more: Any,
) -> Event:
    """A ticket's message."""
    return an_event(f"ticket.{type}", at=at, ticket_id=ticket_id, priority=priority, opened_at=opened_at or at, **more)


def an_invoice(
    type: str = "issued", invoice_id: str = "I-1", *, at: datetime = NOW, amount_minor: int = 10_000, **more: Any
) -> Event:
    """An invoice's message."""
    return an_event(f"invoice.{type}", at=at, invoice_id=invoice_id, amount_minor=amount_minor, currency="EUR", **more)


def nps(score: int, *, contact: str = "c1", at: datetime = NOW, comment: str | None = None, **more: Any) -> Event:
    """An NPS answer."""
    return an_event("feedback.nps", at=at, contact_id=contact, score=score, comment=comment, **more)


def after(*events: Event, account: Account | None = None) -> Account:
    """An account that has seen these events."""
    account = account or Account("acme")
    for event in events:
        fold(account, event, registry.data_of(event), Touched())
    return account


def an_account(
    *events: Event, seats: int = 10, plan: str = "pro", signed: datetime = NOW - 200 * DAY, **known: Any
) -> Account:
    """A customer of some months with traits, and what happened besides."""
    values = {
        "name": "Acme",
        "seats": seats,
        "plan": plan,
        "signed_at": signed,
        "currency": "EUR",
        "mrr_minor": 420_000,
    }
    return after(traits(NOW - 100 * DAY, **(values | known)), *events)


def busy(
    days: Iterable[int], users: int = 8, now: datetime = NOW, features: tuple[str, ...] = ("reports", "api")
) -> list[Event]:
    """Usage by several users on days counted back from now."""
    return [
        usage(now - day * DAY, feature, f"u{user}", 1) for day in days for user in range(users) for feature in features
    ]


def caused_by(event: Event) -> Cause:
    """The cause that an event is."""
    return Cause(
        kind="event",
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        accepted=event.accepted,
        data=msgspec.json.decode(event.data),
    )


BY_TIME = Asked(Cause(kind="time"))
BY_USAGE = Asked(Cause(kind="usage"))


def assessed(
    account: Account,
    *,
    before: Decision | None = None,
    now: datetime = NOW,
    rules: Rules = SHIPPED,
    by: Event | Asked = BY_TIME,
) -> Outcome:
    """Assess, because of an event or something else."""
    asked = by if isinstance(by, Asked) else Asked(caused_by(by))
    return assess(account, before, asked, now, rules)


def told(outcome: Outcome) -> AccountAssessed:
    """What an assessment told; it must have told something."""
    assert outcome.assessed is not None
    return outcome.assessed
