"""Folding: events into state, in any order, with the same outcome. Each event is folded once; claims see to that."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.clock import day_of, micros
from services.scoring.core.state import Account, Cell, Invoice, Ticket
from shared.messages import accounts, billing, feedback, tickets
from shared.messages.envelope import Event
from shared.messages.fields import MOST_WHOLE
from shared.messages.usage import UsageRecorded

_EXCERPT: Final = 160
_MOST_TEXT: Final = 256
_CONTACT_TRAITS: Final = 20
KNOWN_TRAITS: Final = frozenset(accounts.AccountTraits.__struct_fields__)
RENAMED: Final = {"mrr_minor", "currency", "plan", "seats", "renews_at"}
"""The subscription's fields, which beat the traits of the same name."""
_INVOICE_RANK: Final = {"issued": 0, "payment_failed": 1, "paid": 2, "voided": 3}
_TICKET_RANK: Final = {"ticket.opened": 0, "ticket.updated": 1, "ticket.closed": 2}
ENDED: Final = frozenset({"canceled", "cancelled", "expired", "incomplete_expired"})
"""The states of a subscription whose customer has left."""
LAST_ON: Final = "last_on"
"""Beside a subscription that has ended: the last state in which it had not."""
_SUBSCRIPTION_RANK: Final = {"trialing": 1, "active": 2, "past_due": 3, "paused": 4, "unpaid": 5, "canceled": 6}


@dataclass(slots=True)
class Touched:
    """The rows that folding changed."""

    users: set[str] = field(default_factory=set)
    tickets: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)


def fold_usage(account: Account, used: Sequence[tuple[datetime, UsageRecorded]], touched: Touched) -> None:
    """Add usage. The last active days of its users must be at hand in `account.users`, where there are any."""
    state = account.state
    if state.erased or not used:
        return
    usage = state.usage
    latest = used[0][0]
    for time, data in used:
        day = day_of(time)
        days = usage.get(data.feature)
        if days is None:
            days = _days_of(usage, data.feature)
        days[day] = min(days.get(day, 0) + round(data.quantity * s.MILLIONTHS), s.MOST_QUANTITY)
        if latest < time:  # noqa: PLR1730 - max() costs a call an event
            latest = time
        user = data.user_id
        if user is not None and account.users.get(user, day - 1) < day:
            _see(account, user, day)
            touched.users.add(user)
    state.last_used = max(state.last_used, micros(latest))


def _see(account: Account, user: str, day: int) -> None:
    """Move a user to a later day: two increments."""
    people, before = account.state.people, account.users.get(user)
    if before is not None and before in people:
        people[before] -= 1
        if not people[before]:
            del people[before]
    people[day] = people.get(day, 0) + 1
    account.users[user] = day
    account.state.knows_people = True


def _days_of(usage: dict[str, dict[int, int]], feature: str) -> dict[int, int]:
    """The buckets of a feature that is new here. The first names by the alphabet have their own, the rest share one.

    A name once out never comes back in, as names are never taken away: so which have their own depends on no order.
    """
    named = len(usage) - (s.OTHER in usage)
    if named < s.MOST_FEATURES:
        return usage.setdefault(feature, {})
    last = max(usage)
    other = usage.setdefault(s.OTHER, {})
    if feature > last:
        return other
    for day, quantity in usage.pop(last).items():
        other[day] = min(other.get(day, 0) + quantity, s.MOST_QUANTITY)
    return usage.setdefault(feature, {})


def fold(account: Account, event: Event, data: Any, touched: Touched) -> None:
    """Fold one event. The rows that it names must be at hand, where there are any."""
    if account.state.erased:
        return
    if isinstance(data, UsageRecorded):
        fold_usage(account, [(event.time, data)], touched)
        return
    folder = _FOLDERS.get(event.type)
    if folder is not None:
        folder(account, event, data, touched)


def _cell(event: Event, value: Any, rank: int = 0) -> Cell:
    return Cell(micros(event.time), rank, event.source, event.id, value)


def _put(cells: dict[str, Cell], name: str, cell: Cell) -> None:
    if cell.beats(cells.get(name)):
        cells[name] = cell


def _bound(mapping: dict[str, Any], most: int) -> None:
    """Keep the first names by the alphabet: which those are depends on no order."""
    if len(mapping) > most:
        del mapping[max(mapping)]


