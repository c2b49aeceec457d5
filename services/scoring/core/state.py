"""What is remembered of one account: a compact state, and rows of its own for what grows with people and papers.

State is a function of the set of events and of `now` alone. Sums are of integers, so they don't depend on order; every
other value is the one with the greatest stamp (time, rank, source, id); and what is forgotten goes by age.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import msgspec

from services.scoring.core.clock import DAY_US

USAGE_DAYS: Final = 90
ANSWER_DAYS: Final = 365
PULSE_DAYS: Final = 180
"""A pulse counts for 90 days; it is kept longer so that a scorecard may still take the last known one."""
PAPER_DAYS: Final = 180
"""How long a closed ticket or a settled invoice is looked at; after that its row is only a tombstone."""
MILLIONTHS: Final = 1_000_000
MOST_QUANTITY: Final = 2**62
"""Sums stop here: it fits in 63 bits, and a sum of what is never negative may stop anywhere without minding order."""

MOST_FEATURES: Final = 200
MOST_TRAITS: Final = 100
MOST_CONTACTS: Final = 2000
MOST_MILESTONES: Final = 200
OTHER: Final = ""
"""The usage of features beyond the bound, together."""


class Cell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value with its stamp: of two, the later stands; of two at one time, the higher rank, then source and id."""

    at: int
    rank: int
    source: str
    id: str
    value: Any

    def beats(self, other: "Cell | None") -> bool:
        """Whether this one stands against the other."""
        if other is None or self.at != other.at:
            return other is None or self.at > other.at
        return (self.rank, self.source, self.id) > (other.rank, other.source, other.id)


class State(msgspec.Struct, omit_defaults=True):
    """One account's state. Days count from 1970-01-01 UTC, instants are microseconds since then."""

    usage: dict[str, dict[int, int]] = {}
    """Feature, day, quantity in millionths."""
    last_used: int = 0
    people: dict[int, int] = {}
    """How many users were last active on a day."""
    knows_people: bool = False
    """Usage came with user ids."""
    billed: bool = False
    """An invoice was seen."""
    traits: dict[str, Cell] = {}
    subscription: dict[str, Cell] = {}
    contacts: dict[str, dict[str, Cell]] = {}
    """By contact: `role` (the last that is not `left`), `left`, and traits."""
    milestones: dict[str, int] = {}
    """When each was first reached."""
    interaction: Cell | None = None
    pulse: Cell | None = None
    churned: Cell | None = None
    merged: Cell | None = None
    answers: dict[str, dict[str, Cell]] = {}
    """By kind (`nps`, `nps.transactional`, `csat`, `ces`) and contact: the latest [score, comment's beginning]."""
    erased_contacts: dict[str, bool] = {}
    """Digests of contacts to be forgotten, so that a straggler doesn't bring them back."""
    erased: bool = False
    """The account was erased: nothing is remembered of it, whatever comes."""

    def role_of(self, contact: str) -> str | None:
        """The last role of a contact that is not `left`."""
        cell = self.contacts.get(contact, {}).get("role")
        return None if cell is None else str(cell.value)


class Ticket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket as its latest message had it; each message carries it whole."""

    at: int
    rank: int
    source: str
    id: str
    priority: str
    opened: int
    closed: int | None

    @property
    def settled(self) -> int | None:
        """When it was closed."""
        return self.closed


class Invoice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An invoice: what its latest message said, the due date last named, and the first failed payment."""

    now: Cell
    """[status, amount_minor, currency, settled at]."""
    due: Cell | None
    failed: int | None

    @property
    def status(self) -> str:
        """`issued`, `payment_failed`, `paid` or `voided`."""
        return str(self.now.value[0])

    @property
    def amount(self) -> int:
        """In minor units."""
        return int(self.now.value[1])

    @property
    def currency(self) -> str:
        """As ISO 4217 names it."""
        return str(self.now.value[2])

    @property
    def settled(self) -> int | None:
        """When it was paid or voided."""
        return self.now.value[3]  # type: ignore[no-any-return]

    @property
    def due_at(self) -> int | None:
        """When it is, or was, due."""
        return None if self.due is None else int(self.due.value)


RowKind = Literal["users", "tickets", "invoices"]
"""The kinds of rows beside a state."""


@dataclass(slots=True)
class Account:
    """An account at hand: its state and the rows that were loaded beside it."""

    id: str
    state: State = field(default_factory=State)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    """The last active day of those users that were looked up."""
    touched: set[tuple[RowKind, str]] = field(default_factory=set)
    """The rows that folding has changed since they were last saved."""


def day_cutoff(today: int) -> int:
    """The first day whose usage is remembered."""
    return today - USAGE_DAYS + 1


def prune(state: State, today: int) -> None:
    """Forget what is too old on this day. A function of the day alone: pruning often is pruning once."""
    first = day_cutoff(today)
    for days in (*state.usage.values(), state.people):
        while days and (oldest_day := min(days)) < first:
            del days[oldest_day]
    oldest = (today - ANSWER_DAYS) * DAY_US
    for answers in state.answers.values():
        for contact in [contact for contact, cell in answers.items() if cell.at < oldest]:
            del answers[contact]
    if state.pulse is not None and state.pulse.at < (today - PULSE_DAYS) * DAY_US:
        state.pulse = None


def is_tombstone(row: Ticket | Invoice, today: int) -> bool:
    """Whether the row was settled so long ago that no measure looks at it."""
    return row.settled is not None and row.settled < (today - PAPER_DAYS) * DAY_US


def drop_tombstones(account: Account, today: int) -> None:
    """Leave only the rows that a measure may look at."""
    account.tickets = {key: row for key, row in account.tickets.items() if not is_tombstone(row, today)}
    account.invoices = {key: row for key, row in account.invoices.items() if not is_tombstone(row, today)}


_MAPPINGS: Final = ("people", "traits", "subscription", "contacts", "milestones", "answers", "erased_contacts")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def encode(state: State) -> bytes:
    """Canonical bytes: equal states give equal bytes. Keys are sorted; empty collections are left out."""
    changes: dict[str, Any] = {"usage": {name: dict(sorted(state.usage[name].items())) for name in sorted(state.usage)}}
    for name in _MAPPINGS:
        value = getattr(state, name)
        if value:
            # An empty list of answers is no list: a contact that was erased before or after answering leaves the same.
            changes[name] = {key: _sorted(value[key]) for key in sorted(value) if value[key] or name != "answers"}
    return _encoder.encode(msgspec.structs.replace(state, **changes))


def decode(packed: bytes) -> State:
    """Read what `encode` wrote."""
    return _decoder.decode(packed)


ticket_of = msgspec.msgpack.Decoder(Ticket).decode
invoice_of = msgspec.msgpack.Decoder(Invoice).decode


def encode_row(row: Ticket | Invoice) -> bytes:
    """A row's canonical bytes."""
    return _encoder.encode(row)


def canonical(account: Account, today: int) -> bytes:
    """Everything that is remembered of an account on a day, as bytes; equal accounts give equal bytes."""
    state = decode(encode(account.state))
    prune(state, today)
    rows = (account.tickets, account.invoices)
    papers = [
        [(key, found[key]) for key in sorted(found) if not is_tombstone(found[key], today)]
        for found in cast("tuple[dict[str, Ticket | Invoice], ...]", rows)
    ]
    return _encoder.encode((account.id, encode(state), papers))
