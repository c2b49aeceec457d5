"""What is remembered of one account: a compact state, and rows of its own for what grows with people and papers.

State is a function of the set of events and of `now` alone. Sums are of integers, so they don't depend on order; every
other value is the one with the greatest stamp (time, rank, source, id); and what is forgotten goes by age.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from services.scoring.core.clock import day_of_us
from services.scoring.core.roles import KEY_ROLES, main_role
from shared.messages.stamps import Cell, Stamped

USAGE_DAYS: Final = 91
"""90 full days, the longest window of a measure of usage, and today."""
USAGE_WEEKS: Final = 60
"""Of uses before those days the number in each week is remembered for so long: a year, and some weeks."""
MOMENT_DAYS: Final = 150
"""Answers about a moment count for 90 days; their counts are kept longer, for a last known value."""
PULSE_DAYS: Final = 180
"""A pulse counts for 90 days; it is kept longer so that a scorecard may still take the last known one."""
MUTE_DAYS: Final = 30
"""How long nobody need believe a reading without saying so again."""
PAPER_DAYS: Final = 180
"""How long a closed ticket or a settled invoice is looked at; after that its row is only a tombstone."""
TERMS_DAYS: Final = 100
"""How long it is remembered what revenue, seats and plan were on each day: the 90 that are compared, and some more."""
MONTHLY_DAYS: Final = 765
"""Before that, how they stood last in each month: twice twelve months, and the one that runs."""
BOUGHT: Final = frozenset({"mrr_minor", "currency", "plan", "seats"})
BY_DAY: Final = BOUGHT | {"status", "reason", "voluntary"}
"""What is remembered so; of all else that is said of a subscription the latest."""
MILLIONTHS: Final = 1_000_000
MOST_QUANTITY: Final = 2**62
"""Sums stop here: it fits in 63 bits, and a sum of what is never negative may stop anywhere without minding order."""

MOST_FEATURES: Final = 200
MOST_CONTACTS: Final = 2000
MOST_MILESTONES: Final = 200
MOST_GOALS: Final = 200
MOST_SUBSCRIPTIONS: Final = 100
MOST_RENEWALS: Final = 8
MOST_SAID_OF: Final = 200
"""Renewals of which people said something."""
DATED: Final = frozenset({"talked", "nps", "csat", "ces"})
"""Of a contact: what counts for so many days."""
FIRST_DAY: Final = -(2**31)
"""Before all others."""
OTHER: Final = ""
"""The usage of features beyond the bound, together."""


class Said(Stamped, frozen=True, array_like=True, gc=False):
    """What one event said of a subscription, or of what an account buys: as much of it as still stands."""

    fields: dict[str, Any]


def roles_of(contact: Mapping[str, Cell]) -> Sequence[str]:
    """The last roles of a contact, without `left`."""
    cell = contact.get("roles")
    return () if cell is None else cell.value


def user_ids_of(contact: Mapping[str, Cell]) -> Sequence[str]:
    """By which ids a contact uses the product, as far as that is known."""
    cell = contact.get("user_ids")
    return () if cell is None else cell.value


def has_left(contact: Mapping[str, Cell]) -> bool:
    """Whether a contact has left, and nothing said since gives them a role."""
    left = contact.get("left")
    return left is not None and left.beats(contact.get("roles"))


class Subscription(msgspec.Struct, omit_defaults=True):
    """One contract of an account: what was said of it, and of what is forgotten the bounds. Instants in it are µs."""

    said: list[Said] = []
    first: int | None = None
    """When it was first heard of."""
    began: int | None = None
    """When it was first said to be live."""
    renewals: list[int] = []
    """The latest dates of all that were ever named for its renewal, in order."""
    ahead: int = 0
    """How far ahead, at the most, one was when it was named."""


class Ticket(Stamped, frozen=True, array_like=True, gc=False):
    """A ticket as its latest message had it; each message carries it whole."""

    priority: str
    opened: int
    settled: int | None
    """When it was closed, or merged into another."""
    responded: int | None = None
    """When it was answered first."""
    merged: str | None = None
    """The ticket that it goes on in: that one counts, and this one no more."""


class Invoice(Stamped, frozen=True, array_like=True, gc=False):
    """An invoice as its latest message had it, with the due date last named, and the first failed payment."""

    status: str
    amount: int
    """In minor units."""
    currency: str
    closed: int | None
    """When it was paid or voided."""
    due: Cell | None
    failed: int | None
    credited: dict[str, int] = msgspec.field(default_factory=dict)
    """By currency what need not be paid, in minor units."""
    credited_at: int | None = None
    """When it last was."""
    dispute: Cell | None = None
    """How a dispute about it stands: open, won or lost."""

    @property
    def owed(self) -> int:
        """What of its amount is to be paid, in minor units."""
        return self.amount - self.credited.get(self.currency, 0)

    @property
    def was_credited(self) -> bool:
        """Whether all of it was."""
        return self.amount > 0 >= self.owed

    @property
    def is_disputed(self) -> bool:
        """Whether a dispute about it is open."""
        return self.dispute is not None and self.dispute.value == "open"

    @property
    def settled(self) -> int | None:
        """When it was paid, voided or credited. One that was paid isn't while a dispute is lost that came after."""
        dispute = self.dispute
        if dispute is not None and dispute.value == "lost" and self.status == "paid" and dispute.at >= self.at:
            return self.credited_at if self.was_credited else None
        return self.credited_at if self.closed is None and self.was_credited else self.closed

    @property
    def due_at(self) -> int | None:
        """When it is, or was, due."""
        return None if self.due is None else int(self.due.value)