def _bound_contacts(state: s.State) -> None:
    """Keep the contacts whose digests are among the first of all, erased ones too: which those are depends on no order.

    A name that was erased is known by its digest alone. It keeps its place among the others, as if it were still there,
    and its digest is kept whatever the bound: a straggler must not bring it back.
    """
    if len(state.contacts) + len(state.erased_contacts) > s.MOST_CONTACTS:
        live = {digest_of(name): name for name in state.contacts}
        for digest in sorted({*live, *state.erased_contacts})[s.MOST_CONTACTS :]:
            if digest in live:
                del state.contacts[live[digest]]


def plain(value: Any) -> Any:
    """A trait's value as state keeps it: text cut, times as text, nothing nested."""
    if isinstance(value, int) and not -MOST_WHOLE <= value <= MOST_WHOLE:
        # One that no float holds is kept as text: whatever was accepted can be folded.
        return float(value) if abs(value) <= sys.float_info.max else str(value)[:_MOST_TEXT]
    if isinstance(value, bool | float | int) or value is None:
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [str(item)[:_MOST_TEXT] for item in value[:50]]
    return str(value)[:_MOST_TEXT]


def _account_updated(account: Account, event: Event, data: accounts.AccountUpdated, touched: Touched) -> None:
    del touched
    raw: dict[str, Any] = msgspec.json.decode(event.data).get("traits", {})
    known = {name: getattr(data.traits, name) for name in KNOWN_TRAITS if name in raw}
    traits = account.state.traits
    for name, value in {**raw, **known}.items():
        _put(traits, name if name in KNOWN_TRAITS else f"traits.{name[:128]}", _cell(event, plain(value)))
    while len(traits) > s.MOST_TRAITS:
        del traits[max(name for name in traits if name.startswith("traits."))]


def _subscription_changed(account: Account, event: Event, data: billing.SubscriptionChanged, touched: Touched) -> None:
    del touched
    rank = _SUBSCRIPTION_RANK.get(data.status, 0)
    cells = account.state.subscription
    was = [cell for cell in (cells.get("status"), cells.pop(LAST_ON, None)) if cell is not None]
    for name in ("mrr_minor", "currency", "plan", "seats", "renews_at", "status"):
        value = plain(getattr(data, name))
        if value is not None:
            _put(cells, name, _cell(event, value, rank))
    if cells["status"].value in ENDED:
        # When it was last on stays beside it: what was said of leaving before then doesn't count any more.
        for cell in (*was, _cell(event, data.status, rank)):
            if cell.value not in ENDED:
                _put(cells, LAST_ON, cell)


def _ticket(account: Account, event: Event, data: tickets.Ticket, touched: Touched) -> None:
    at, opened = micros(event.time), micros(data.opened_at)
    closed = None if data.closed_at is None else micros(data.closed_at)
    if event.type == "ticket.closed" and closed is None:
        closed = at
    new = Ticket(at, _TICKET_RANK[event.type], event.source, event.id, data.priority, opened, closed)
    old = account.tickets.get(data.ticket_id)
    if old is None or (new.at, new.rank, new.source, new.id) > (old.at, old.rank, old.source, old.id):
        account.tickets[data.ticket_id] = new
        touched.tickets.add(data.ticket_id)


def _invoice(account: Account, event: Event, data: billing.Invoice, touched: Touched) -> None:
    status = event.type.removeprefix("invoice.")
    at = micros(event.time)
    settled = None
    if status in ("paid", "voided"):
        settled = at if data.paid_at is None or status == "voided" else micros(data.paid_at)
    now = _cell(event, [status, data.amount_minor, data.currency, settled], _INVOICE_RANK[status])
    due = None if data.due_at is None else _cell(event, micros(data.due_at), _INVOICE_RANK[status])
    failed = at if status == "payment_failed" else None
    old = account.invoices.get(data.invoice_id)
    new = Invoice(now, due, failed)
    if old is not None:
        firsts = [failure for failure in (old.failed, failed) if failure is not None]
        new = Invoice(
            now if now.beats(old.now) else old.now,
            due if due is not None and due.beats(old.due) else old.due,
            min(firsts, default=None),
        )
    account.state.billed = True
    if new != old:
        account.invoices[data.invoice_id] = new
        touched.invoices.add(data.invoice_id)


