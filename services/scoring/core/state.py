"""What is remembered of one account: a compact state, and rows of its own for what grows with people and papers.

State is a function of the set of events and of `now` alone. Sums are of integers, so they don't depend on order; every
other value is the one with the greatest stamp (time, rank, source, id); and what is forgotten goes by age.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, Protocol

import msgspec

from services.scoring.core.clock import DAY_US, day_of_us, month_number
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
MOST_TRAITS: Final = 100
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


_in_order = attrgetter("at", "rank", "source", "id")


def settled(said: Iterable[Said], since: int = 0, monthly: int = 0) -> list[Said]:
    """What stands of all that was said, oldest first.

    Of each field the latest; of those in `BY_DAY` the latest of each day from `since` on, of each month from `monthly`
    on, and the newest before then (of the status the newest of each, so that it is known what went before what).
    """
    standing: list[Said] = []
    taken: set[tuple[Any, ...]] = set()
    for one in sorted(said, key=_in_order, reverse=True):
        day, fields = day_of_us(one.at), {}
        for name, value in one.fields.items():
            places: list[tuple[Any, ...]] = [(name,)]
            if name in BY_DAY and day >= since:
                places = [(name, day)]
            elif name in BY_DAY:
                which = value if name == "status" else None
                # What no month has left of it isn't the newest of older ones: whenever it is forgotten, the same goes.
                places = [(name, which, month_number(day))] + ([(name, which, None)] if day < monthly else [])
            for place in places:
                if place in taken:
                    break
                taken.add(place)
            else:
                fields[name] = value
        if fields:
            standing.append(msgspec.structs.replace(one, fields=fields))
    standing.reverse()
    return standing


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


def day_cutoff(today: int) -> int:
    """The first day whose usage is remembered."""
    return today - USAGE_DAYS + 1


def prune(state: State, today: int, forgotten: dict[tuple[int, str], Uses] | None = None) -> None:
    """Forget what is too old on this day. A function of the day alone: pruning often is pruning once.

    What was used on the days that are forgotten is added to `forgotten`.
    """
    first = day_cutoff(today)
    for feature, uses in state.usage.items():
        while uses and (oldest_day := min(uses)) < first:
            # What is forgotten of a day is a part of its week: sums again, whenever that is.
            week, gone = oldest_day // 7, uses.pop(oldest_day)
            state.weeks[week] = state.weeks.get(week, 0) + gone.events
            if forgotten is not None:
                forgotten.setdefault((oldest_day, feature), Uses(0, 0)).add(gone)
    while state.weeks and (oldest_week := min(state.weeks)) <= today // 7 - USAGE_WEEKS:
        del state.weeks[oldest_week]
    buckets: tuple[dict[int, Any], ...] = (*state.automatic.values(), state.people)
    for days in buckets:
        while days and (oldest_day := min(days)) < first:
            del days[oldest_day]
    for answers in state.moments.values():
        for day in [day for day in answers if day <= today - MOMENT_DAYS]:
            del answers[day]
    _prune_terms(state, today - TERMS_DAYS + 1, today - MONTHLY_DAYS + 1)
    # One that has ended stays while an earlier one, which it replaced, could still hold.
    for measure in [name for name, mute in state.mutes.items() if mute.at < (today - MUTE_DAYS) * DAY_US]:
        del state.mutes[measure]
    if state.pulse is not None and state.pulse.at < (today - PULSE_DAYS) * DAY_US:
        state.pulse = None


def _prune_terms(state: State, since: int, monthly: int) -> None:
    """Leave of what was bought, on the days before, what stood last in each month, and before these at all."""
    state.bought = _pruned(state.bought, since, monthly)
    state.churns = _pruned(state.churns, since, monthly)
    for one in state.subscriptions.values():
        one.said = _pruned(one.said, since, monthly)


def _pruned(said: list[Said], since: int, monthly: int) -> list[Said]:
    return settled(said, since, monthly) if len(said) > 1 and day_of_us(said[1].at) < since else said


def is_tombstone(row: Paper, today: int) -> bool:
    """Whether the row was settled so long ago that no measure looks at it."""
    return row.settled is not None and row.settled < (today - PAPER_DAYS) * DAY_US


def drop_tombstones(account: Account, today: int) -> None:
    """Leave only the rows that a measure may look at."""
    account.counted.clear()
    account.tickets = {key: row for key, row in account.tickets.items() if not is_tombstone(row, today)}
    account.invoices = {key: row for key, row in account.invoices.items() if not is_tombstone(row, today)}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)
_papers: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    "tickets": msgspec.msgpack.Decoder(Ticket),
    "invoices": msgspec.msgpack.Decoder(Invoice),
}


def _sorted(found: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _sorted(v) if isinstance(v := found[key], dict) else v for key in sorted(found)}


def encode(state: State) -> bytes:
    """Canonical bytes: equal states give equal bytes. Keys are sorted; empty collections are left out."""
    mappings = {name: _sorted(v) for name in State.__struct_fields__ if isinstance(v := getattr(state, name), dict)}
    # What was forgotten leaves no empty list.
    mappings["moments"] = {kind: answers for kind, answers in mappings["moments"].items() if answers}
    return _encoder.encode(msgspec.structs.replace(state, **mappings))


def decode(packed: bytes) -> State:
    """Read what `encode` wrote."""
    return _decoder.decode(packed)


def paper_of(kind: str, packed: bytes) -> Any:
    """Read a row of `tickets` or `invoices`."""
    return _papers[kind].decode(packed)


def encode_row(row: Paper) -> bytes:
    """A row's canonical bytes."""
    return _encoder.encode(row)


def canonical(account: Account, today: int) -> bytes:
    """Everything that is remembered of an account on a day, as bytes; equal accounts give equal bytes."""
    state = decode(encode(account.state))
    prune(state, today)
    papers = [
        [(key, rows[key]) for key in sorted(rows) if not is_tombstone(rows[key], today)]
        for rows in map(account.papers, _papers)
    ]
    return _encoder.encode((account.id, encode(state), papers))
