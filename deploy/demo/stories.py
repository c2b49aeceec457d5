"""The stories that the sample company tells, by name: three are found when its past ends, five happen live."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deploy.demo.sample import before, day, real

NORTHWIND: Final = "northwind"
FADING: Final = "hollowell-foods"
OVERDUE: Final = "tern-logistics"
STUCK: Final = "plover-facilities"
PAYMENT_FAILED: Final = "larkspur-clinics"
CHAMPION_LEFT: Final = "castellan-retail"
READY_TO_GROW: Final = "cobalt-couriers"
RECOVERING: Final = "sablewood-hotels"

OVERDUE_DAYS: Final = 35
OVERDUE_ISSUED: Final = -OVERDUE_DAYS - 14
"""An invoice is due 14 days after it was issued."""
OPEN_FOR: Final = 5 * 86_400 + 2 * 3_600
"""Seconds since Northwind's ticket T-118 was opened."""
FADES_FROM: Final = -34
LATE_INVOICE: Final = "INV-2041"
RECOVERING_INVOICE: Final = "INV-2057"
RECOVERING_TICKET: Final = "T-131"
RECOVERING_OPEN_FOR: Final = 4 * 86_400
T118: Final = "Orders of last week are gone"
COMPLAINT: Final = "third time support lost our ticket"

TOLD: Final[Mapping[str, dict[str, Any]]] = {
    NORTHWIND: {"mrr_minor": 420_000, "renews": 41, "signed": -689, "seats": 28, "users": 22, "mood": 0.82},
    FADING: {"mrr_minor": 680_000, "renews": 96, "seats": 40, "users": 30, "mood": 0.55, "pays_late": 0},
    OVERDUE: {"mrr_minor": 390_000, "seats": 24, "users": 15, "mood": 0.6, "pays_late": 6},
    STUCK: {"mrr_minor": 290_000, "signed": -40, "renews": 325, "owner": "onboarding", "seats": 18, "users": 4},
    PAYMENT_FAILED: {"mrr_minor": 310_000, "seats": 22, "users": 15, "mood": 0.75, "pays_late": 0},
    CHAMPION_LEFT: {"mrr_minor": 980_000, "mood": 0.8, "pays_late": -3},
    READY_TO_GROW: {"mrr_minor": 260_000, "seats": 20, "users": 19, "mood": 0.95, "pays_late": -4, "renews": 210},
    RECOVERING: {"mrr_minor": 450_000, "seats": 30, "users": 24, "mood": 0.8, "pays_late": 0},
    "nightjar-security": {"signed": -55, "renews": 310, "owner": "onboarding"},
    "tidepool-swim-school": {"signed": -26, "renews": 339, "owner": "onboarding"},
    "wren-bookkeeping": {"signed": -75, "renews": 290, "owner": "onboarding"},
}
"""What a story fixes of its account."""
OWN_ANSWERS: Final = frozenset({NORTHWIND, READY_TO_GROW, RECOVERING})
"""Who answers the quarterly question as its story needs."""


def busy(account: str) -> float:
    """How busy an account is, against others of its plan."""
    return {STUCK: 0.3, READY_TO_GROW: 1.3}.get(account, 1.0)


def fading(offset: int) -> float:
    """How much of its usage the fading account still has: it halves every fortnight from the 34th day before."""
    return math.exp(-0.05 * max(0, offset - FADES_FROM))


def past() -> Iterator[dict[str, Any]]:
    """What happened before, that the stories need."""
    yield _told(NORTHWIND, "feedback.nps", before(47 * 86_400), **_answer(NORTHWIND, 9, "does what it should"))
    for number, ago in (("T-96", 58), ("T-107", 31)):
        opened, closed = before(ago * 86_400), before((ago - 4) * 86_400)
        ticket = _ticket(number, "high", opened, f"Where is our request? ({ago})")
        yield _told(NORTHWIND, "ticket.opened", opened, **ticket)
        yield _told(NORTHWIND, "ticket.closed", closed, **ticket, closed_at=closed)
    yield _told(NORTHWIND, "ticket.opened", before(OPEN_FOR), **_ticket("T-118", "high", before(OPEN_FOR), T118))
    late = {"invoice_id": LATE_INVOICE, "amount_minor": TOLD[OVERDUE]["mrr_minor"], "currency": "EUR"}
    yield _told(OVERDUE, "invoice.issued", day(OVERDUE_ISSUED), **late, due_at=day(-OVERDUE_DAYS))
    yield _told(RECOVERING, "invoice.issued", day(-47), **_recovering_invoice())
    opened = before(RECOVERING_OPEN_FOR)
    yield _told(
        RECOVERING, "ticket.opened", opened, **_ticket(RECOVERING_TICKET, "urgent", opened, "Nobody can log in")
    )
    yield _told(READY_TO_GROW, "feedback.nps", before(50 * 86_400), **_answer(READY_TO_GROW, 8, "good. more seats?"))
    yield _told(RECOVERING, "feedback.nps", before(40 * 86_400), **_answer(RECOVERING, 9, "the team lives in it"))