class Uses(msgspec.Struct, array_like=True, gc=False):
    """How a feature was used on a day."""

    events: int
    quantity: int
    """In millionths."""

    def add(self, more: "Uses") -> None:
        """Take in the use of other features, or of another batch."""
        self.events += more.events
        self.quantity = min(self.quantity + more.quantity, MOST_QUANTITY)


class State(msgspec.Struct, omit_defaults=True):
    """One account's state. Days count from 1970-01-01 UTC, instants are microseconds since then."""

    usage: dict[str, dict[int, Uses]] = {}
    """By feature and day, whoever acted."""
    automatic: dict[str, dict[int, int]] = {}
    """Of these, the events that were not by people: by actor (`integration` or `agent`) and day."""
    weeks: dict[int, int] = {}
    """How often it was used on days that are forgotten, by whomever: by week, 7 days from 1970-01-01 each."""
    uses: int = 0
    """How often it was used, ever: events, whatever their quantities."""
    last_used: int = 0
    """By whomever."""
    last_used_by_people: int = 0
    people: dict[int, int] = {}
    """How many users, all of them people, were last active on a day."""
    knows_people: bool = False
    """Usage by people came with user ids."""
    heard: dict[str, int] = {}
    """By source of evidence (`catalogue.SOURCES`): when its first event happened."""
    first: int | None = None
    """When the first event of all happened."""
    traits: dict[str, Cell] = {}
    bought: list[Said] = []
    """What the traits said of revenue, seats and plan."""
    subscriptions: dict[str, Subscription] = {}
    """By id; the one that came without has none."""
    contacts: dict[str, dict[str, Cell]] = {}
    """By contact: `roles` (the last that are not `left`), `left`, `talked` (when we last did, and how), `user_ids`,
    traits, and of `nps`, `csat` and `ces` the latest relational answer: [score, comment's beginning]."""
    milestones: dict[str, int] = {}
    """When each was first reached."""
    renewals: dict[str, dict[str, Cell]] = {}
    """By renewal (`core/renewals.renewal_id`): what people said last of it: forecast, outcome, reason, owner."""
    goals: dict[str, dict[str, Cell]] = {}
    """By goal: `set` (what is wanted, see `core/goals.py`), and `ended` (`reached` or `dropped`)."""
    interaction: Cell | None = None
    review: Cell | None = None
    """The latest interaction in which we went through how it does with them."""
    pulse: Cell | None = None
    mutes: dict[str, Cell] = {}
    """By measure: [until when its reading is not believed, why, who says so]."""
    churns: list[Said] = []
    """What was said of the customer's leaving: `reason` and `voluntary`."""
    merged: Cell | None = None
    moments: dict[str, dict[int, dict[int, int]]] = {}
    """By kind (`nps`, `csat`, `ces`), day and score: how many answered so about a moment. It says nothing of whom."""
    last_moment: Cell | None = None
    """The score of the latest NPS answer about a moment."""
    erased_contacts: dict[str, bool] = {}
    """Digests of contacts to be forgotten, so that a straggler doesn't bring them back."""
    left_out: dict[str, str] = {}
    """What there was no room for: by kind, the first name by the alphabet. All of that kind after it isn't kept."""
    erased: bool = False
    """The account was erased: nothing is remembered of it, whatever comes."""

    def churned(self, at: int | None = None) -> Said | None:
        """What was said last, or by an instant, of the customer's having left."""
        return next((one for one in reversed(self.churns) if at is None or one.at <= at), None)

    def roles_of(self, contact: str) -> Sequence[str]:
        """The last roles of a contact, without `left`."""
        return roles_of(self.contacts.get(contact, {}))

    def user_ids_of(self, contact: str) -> Sequence[str]:
        """By which ids a contact uses the product, as far as that is known."""
        return user_ids_of(self.contacts.get(contact, {}))

    def key_users(self) -> Iterator[tuple[str, Sequence[str]]]:
        """The contacts of key roles of whom it is known by which ids they use the product, and these ids."""
        for contact, cells in self.contacts.items():
            if "user_ids" in cells and not KEY_ROLES.isdisjoint(self.roles_of(contact)):
                yield contact, self.user_ids_of(contact)

    def name_of(self, contact: str) -> str | None:
        """What a contact is called, where somebody said so."""
        cell = self.contacts.get(contact, {}).get("traits.name")
        return cell.value if cell is not None and isinstance(cell.value, str) else None

    def role_of(self, contact: str) -> str | None:
        """Of a contact's roles the one that weighs most."""
        return main_role(self.roles_of(contact))


