"""A month of a company's events, of every kind that scoring folds, with fixed ids and times."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from tests.support.shared import began
from tests.support.stack import Stack

NOW = began()
AT = (NOW + timedelta(hours=1)).isoformat()


def ago(**by: float) -> str:
    return (NOW - timedelta(**by)).isoformat()


def a_month_of_a_company(accounts: int = 12) -> list[dict[str, Any]]:
    """More than a thousand events."""
    return [event for number in range(accounts) for event in an_account(f"account-{number}", number)]


def an_account(account: str, number: int) -> Iterator[dict[str, Any]]:
    def event(type: str, id: str, time: str, **data: Any) -> dict[str, Any]:
        return {"id": f"{account}-{id}", "type": type, "account": account, "time": time, "data": data}

    traits = {"name": account.title(), "plan": "pro", "mrr_minor": 100_000 + number, "currency": "EUR", "seats": 10}
    signed = {"signed_at": ago(days=100 + number), "owner": f"csm-{number % 3}@example.com"}
    yield event("account.updated", "traits", ago(days=30), traits={**traits, **signed})
    yield event("account.updated", "moved", ago(days=10), traits={"plan": "enterprise", "segment": "smb"})
    for day in range(28):
        for user in range(3):
            feature = ("reports", "exports", "alerts")[(day + user) % 3]
            yield event(
                "usage.recorded", f"u{day}-{user}", ago(days=day, hours=user), feature=feature, user_id=f"u{user}"
            )
    ticket = {"ticket_id": f"T-{number}", "priority": "high", "opened_at": ago(days=6)}
    yield event("ticket.opened", "t1", ago(days=6), **ticket)
    yield event("ticket.updated", "t2", ago(days=5), **{**ticket, "priority": "urgent"})
    if number % 2:
        yield event("ticket.closed", "t3", ago(days=2), **{**ticket, "priority": "urgent", "closed_at": ago(days=2)})
    invoice = {"invoice_id": f"I-{number}", "amount_minor": 100_000, "currency": "EUR", "due_at": ago(days=12)}
    yield event("invoice.issued", "i1", ago(days=26), **invoice)
    if number % 3:
        yield event("invoice.paid", "i2", ago(days=4), **invoice, paid_at=ago(days=4))
    for contact in range(3):
        answer = {"contact_id": f"{account}-c{contact}", "comment": "as it is"}
        yield event("feedback.nps", f"n{contact}-old", ago(days=20, hours=contact), score=9, **answer)
        yield event(
            "feedback.nps", f"n{contact}-new", ago(days=3, hours=contact), score=(number + contact) % 11, **answer
        )
    whom = {"contact_id": f"{account}-c0"}
    old, new = {"name": "Kim", "email": "kim@old.example"}, {"email": "kim@new.example", "phone": "+49 30 1"}
    yield event("contact.updated", "c1", ago(days=9), **whom, traits=old)
    yield event("contact.updated", "c2", ago(days=9), **whom, traits=new)
    yield event("contact.consented", "c3", ago(days=8), **whom, kind="survey")
    yield event("contact.unsubscribed", "c4", ago(days=8 - number % 2), **whom, kind="survey")
    yield event("milestone.reached", "m1", ago(days=15), milestone="first_report")
    yield event("interaction.logged", "x1", ago(days=8), kind="call")
    yield event("pulse.set", "p1", ago(days=7), score=7, note="fine", author="csm-0@example.com")


def send(stack: Stack, events: Sequence[dict[str, Any]], size: int = 40) -> None:
    for first in range(0, len(events), size):
        stack.post(events[first : first + size])


def undisturbed(make_stack: Callable[[], Stack], accounts: int = 12) -> str:
    """The fingerprint of a company's month that nobody disturbed."""
    with make_stack() as stack:
        send(stack, a_month_of_a_company(accounts), 200)
        stack.settle()
        return stack.fingerprint(AT)
