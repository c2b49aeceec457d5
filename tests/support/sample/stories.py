"""What the stories need of the sample company's past: some are found when it ends, five happen live."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.support.sample.times import day

NORTHWIND: Final = "northwind"
FADING: Final = "hollowell-foods"
OVERDUE: Final = "tern-logistics"
STUCK: Final = "plover-facilities"
PAYMENT_FAILED: Final = "larkspur-clinics"
CHAMPION_LEFT: Final = "castellan-retail"
READY_TO_GROW: Final = "cobalt-couriers"
RECOVERING: Final = "sablewood-hotels"
SILENT: Final = "moorgate-catering"
SHRUNK: Final = "glasshouse-growers"
LEAVING: Final = "eastbank-rentals"

OVERDUE_DAYS: Final = 65
NOON: Final = 43_140
"""Nearly: so that days are the same on the calendar and by the clock, rounded, whatever the time."""
LATE_INVOICE: Final = "INV-2041"
RECOVERING_INVOICE: Final = "INV-2057"
RECOVERING_TICKET: Final = "T-131"
T118: Final = "Orders of last week are gone"
OPENED_118: Final = day(-5, 37_200)
OPENED_131: Final = day(-11, 41_000)
_OF_FADING: Final = "csm.pro-two@example.com"
GOALS: Final[Sequence[tuple[str, str, str, int, Mapping[str, Any]]]] = (
    (NORTHWIND, "depots", "Every depot plans with it", 75, {"fact": "usage.active_users", "op": ">=", "target": 20}),
    (READY_TO_GROW, "dispatch", "Dispatch works from it", 40, {"fact": "usage.active_share", "op": ">=", "target": 60}),
    (CHAMPION_LEFT, "stores", "Roll it out to all stores", 120, {}),
    (RECOVERING, "handover", "Shifts are handed over in it", 20, {}),
)
"""What accounts want to reach, in so many days, and what it is measured by."""
READS: Final = {f"{NORTHWIND}-admin": "sv"}
"""People whose language is known, by their ids."""
COMPLAINT: Final = "third time support lost our ticket"

TOLD: Final[Mapping[str, dict[str, Any]]] = {
    NORTHWIND: {"mrr_minor": 420_000, "renews": 41, "signed": -689, "seats": 28, "users": 7, "mood": 0.7},
    FADING: {"mrr_minor": 990_000, "signed": -610, "renews": 120, "seats": 40, "users": 9, "mood": 0.6, "pays_late": 0},
    OVERDUE: {"mrr_minor": 460_000, "signed": -420, "renews": 310, "seats": 24, "users": 15, "pays_late": -2},
    STUCK: {"mrr_minor": 390_000, "signed": -40, "renews": 325, "owner": "onboarding", "seats": 18, "users": 2},
    PAYMENT_FAILED: {"mrr_minor": 310_000, "seats": 22, "users": 15, "mood": 0.85, "pays_late": -2},
    CHAMPION_LEFT: {"mrr_minor": 980_000, "mood": 0.8, "pays_late": -3},
    READY_TO_GROW: {"mrr_minor": 260_000, "seats": 20, "users": 19, "mood": 0.95, "pays_late": -4, "renews": 210},
    RECOVERING: {"mrr_minor": 450_000, "signed": -505, "renews": 225, "seats": 30, "users": 22, "pays_late": -4},
    SILENT: {
        "mrr_minor": 330_000,
        "signed": -300,
        "renews": 65,
        "seats": 24,
        "users": 15,
        "mood": 0.8,
        "pays_late": -3,
    },
    SHRUNK: {"mrr_minor": 180_000, "signed": -530, "renews": 200, "seats": 16, "users": 12, "mood": 0.8},
    LEAVING: {"mrr_minor": 290_000, "signed": -340, "renews": 25, "seats": 20, "users": 12, "mood": 0.75},
    "nightjar-security": {"signed": -55, "renews": 310, "owner": "onboarding"},
    "tidepool-swim-school": {"signed": -26, "renews": 339, "owner": "onboarding"},
    "wren-bookkeeping": {"signed": -75, "renews": 290, "owner": "onboarding"},
}
"""What a story fixes of its account."""
BEFORE: Final[Mapping[str, dict[str, Any]]] = {SHRUNK: {"mrr_minor": 460_000, "seats": 38}}
"""What it bought before, where the story is that it buys less."""
FADES: Final = {NORTHWIND: 0.012, FADING: 0.05}
"""How fast use becomes rarer, a day: in the last fortnight a quarter less than in the eight weeks before, which may be
chance, and far less than half."""
FADES_FROM: Final = -34
STOPS: Final = {STUCK: -16, SILENT: -40}
"""The last day of usage of those who stopped, in the demo's week."""
IN_A_WEEK: Final = 24
"""Usage events in a week of an account before it fades: a whole number, so that it does alike on every weekday."""
QUIET: Final = frozenset({NORTHWIND, FADING, STUCK, OVERDUE, RECOVERING, READY_TO_GROW})
"""Whose answers, tickets and talks are the stories' own."""


