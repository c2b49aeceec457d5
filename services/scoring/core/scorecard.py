"""Scorecards: which measures count how much for which accounts, what caps the score, where the bands begin."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.measures.base import Curve, Missing
from shared.conditions import Condition, Facts, Leaf, Truth, evaluate, leaves_of, needs_of, one_line


@dataclass(frozen=True, slots=True)
class Weighted:
    """A measure on a card."""

    name: str
    weight: int
    curve: Curve
    missing: Missing = "exclude"
    days_back: int = 0
    later: tuple[tuple[int, Curve], ...] = ()
    """Curves that take its place, each from so many days of tenure on; the fewest first."""

    def at(self, tenure: int | None) -> "Weighted":
        """As it is read of an account that is so many days old; of whose age nothing is known as at first."""
        if tenure is None or not self.later or tenure < self.later[0][0]:
            return self
        return replace(self, curve=[curve for since, curve in self.later if since <= tenure][-1])


@dataclass(frozen=True, slots=True)
class Cap:
    """At best this band while a condition holds."""

    at_most: Literal["red", "amber"]
    condition: Condition
    says: str = ""
    """What holds then, in a customer-success manager's words: such as `an invoice 60 days overdue`."""
    name: str = field(init=False, compare=False)
    """The condition on one line."""
    needs: frozenset[str] = field(init=False, compare=False)
    """The facts without which the condition can't hold: of most accounts of most caps there is one that isn't known."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.condition))
        object.__setattr__(self, "needs", needs_of(self.condition))


@dataclass(frozen=True, slots=True)
class Bands:
    """Where green and amber begin, and the margin for crossing back, in hundredths."""

    green: int = 7500
    amber: int = 5000
    margin: int = 300


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One card as it is in force."""

    id: str
    version: int
    title: str
    measures: tuple[Weighted, ...]
    for_accounts: Condition | None = None
    """None matches always: the default."""
    priority: int = 100
    minimum_coverage: int = 3000
    """In hundredths of a percent."""
    caps: tuple[Cap, ...] = ()
    bands: Bands = Bands()
    ref: str = field(init=False)
    """`id@version+digest`. The digest is of how it scores, so that one name never means two ways of scoring."""
    heaviest_first: tuple[Weighted, ...] = field(init=False)
    """Its measures."""
    by_name: Mapping[str, Weighted] = field(init=False, compare=False)
    """Its measures."""
    timed: tuple[Leaf, ...] = field(init=False)
    """Of its caps' conditions the leaves that time alone changes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.measures})
        caps = [(cap.at_most, cap.name) for cap in self.caps]
        digest = _digest((self.measures, self.minimum_coverage, caps, self.bands), 4)
        object.__setattr__(self, "ref", f"{self.id}@{self.version}+{digest}")
        object.__setattr__(self, "heaviest_first", tuple(sorted(self.measures, key=lambda one: -one.weight)))
        object.__setattr__(self, "timed", _timed(cap.condition for cap in self.caps))

    @property
    def specificity(self) -> int:
        """How many things it asks of an account."""
        return 0 if self.for_accounts is None else len(leaves_of(self.for_accounts))

    def ceiling(self, cap: Cap) -> int:
        """The most points that a cap leaves, in hundredths: one whole point under the next band."""
        return (self.bands.amber if cap.at_most == "red" else self.bands.green) - 100


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that scoring is told: the catalogue, and the cards with the most specific first."""

    catalogue: Catalogue
    cards: tuple[Scorecard, ...]
    timed: tuple[Leaf, ...] = field(init=False)
    """Of the conditions by which cards and models of onboarding choose accounts, the leaves that time alone changes."""

    def __post_init__(self) -> None:
        cards = (card.for_accounts for card in self.cards)
        models = (model.for_accounts for model in self.catalogue.onboarding)
        object.__setattr__(self, "timed", _timed(one for one in (*cards, *models) if one is not None))

    @property
    def digest(self) -> str:
        """Of all that may change which card scores an account, how, or what is known of it."""
        cards = [(card.ref, card.for_accounts and one_line(card.for_accounts)) for card in self.cards]
        catalogue = self.catalogue
        rates = {currency: str(rate) for currency, rate in catalogue.rates.items()}
        onboarding = [
            (one.id, one.days, one.milestones, one.for_accounts and one_line(one.for_accounts))
            for one in catalogue.onboarding
        ]
        known = {one.name: getattr(catalogue, one.name) for one in fields(catalogue)}
        known |= {"week": sorted(catalogue.week), "rates": rates, "onboarding": onboarding}
        return _digest((cards, known), 16)

    def leaving_out(self, days: Sequence[int], unlogged: Sequence[int] = ()) -> "Rules":
        """The same, but that these UTC days count like closed ones: nobody could be heard of then.

        On those that are `unlogged`, no interaction could.
        """
        if not set(days) - set(self.catalogue.closed) and not unlogged:
            return self
        closed = tuple(sorted({*self.catalogue.closed, *days}))
        return replace(self, catalogue=replace(self.catalogue, closed=closed, unlogged=tuple(unlogged)))

    def card_for(self, facts: Facts, now: Any) -> Scorecard:
        """The first card that matches; the default is last and always does. An unknown condition doesn't match."""
        for card in self.cards:
            if card.for_accounts is None or evaluate(card.for_accounts, facts, now) is Truth.TRUE:
                return card
        raise AssertionError("There is always a default scorecard.")

    def card(self, ref: str) -> Scorecard | None:
        """The card of a `ref`, while it is in force."""
        return next((card for card in self.cards if card.ref == ref), None)


RulesInForce = Callable[[], Rules]
"""Gives the rules that are in force at the moment: others may be the next time."""


def _timed(conditions: Iterable[Condition]) -> tuple[Leaf, ...]:
    return tuple(leaf for one in conditions for leaf in leaves_of(one) if leaf.subject.linear_of is not None)


def _digest(content: Any, size: int) -> str:
    return blake2b(msgspec.json.encode(content, order="sorted"), digest_size=size).hexdigest()


def rules_of(catalogue: Catalogue, cards: Sequence[Scorecard]) -> Rules:
    """Put cards in order: most specific first, then lowest priority number, then id."""
    return Rules(catalogue, tuple(sorted(cards, key=lambda card: (-card.specificity, card.priority, card.id))))
