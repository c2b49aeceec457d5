"""What ingest takes, scoring can count: nothing that got a 202 ends among the dead letters for what it holds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from services.ingest.core.checking import check
from services.ingest.core.resolving import value_of
from services.ingest.core.senders import Sender
from shared.messages import envelope
from tests.support.scoring import DAY, NOW, Fed, scoring_engine

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
BEYOND = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
HUGE = 10**30
TICKET = {"ticket_id": "T", "priority": "urgent"}
MUTE = {"measure": "support.urgent", "reason": "\x1b", "author": "\t"}
INVOICE = {"invoice_id": "I", "amount_minor": 1, "currency": "EUR"}
SUBSCRIPTION = {"mrr_minor": 1, "currency": "EUR", "plan": "pro", "seats": 1}

INSTANTS = (FIRST, LAST, *BEYOND, "1969-12-31T23:59:59.999999Z", "2024-02-29T23:59:60Z", "2026-03-29T02:30:00+01:00")
NASTY: list[tuple[str, dict[str, Any]]] = [
    *(("usage.recorded", {"at": at, "feature": "x", "user_id": "u"}) for at in INSTANTS),
    *(("usage.recorded", {"at": at, "feature": "x"}) for at in ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00")),
    *(("account.updated", {"traits": {name: at}}) for name in ("signed_at", "renews_at", "when") for at in INSTANTS),
    *(("ticket.opened", {**TICKET, "opened_at": at}) for at in INSTANTS),
    *(("ticket.closed", {**TICKET, "opened_at": at, "closed_at": at}) for at in INSTANTS),
    *(("ticket.closed", {**TICKET, "opened_at": LAST, "closed_at": FIRST}) for _ in (1,)),
    *(("ticket.updated", {**TICKET, "opened_at": at, "first_response_at": at}) for at in INSTANTS),
    *(
        ("reading.muted", {"measure": "support.urgent", "until": at, "reason": "\x1b", "author": "\t"})
        for at in INSTANTS
    ),
    *(("invoice.issued", {**INVOICE, "due_at": at}) for at in INSTANTS),
    *(("invoice.paid", {**INVOICE, "due_at": at, "paid_at": at}) for at in INSTANTS),
    ("invoice.paid", {**INVOICE, "due_at": FIRST, "paid_at": LAST}),
    ("invoice.paid", {**INVOICE, "due_at": LAST, "paid_at": FIRST}),
    *(
        ("subscription.changed", {**SUBSCRIPTION, name: at, "term_months": term, "notice_days": 3650, "status": status})
        for name in ("started_at", "renews_at", "ends_at")
        for at in INSTANTS
        for term, status in ((1, "active"), (1200, "past_due"))
    ),
    *(("subscription.changed", {name: None}) for name in (*SUBSCRIPTION, "subscription_id", "status", "renews_at")),
    *(
        (type, {**data, name: number})
        for number in (2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64, HUGE, 10**400, -(2**63) - 1, -HUGE)
        for type, data, name in (
            ("subscription.changed", SUBSCRIPTION, "mrr_minor"),
            ("subscription.changed", SUBSCRIPTION, "seats"),
            ("invoice.issued", {**INVOICE, "due_at": "2026-05-01T00:00:00Z"}, "amount_minor"),
            ("invoice.payment_failed", INVOICE, "attempt"),
            ("usage.recorded", {"feature": "x"}, "quantity"),
        )
    ),
    *(
        ("account.updated", {"traits": {name: number}})
        for number in (2**31, 2**53 + 1, 2**63 - 1, 2**63, HUGE, 10**400, -(2**63) - 1)
        for name in ("mrr_minor", "seats", "own")
    ),
    ("account.updated", {"traits": {"name": "\ud83d\ude00" * 64, "x" * 4000: "y" * 20000}}),
    ("account.updated", {"traits": {"": 1, "a.b": {"deep": [1, [2, {"x": None}]]}, "\u202e": "\u0085\u2028"}}),
    ("account.updated", {"traits": {f"t{n}": ["w" * 250] * 4 for n in range(50)}}),
    ("contact.updated", {"contact_id": "\u0007", "traits": {"n": 10**400, "left": "no"}, "role": "left"}),
    ("contact.updated", {"contact_id": "c", "roles": ["\x1f", "champion"], "user_ids": ["\u2028", "u" * 128]}),
    ("feedback.nps", {"contact_id": "c\n", "score": 0, "comment": "\u0001\u001f\x7f" + "z" * 8000}),
    ("feedback.csat", {"contact_id": "c", "score": 5, "product": "\t", "touchpoint": " ", "survey_id": "\\"}),
    ("usage.recorded", {"feature": "\x1f", "quantity": 1e-300, "user_id": "\u2028"}),
    ("usage.recorded", {"feature": "x" * 256, "quantity": 1e9, "user_id": "u" * 128}),
    ("milestone.reached", {"milestone": "\x1f"}),
    ("pulse.set", {"score": 10, "note": "\r\n", "author": "\x1b[31m"}),
    ("account.churned", {"reason": "\x01"}),
    ("account.merged", {"into": "acme"}),
    ("interaction.logged", {"kind": "\x7f"}),
]


@pytest.fixture
async def fed(database_url: str) -> AsyncIterator[Fed]:
    async with scoring_engine(database_url) as engine, Fed(engine) as made:
        yield made


async def test_what_ingest_takes_scoring_can_count(fed: Fed) -> None:
    failed = []
    taken = 0
    for number, (type, data) in enumerate(NASTY):
        raw = {"id": f"n{number}", "type": type, "account": f"account-{number}", "data": data}
        if "at" in data:
            raw |= {"time": data.pop("at"), "history": "imp"}
        good, _ = check([msgspec.Raw(json.dumps(raw).encode())], NOW, Sender("test"))
        if not good:
            continue
        taken += 1
        try:
            await fed.feed(envelope.decode(value_of(good[0])))
        except Exception as error:
            fed.handler.forget(fed.partition)
            await fed.take()
            failed.append(f"{type} {str(data)[:150]}: {error.__class__.__name__} {str(error)[:120]}")
    assert not failed, "\n".join(failed)
    assert taken > len(NASTY) / 3
    # Neither does it stop time.
    await fed.pass_time(NOW + 2 * DAY)