def events_a_day(account: str, common: float, week: float) -> float:
    """How many usage events there are on a common working day; `week` is how many of those a week comes to."""
    return IN_A_WEEK / week if account in FADES else common * 1.3 if account == READY_TO_GROW else common


def level(account: str, offset: int) -> float:
    """How much is done on a day, against the usual."""
    return math.exp(-FADES.get(account, 0) * max(0, offset - FADES_FROM))


def past() -> Iterator[dict[str, Any]]:
    """What happened before, that the stories need."""
    for account, ago, role, score, comment in (
        (NORTHWIND, 47, "admin", 9, "does what it should"),
        (NORTHWIND, 46, "champion", 8, "ok. support could be quicker"),
        (FADING, 33, "admin", 5, "half of us went back to mail"),
        (FADING, 31, "champion", 6, ""),
        (OVERDUE, 60, "admin", 7, "fine"),
        (READY_TO_GROW, 50, "admin", 8, "good. more seats?"),
        (RECOVERING, 40, "admin", 9, "the team lives in it"),
    ):
        yield _told(account, "feedback.nps", day(-ago, 36_000), **_answer(account, score, comment, role))
    agreed = {"contact_id": f"{NORTHWIND}-admin", "kind": "service", "text": "Write to me about my answers."}
    yield _told(NORTHWIND, "contact.consented", day(-47, 36_100), **agreed)
    for account, ago in (
        (NORTHWIND, 90),
        (FADING, 25),
        (STUCK, 30),
        (OVERDUE, 12),
        (READY_TO_GROW, 9),
        (RECOVERING, 6),
    ):
        yield _told(account, "interaction.logged", day(-ago, 50_400), kind="call", contact_id=f"{account}-admin")
    for number, ago in (("T-96", 58), ("T-107", 27), ("T-111", 19), ("T-115", 12)):
        opened, closed = day(-ago, 33_000), day(-ago + 4, 60_000)
        ticket = _ticket(number, "high", opened, "Where is our request?")
        yield _told(NORTHWIND, "ticket.opened", opened, **ticket)
        yield _told(NORTHWIND, "ticket.closed", closed, **ticket, closed_at=closed)
    yield _told(NORTHWIND, "ticket.opened", OPENED_118, **_ticket("T-118", "high", OPENED_118, T118))
    pulse = {"score": 2, "note": "Their new head of operations compares us with two others.", "author": _OF_FADING}
    yield _told(FADING, "pulse.set", day(-6, 46_800), **pulse)
    less = {"mrr_minor": TOLD[SHRUNK]["mrr_minor"], "seats": TOLD[SHRUNK]["seats"]}
    yield _told(SHRUNK, "subscription.changed", day(-8, 32_400), **less)
    yield _told(LEAVING, "subscription.changed", day(-3, 32_400), ends_at=day(25), reason="moving to one vendor")
    late = {"invoice_id": LATE_INVOICE, "amount_minor": TOLD[OVERDUE]["mrr_minor"], "currency": "EUR"}
    yield _told(OVERDUE, "invoice.issued", day(-OVERDUE_DAYS - 14), **late, due_at=day(-OVERDUE_DAYS, NOON))
    yield _told(RECOVERING, "invoice.issued", day(-47), **_recovering_invoice())
    yield _told(RECOVERING, "ticket.opened", OPENED_131, **_ticket_131())
    for account, goal, title, due, measured in GOALS:
        yield _told(account, "goal.set", day(-80, 36_000), goal_id=goal, title=title, due_at=day(due), **measured)
    yield _told(RECOVERING, "goal.reached", day(-50, 36_000), goal_id="handover")


def _recovering_invoice() -> dict[str, Any]:
    amount = {"amount_minor": TOLD[RECOVERING]["mrr_minor"], "currency": "EUR"}
    return {"invoice_id": RECOVERING_INVOICE, **amount, "due_at": day(-33)}


def _ticket_131() -> dict[str, Any]:
    return _ticket(RECOVERING_TICKET, "urgent", OPENED_131, "Nobody can log in")


def _answer(account: str, score: int, comment: str, role: str = "admin") -> dict[str, Any]:
    return {"contact_id": f"{account}-{role}", "score": score, "comment": comment, "touchpoint": "relationship"}


def _ticket(number: str, priority: str, opened: str, title: str) -> dict[str, Any]:
    return {"ticket_id": number, "priority": priority, "opened_at": opened, "title": title}


def _told(account: str, type: str, time: str, **data: Any) -> dict[str, Any]:
    return {"type": type, "account": account, "time": time, "data": data}