@lru_cache(maxsize=1 << 14)
def digest_of(contact: str) -> str:
    """What is kept of a contact that was erased: enough to know them again, not to name them."""
    return blake2b(contact.encode(), digest_size=9, person=b"keepwell").hexdigest()


def is_erased(account: Account, contact: str) -> bool:
    """Whether a contact, or the whole account, is to be forgotten."""
    return account.state.erased or (
        bool(account.state.erased_contacts) and digest_of(contact) in account.state.erased_contacts
    )


def kind_of(event_type: str, survey_kind: str) -> str:
    """Which list an answer belongs to. Relational and transactional NPS are never mixed."""
    name = event_type.removeprefix("feedback.")
    return "nps.transactional" if name == "nps" and survey_kind == "transactional" else name


def _answer(account: Account, event: Event, data: feedback.NpsAnswered, touched: Touched) -> None:
    del touched
    if is_erased(account, data.contact_id):
        return
    answers = account.state.answers.setdefault(kind_of(event.type, data.survey_kind), {})
    _put(answers, data.contact_id, _cell(event, [data.score, (data.comment or "")[:_EXCERPT]]))


def _contact_updated(account: Account, event: Event, data: accounts.ContactUpdated, touched: Touched) -> None:
    del touched
    if is_erased(account, data.contact_id):
        return
    contacts = account.state.contacts
    is_new = data.contact_id not in contacts
    cells = contacts.setdefault(data.contact_id, {})
    left = data.role == "left" or data.traits.get("left") is True
    if left:
        _put(cells, "left", _cell(event, True))
    elif data.role is not None:
        _put(cells, "role", _cell(event, data.role))
    for name, value in data.traits.items():
        if name != "left":
            _put(cells, f"traits.{name[:128]}", _cell(event, plain(value)))
    while len(cells) > _CONTACT_TRAITS:
        del cells[max(name for name in cells if name.startswith("traits."))]
    if is_new:
        _bound_contacts(account.state)


def _milestone(account: Account, event: Event, data: accounts.MilestoneReached, touched: Touched) -> None:
    del touched
    milestones, at = account.state.milestones, micros(event.time)
    milestones[data.milestone] = min(at, milestones.get(data.milestone, at))
    _bound(milestones, s.MOST_MILESTONES)


def _latest(name: str, value: Callable[[Any], Any]) -> Callable[[Account, Event, Any, Touched], None]:
    def folder(account: Account, event: Event, data: Any, touched: Touched) -> None:
        del touched
        cell = _cell(event, value(data))
        if cell.beats(getattr(account.state, name)):
            setattr(account.state, name, cell)

    return folder


def _contact_erased(account: Account, event: Event, data: accounts.ContactErased, touched: Touched) -> None:
    del event, touched
    state = account.state
    state.erased_contacts[digest_of(data.contact_id)] = True
    state.contacts.pop(data.contact_id, None)
    for answers in state.answers.values():
        answers.pop(data.contact_id, None)
    _bound_contacts(state)


def _account_erased(account: Account, event: Event, data: accounts.AccountErased, touched: Touched) -> None:
    del event, data
    account.state = s.State(erased=True)
    for rows in (account.tickets, account.invoices, account.users):
        rows.clear()
    for names in (touched.users, touched.tickets, touched.invoices):
        names.clear()


_FOLDERS: Final[dict[str, Callable[[Account, Event, Any, Touched], None]]] = {
    **dict.fromkeys(_TICKET_RANK, _ticket),
    **{f"invoice.{status}": _invoice for status in _INVOICE_RANK},
    "subscription.changed": _subscription_changed,
    "feedback.nps": _answer,
    "feedback.csat": _answer,
    "feedback.ces": _answer,
    "account.updated": _account_updated,
    "contact.updated": _contact_updated,
    "milestone.reached": _milestone,
    "interaction.logged": _latest("interaction", lambda data: [data.kind]),
    "pulse.set": _latest("pulse", lambda data: [data.score, (data.note or "")[:_EXCERPT], data.author]),
    "account.churned": _latest("churned", lambda data: [(data.reason or "")[:_EXCERPT], data.voluntary]),
    "account.merged": _latest("merged", lambda data: data.into),
    "contact.erased": _contact_erased,
    "account.erased": _account_erased,
}
