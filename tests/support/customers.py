"""A customer whose story a test tells: what they bought, who uses it, and how well they are before anything happens."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import Rules
from shared.messages.envelope import Event
from tests.support.scoring import DAY, NOW, SHIPPED, a_ticket, an_event, an_invoice, nps, traits, usage

FEATURES = ("reports", "dashboards", "import", "automations")
SELLS = replace(SHIPPED.catalogue, features={"pro": FEATURES, "starter": FEATURES[:2]})
DECLARED = Rules(replace(SELLS, sources={"usage": day_of(NOW) - 300, "tickets": day_of(NOW) - 300}), SHIPPED.cards)
LISTED = Rules(SELLS, SHIPPED.cards)


def a_customer(mrr: int = 900_000, seats: int = 15, signed: int = 300, **more: Any) -> Event:
    """Of some months, with what it pays and its seats."""
    known = {"name": "Acme", "plan": "pro", "currency": "EUR", "mrr_minor": mrr, "seats": seats}
    return traits(NOW - min(signed, 150) * DAY, **known, signed_at=(NOW - signed * DAY).isoformat(), **more)


def daily(days: Iterable[int], users: int = 12, features: tuple[str, ...] = FEATURES) -> list[Event]:
    """Usage by the same people on these days, counted back from now."""
    return [usage(NOW - ago * DAY, features[n % len(features)], f"u{n}") for ago in days for n in range(users)]


def subscribed(at: datetime, **fields: Any) -> Event:
    """`subscription.changed`."""
    return an_event("subscription.changed", at=at, **fields)


def well() -> list[Event]:
    """Used by most of its people every working day, with a call and a happy admin."""
    return [
        a_customer(),
        *daily(range(80)),
        an_event("interaction.logged", at=NOW - 9 * DAY, kind="call"),
        a_ticket("T-1", at=NOW - 20 * DAY),
        a_ticket("T-1", type="closed", at=NOW - 20 * DAY, opened_at=NOW - 20.2 * DAY),
        an_event("contact.updated", at=NOW - 90 * DAY, contact_id="dm", role="decision_maker"),
        nps(9, contact="admin", at=NOW - 30 * DAY),
    ]


def late_payments() -> list[Event]:
    """Five invoices in a row, each paid 30 days late."""
    found = []
    for month in range(1, 6):
        due = NOW - (30 * month + 35) * DAY
        found.append(
            an_invoice(
                "paid", f"I-{month}", at=due + 30 * DAY, due_at=due.isoformat(), paid_at=(due + 30 * DAY).isoformat()
            )
        )
    return found
