"""How many accounts somebody looks after, by how they are served, what they are worth, and whether that is more than
one person can.

What an account counts for is noted in its standing, and moved from owner to owner in the transaction in which it
changes: so whoever chooses by accounts or revenue reads some rows, however many accounts there are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Load
from services.playbooks.core.directory import Directory
from services.playbooks.core.standing import Booking, Promise, Standing, owner, turned
from shared.words import counted, decimals, listed, monthly

MOST: Final[Mapping[str, int]] = {"high_touch": 15, "low_touch": 50, "self": 250}
"""How many accounts of one kind alone are a whole book, by the ids of the catalogue's models of onboarding. What has
another model, or none, counts as low touch."""
_USUAL: Final = "low_touch"
_SERVED: Final = {"high_touch": "by high touch", "low_touch": "by low touch", "self": "by self-service"}
_CONFIRMED_WITHIN: Final = timedelta(hours=1)
"""Until then an owner whom a playbook chose counts, though no assessment has told of them yet."""


class Moved(NamedTuple):
    """What a book gets more, or less where it is negative."""

    owner: str
    touch: str
    currency: str
    accounts: int
    mrr_minor: int


class Book(msgspec.Struct, frozen=True):
    """Somebody's accounts, by how they are served, and their monthly revenue by currency."""

    accounts: dict[str, int]
    mrr_minor: dict[str, int] = {}

    @property
    def number(self) -> int:
        """Of all of them."""
        return sum(self.accounts.values())

    @property
    def percent(self) -> int:
        """What they come to of one person's book."""
        return round(sum(100 * number / MOST[touch] for touch, number in self.accounts.items()))

    @property
    def warning(self) -> str | None:
        """That it is more than one person looks after; it keeps nobody from getting work."""
        if self.percent <= 100:
            return None
        kinds = [f"{number} {_SERVED[touch]}" for touch, number in self.accounts.items() if number]
        return f"{counted(self.number, 'account')} ({listed(kinds)}) are {self.percent} % of a book"


class Books:
    """Everybody's, from the rows that are kept; owners whom the directory doesn't know have none."""

    def __init__(self, directory: Directory, rows: Iterable[Moved], rates: Mapping[str, Fraction]) -> None:
        accounts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        money: defaultdict[str, Counter[str]] = defaultdict(Counter)
        everywhere: Counter[str] = Counter()
        for row in rows:
            everywhere[row.currency] += row.accounts if row.currency else 0
            if (owned_by := directory.owner(row.owner)) is not None:
                accounts[owned_by.id][row.touch] += row.accounts
                money[owned_by.id][row.currency] += row.mrr_minor
        self._accounts, self._money = accounts, money
        self._rates = rates or {next((one for one, _ in everywhere.most_common(1)), ""): Fraction(1)}
        self._told_in = next((code for code, rate in self._rates.items() if rate == 1), next(iter(self._rates)))

    def of(self, csm: str) -> Book:
        """Somebody's."""
        held = {code: minor for code, minor in sorted(self._money[csm].items()) if code and minor}
        return Book({touch: self._accounts[csm][touch] for touch in MOST}, held)

    def worth(self, csm: str) -> tuple[Fraction, str]:
        """Somebody's monthly revenue in the unit of which rates are told, and in words, with what has no rate."""
        total, apart = Fraction(), list[str]()
        for code, minor in self.of(csm).mrr_minor.items():
            if code not in self._rates:
                apart.append(monthly(minor, code))
            else:
                total += value_of(minor, code, self._rates)
        shown = total / self._rates[self._told_in] * 10 ** decimals(self._told_in)
        said = monthly(round(shown), self._told_in) if self._told_in else "no revenue"
        return total, f"{said} and, without a rate, {listed(apart)}" if apart else said


def with_books(loads: Mapping[str, Load], books: Books) -> dict[str, Load]:
    """What people have on the desk, with what they look after."""
    found = {}
    for id, load in loads.items():
        mrr, said = books.worth(id)
        found[id] = load._replace(accounts=books.of(id).number, mrr=mrr, said=said)
    return found


def value_of(minor: int, currency: str, rates: Mapping[str, Fraction]) -> Fraction:
    """An amount in the unit of which rates are told; without any rate, in its own."""
    return Fraction(minor, 10 ** decimals(currency)) * rates.get(currency, 0 if rates else 1)


def booking(stands: Standing) -> Booking | None:
    """What an account counts for, and in whose book; who left, and who is no customer, is nobody's load."""
    facts = stands.facts
    whose = stands.promised.to if stands.promised is not None else owner(stands)
    if not whose or stands.gone or facts.get("account.churned") is True or facts.get("account.excluded") is not None:
        return None
    model, code, mrr = str(facts.get("onboarding.model")), facts.get("account.currency"), facts.get("account.mrr_minor")
    return Booking(
        owner=whose,
        touch=model if model in MOST else _USUAL,
        currency=code if isinstance(code, str) else "",
        mrr_minor=int(mrr) if isinstance(mrr, int | float) else 0,
    )


def promised(stands: Standing, to: str, now: datetime) -> Standing:
    """The same, with the owner whom a playbook chose: they count from now on, though scoring has yet to tell so."""
    return msgspec.structs.replace(stands, promised=Promise(to, owner(stands), now + _CONFIRMED_WITHIN))


def carried(before: Standing | None, stands: Standing) -> Standing:
    """An account after an assessment, with what was noted of its book, its mute and its band before; a promise lasts
    until the owner is another, or was given time enough."""
    if before is None:
        return stands
    promise = before.promised
    if promise is not None and (owner(stands) != promise.instead_of or stands.at > promise.until):
        promise = None
    kept = {"booked": before.booked, "promised": promise, "muted": before.muted, "turned": turned(before, stands)}
    return msgspec.structs.replace(stands, **kept)


def rebook(standings: Iterable[Standing]) -> tuple[list[Standing], list[Moved]]:
    """Accounts as they are noted, and what moves from book to book by that, in one order."""
    kept, moved = list[Standing](), defaultdict[tuple[str, str, str], list[int]](lambda: [0, 0])
    for stands in standings:
        if (now := booking(stands)) != stands.booked:
            for sign, one in ((-1, stands.booked), (1, now)):
                if one is not None:
                    row = moved[one.owner, one.touch, one.currency]
                    row[0], row[1] = row[0] + sign, row[1] + sign * one.mrr_minor
        kept.append(msgspec.structs.replace(stands, booked=now))
    return kept, [Moved(*key, *row) for key, row in sorted(moved.items()) if any(row)]