Paper = Ticket | Invoice


class Counted(Protocol):
    """What is counted of rows on a day, and kept right as one row takes another's place."""

    today: int

    def replace(self, key: str, old: Any, new: Any) -> None:
        """A row has taken another's place, or none's."""


@dataclass(slots=True)
class Account:
    """An account at hand: its state and the rows that were loaded beside it."""

    id: str
    state: State = field(default_factory=State)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    """The last active day of those users that were looked up."""
    answered: dict[str, Cell] = field(default_factory=dict)
    """Of the invitations that are answered at hand: [score, kind of survey] as it stands."""
    wrote: dict[str, list[str]] = field(default_factory=dict)
    """Of contacts that are to be erased: what they wrote, as rows have it."""
    touched: set[tuple[str, str]] = field(default_factory=set)
    """The rows that folding has changed since they were last saved, by kind (`users`, `tickets`, `invoices`) and id."""
    forgotten: dict[tuple[int, str], Uses] = field(default_factory=dict)
    """Usage by day and feature that state has forgotten since it was last saved: it goes to rows."""
    counted: dict[str, Counted] = field(default_factory=dict)
    """Its `tickets` and `invoices`, counted on a day; not after more than one was changed at once."""

    bought_since: int | None = None
    """The first day on which its revenue may be another than was written; None: it is as it was."""

    pruned_on: int | None = None
    """On this day there is nothing more to forget; None: there may be."""
    last_step: int | None = None
    """No step of its revenue that was written lies after this day; None: that isn't known."""
    renews_otherwise: bool = False
    """Its renewals may be others than were written."""
    renewals: list[Any] | None = None
    """Those that were written last, where that is known."""

    def bought_otherwise(self, at: int | None) -> None:
        """Note that its revenue may be another than was written since an instant; None: from the first day on."""
        self.renews_otherwise = True
        day = FIRST_DAY if at is None else day_of_us(at)
        self.bought_since = day if self.bought_since is None else min(day, self.bought_since)

    def put(self, kind: str, id: str, row: Paper) -> None:
        """Let a ticket's or an invoice's row stand."""
        rows = self.papers(kind)
        if (counted := self.counted.get(kind)) is not None:
            counted.replace(id, rows.get(id), row)
        rows[id] = row

    def papers(self, kind: str) -> dict[str, Any]:
        """Its `tickets` or `invoices`."""
        return self.tickets if kind == "tickets" else self.invoices
