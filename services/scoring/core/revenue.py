"""Revenue figures of a period: what became of what accounts brought at its start, and who came.

An account counts by what it brought at the start and at the end, whatever it did between. What is said of one account
can be said of all that moved alike, so sums are told apart by what tells kinds apart, and each sum has one kind. Shares
are in percent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, NamedTuple

Kind = Literal["kept", "expanded", "contracted", "churned", "new", "reactivated", "none"]
_TRUTH: Final = (False, True)


class Signs(NamedTuple):
    """What tells of which kind the change of an account's revenue in one currency is."""

    starts: bool
    """It brought something at the start."""
    ends: bool
    """It does at the end."""
    change: int
    """-1, 0 or 1."""
    paid: bool
    """It paid at the start, in whatever currency."""
    pays: bool
    """It does at the end."""
    had: bool
    """It ever did before the start."""


def kind_of(signs: Signs) -> Kind:
    """What became of it.

    Who pays in another currency instead has not left, nor is anybody new who paid in another.
    """
    if signs.starts and not signs.ends:
        return "contracted" if signs.pays else "churned"
    if signs.ends and not signs.starts:
        return "expanded" if signs.paid else "reactivated" if signs.had else "new"
    if not signs.starts:
        return "none"
    return "expanded" if signs.change > 0 else "contracted" if signs.change < 0 else "kept"


def signs_of(kind: Kind) -> list[Signs]:
    """All by which a change is of this kind."""
    possible = product(_TRUTH, _TRUTH, (-1, 0, 1), _TRUTH, _TRUTH, _TRUTH)
    return [signs for one in possible if kind_of(signs := Signs(*one)) == kind]


class Moved(NamedTuple):
    """Accounts that moved alike, and left for the same reason: how many, and what they brought together."""

    signs: Signs
    reason: str | None
    voluntary: bool | None
    accounts: int
    start_minor: int
    end_minor: int


class Why(NamedTuple):
    """Why customers left."""

    reason: str | None
    voluntary: bool
    customers: int
    minor: int


@dataclass(frozen=True, slots=True)
class Revenue:
    """The figures of one period, currency and group. Money is a month's, in minor units."""

    start_minor: int = 0
    customers: int = 0
    """Who brought something at the start."""
    expanded_minor: int = 0
    contracted_minor: int = 0
    churned_minor: int = 0
    involuntary_minor: int = 0
    """Of what churned: what nobody decided."""
    new_minor: int = 0
    reactivated_minor: int = 0
    from_start_minor: int = 0
    """What those who brought something at the start bring at the end beyond it."""
    customers_churned: int = 0
    customers_new: int = 0
    customers_reactivated: int = 0
    customers_moved: int = 0
    """Who came from another currency, without those who went into one."""
    reasons: tuple[Why, ...] = ()

    @property
    def end_minor(self) -> int:
        """What there is at the end."""
        gained = self.expanded_minor + self.new_minor + self.reactivated_minor
        return self.start_minor + gained - self.contracted_minor - self.churned_minor

    @property
    def customers_end(self) -> int:
        """Who brings something at the end."""
        came = self.customers_new + self.customers_reactivated + self.customers_moved
        return self.customers + came - self.customers_churned

    @property
    def grr(self) -> float | None:
        """Gross revenue retention: Σ min(end, start) / start of who paid at the start."""
        return share_of(self.start_minor - self.contracted_minor - self.churned_minor, self.start_minor)

    @property
    def nrr(self) -> float | None:
        """Net revenue retention: with expansion, without new and reactivated."""
        return share_of(self.start_minor + self.from_start_minor, self.start_minor)

    @property
    def churn_rate(self) -> float | None:
        """Customers who left, of those at the start."""
        return share_of(self.customers_churned, self.customers)

    @property
    def revenue_churn_rate(self) -> float | None:
        """The revenue of customers who left, of that at the start."""
        return share_of(self.churned_minor, self.start_minor)

    @property
    def arpa_minor(self) -> int | None:
        """What an account brings at the end, rounded."""
        return None if not self.customers_end else round(self.end_minor / self.customers_end)


def revenue_of(start_minor: int, customers: int, moved: Iterable[Moved]) -> Revenue:
    """The figures of what there was at the start, and of what moved since."""
    sums: dict[Kind, int] = {}
    heads: dict[Kind, int] = {}
    why: dict[tuple[str | None, bool], list[int]] = {}
    switched = from_start = 0
    for one in moved:
        kind, change = kind_of(one.signs), one.end_minor - one.start_minor
        sums[kind] = sums.get(kind, 0) + change
        heads[kind] = heads.get(kind, 0) + one.accounts
        from_start += change if one.signs.starts else 0
        if kind == "churned":
            here = why.setdefault((one.reason, one.voluntary is not False), [0, 0])
            here[0] += one.accounts
            here[1] -= change
        elif kind in ("expanded", "contracted"):
            switched += one.accounts * (one.signs.ends - one.signs.starts)
    reasons = sorted((Why(*key, *both) for key, both in why.items()), key=lambda one: (-one.minor, one.reason or ""))
    return Revenue(
        start_minor=start_minor,
        customers=customers,
        expanded_minor=sums.get("expanded", 0),
        contracted_minor=-sums.get("contracted", 0),
        churned_minor=-sums.get("churned", 0),
        involuntary_minor=sum(one.minor for one in reasons if not one.voluntary),
        new_minor=sums.get("new", 0),
        reactivated_minor=sums.get("reactivated", 0),
        from_start_minor=from_start,
        customers_churned=heads.get("churned", 0),
        customers_new=heads.get("new", 0),
        customers_reactivated=heads.get("reactivated", 0),
        customers_moved=switched,
        reasons=tuple(reasons),
    )


def share_of(part: int, whole: int) -> float | None:
    """In percent; None of nothing."""
    return 100 * part / whole if whole > 0 else None