@dataclass(frozen=True, slots=True)
class Story:
    """Something that happens live: what is told of it, the playbook that hears of it, and its events."""

    name: str
    account: str
    playbook: str
    tell: str
    beats: Callable[[], Iterator[dict[str, Any]]]

    def events(self, now: datetime, run: str) -> list[dict[str, Any]]:
        """What happens, as it is sent: in order, with real times and ids of this run."""
        return real(self.beats(), now, f"{run}-{self.account}")


def live() -> tuple[Story, ...]:
    """The live stories, in the order in which they are told."""
    return (
        Story("detractor", NORTHWIND, "detractor", "A detractor after a bad ticket", _detractor),
        Story("payment failed", PAYMENT_FAILED, "payment-failed", "A payment fails", _payment_fails),
        Story("champion left", CHAMPION_LEFT, "champion-left", "A champion leaves", _champion_leaves),
        Story("ready to grow", READY_TO_GROW, "ready-to-grow", "A promoter, with nearly every seat in use", _promoter),
        Story("recovered", RECOVERING, "recovered", "One recovers", _recovers),
    )


def _detractor() -> Iterator[dict[str, Any]]:
    ticket = _ticket("T-118", "urgent", before(OPEN_FOR), T118)
    yield _told(NORTHWIND, "ticket.updated", before(1), **ticket)
    yield _told(NORTHWIND, "feedback.nps", before(0), **_answer(NORTHWIND, 2, COMPLAINT))


def _payment_fails() -> Iterator[dict[str, Any]]:
    amount = {"amount_minor": TOLD[PAYMENT_FAILED]["mrr_minor"], "currency": "EUR", "due_at": day(0)}
    yield _told(PAYMENT_FAILED, "invoice.payment_failed", before(0), invoice_id="INV-2060", **amount, attempt=1)


def _champion_leaves() -> Iterator[dict[str, Any]]:
    champion = f"{CHAMPION_LEFT}-champion"
    yield _told(CHAMPION_LEFT, "contact.updated", before(0), contact_id=champion, role="left")


def _promoter() -> Iterator[dict[str, Any]]:
    yield _told(
        READY_TO_GROW, "feedback.nps", before(0), **_answer(READY_TO_GROW, 10, "we need this for two more teams")
    )


def _recovers() -> Iterator[dict[str, Any]]:
    ticket = _ticket(RECOVERING_TICKET, "urgent", before(RECOVERING_OPEN_FOR), "Nobody can log in")
    yield _told(RECOVERING, "ticket.closed", before(1), **ticket, closed_at=before(1))
    yield _told(RECOVERING, "invoice.paid", before(0), **_recovering_invoice(), paid_at=before(0))


def _recovering_invoice() -> dict[str, Any]:
    amount = {"amount_minor": TOLD[RECOVERING]["mrr_minor"], "currency": "EUR"}
    return {"invoice_id": RECOVERING_INVOICE, **amount, "due_at": day(-33)}


def _answer(account: str, score: int, comment: str) -> dict[str, Any]:
    return {"contact_id": f"{account}-admin", "score": score, "comment": comment, "touchpoint": "relationship"}


def _ticket(number: str, priority: str, opened: str, title: str) -> dict[str, Any]:
    return {"ticket_id": number, "priority": priority, "opened_at": opened, "title": title}


def _told(account: str, type: str, time: str, **data: Any) -> dict[str, Any]:
    return {"type": type, "account": account, "time": time, "data": data}
