"""The invoices that measures look at, counted on a day: what is open one by one, what was paid in sums."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.counting import counted_of
from services.scoring.core.state import PAPER_DAYS, Invoice

NONE_YET: Final = "no invoice yet"


class Paid:
    """What was paid in a currency."""

    __slots__ = ("amount", "late", "weighted")

    def __init__(self) -> None:
        self.late: list[int] = []
        """How many days late each was paid, in order."""
        self.amount = 0
        self.weighted = 0
        """The sum of days late, each times its amount."""


class Invoices:
    """What the measures of billing ask of all invoices together."""

    __slots__ = ("contested", "open", "paid", "today")

    def __init__(self, invoices: Mapping[str, Invoice], today: int) -> None:
        self.today = today
        self.open: dict[str, Invoice] = {}
        self.contested: dict[str, Invoice] = {}
        """Those that were paid, and about which a dispute is open."""
        self.paid: dict[str, Paid] = {}
        """By currency, those with a due date that were paid in 180 days."""
        for key, row in invoices.items():
            self._count(key, row, 1)

    def replace(self, key: str, old: Invoice | None, new: Invoice) -> None:
        """A row has taken another's place."""
        if old is not None:
            self._count(key, old, -1)
        self._count(key, new, 1)

    def _count(self, key: str, row: Invoice, one: int) -> None:
        self.contested.pop(key, None)
        if one > 0 and row.is_disputed and row.status == "paid":
            self.contested[key] = row
        if row.settled is None:
            self.open.pop(key, None)
            if one > 0:
                self.open[key] = row
        elif was_paid(row, self.today):
            late, paid = days_late(row, self.today), self.paid.setdefault(row.currency, Paid())
            paid.amount += one * row.amount
            paid.weighted += one * row.amount * late
            if one > 0:
                insort(paid.late, late)
            else:
                del paid.late[bisect_left(paid.late, late)]


def was_paid(row: Invoice, today: int) -> bool:
    """Whether it says how the account pays: it had a due date, and was paid in 180 days."""
    owed = row.due_at is not None and row.amount > 0 and row.status != "voided" and not row.was_credited
    return owed and row.settled is not None and day_of_us(row.settled) > today - PAPER_DAYS


def days_late(row: Invoice, today: int) -> int:
    """For how many days an invoice was overdue before it was paid, or is."""
    until = today if row.settled is None else day_of_us(row.settled)
    return max(0, until - day_of_us(row.due_at or 0))


def invoices_of(view: View) -> Invoices:
    """The account's invoices, counted on the view's day."""
    return counted_of(view, "invoices", Invoices)


def overdue(view: View) -> list[tuple[int, str, Invoice]]:
    """Open invoices whose due date has passed, oldest first: when due, and which. What owes nothing isn't late."""
    return view.once(_overdue)


def _overdue(view: View) -> list[tuple[int, str, Invoice]]:
    return sorted(
        (row.due_at, key, row)
        for key, row in invoices_of(view).open.items()
        if row.owed > 0 and row.due_at is not None and day_of_us(row.due_at) < view.today
    )


def pressing(view: View) -> list[tuple[int, str, Invoice]]:
    """Those that are undisputed, and no longer overdue than anybody waits: what is older is written off."""
    return [one for one in overdue(view) if is_recent(view, one[0]) and not one[2].is_disputed]


def disputed(view: View) -> list[str]:
    """The overdue invoices about which a dispute is open: they are shown, and held against nobody."""
    return [key for due, key, row in overdue(view) if is_recent(view, due) and row.is_disputed]


def is_recent(view: View, due: int) -> bool:
    """Whether what was due then still says something of the account."""
    return view.today - day_of_us(due) < PAPER_DAYS


def overdue_minor(view: View) -> int:
    """What is overdue in the account's currency; where that isn't known, in the one of most overdue invoices."""
    rows = [row for _, _, row in overdue(view)]
    currency = view.profile.currency or _most_common(Counter(row.currency for row in rows))
    return sum(row.owed for row in rows if row.currency == currency)


class Judged(NamedTuple):
    """By what the account's lateness is judged: what it paid in 180 days and what is overdue, in one currency alone.

    As amounts weigh against each other: in the account's own if there is one in it, else in that of most.
    """

    currency: str | None
    paid: Paid
    overdue: list[Invoice]


def judged(view: View) -> Judged:
    """What is judged on the view's day."""
    return view.once(_judged)


def _judged(view: View) -> Judged:
    paid, late = invoices_of(view).paid, [row for _, _, row in pressing(view)]
    found = Counter({currency: len(one.late) for currency, one in paid.items() if one.late})
    found.update(row.currency for row in late)
    currency = own if (own := view.profile.currency) in found else _most_common(found)
    of_paid = Paid() if currency is None else paid.get(currency, Paid())
    return Judged(currency, of_paid, [row for row in late if row.currency == currency])


def _most_common(found: Mapping[str, int]) -> str | None:
    """The currency of most of these invoices, by the alphabet among equals."""
    return min(found, key=lambda currency: (-found[currency], currency), default=None)
