"""What a catalogue declares, such as plans, beside what conditions ask for: a misspelt plan waits for ever."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from shared.conditions.catalogue import FactType
from shared.conditions.errors import Problem, did_you_mean
from shared.conditions.tree import Compare, Condition, Contains, Leaf, Member, format_leaf, leaves_of

STAGES: Final = ("onboarding", "adopting", "mature", "renewal")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a catalogue declares, as far as conditions can name it."""

    plans: Collection[str] = ()
    models: Collection[str] = ()
    """Of onboarding, by id."""
    milestones: Collection[str] = ()
    features: Collection[str] = ()
    watched: Collection[str] = ()
    """Features whose use is a fact."""
    traits: Mapping[str, FactType] = field(default_factory=dict)
    working_days: tuple[int, ...] = ()
    """From Monday, 0; none: Monday to Friday."""
    closed: tuple[date, ...] = ()
    rates: Mapping[str, Fraction] = field(default_factory=dict)
    """What one unit of a currency is worth, all in one and the same."""

    @property
    def values(self) -> dict[str, Collection[str]]:
        """The texts of facts; there may be others. Of what nothing is declared, none are."""
        found = {
            "account.plan": self.plans,
            "account.stage": STAGES,
            "onboarding.model": self.models,
            **dict.fromkeys(
                ("onboarding.reached", "onboarding.missing", "onboarding.late", "event.milestone"), self.milestones
            ),
            **dict.fromkeys(("usage.allowance_over", "usage.feature_fallen"), self.watched),
            **dict.fromkeys(("usage.used_features", "usage.unused_features"), self.features),
        }
        return {name: texts for name, texts in found.items() if texts}

    def lacking(
        self, traits: Mapping[str, FactType], watched: Iterable[str]
    ) -> Iterator[tuple[Literal["traits", "watch"], str, str | None]]:
        """Which of these it lacks: where that belongs, why it would never be known, and what may have been meant."""
        for name, kind in traits.items():
            if (known := self.traits.get(name)) is None:
                said = f"The catalogue declares no trait `{name}`, so nobody would ever know it."
                yield "traits", said, did_you_mean(name, self.traits)
            elif kind != known:
                yield "traits", f"In the catalogue the trait `{name}` is {known}, not {kind}.", None
        for name in watched:
            if name not in self.watched:
                said = f"The catalogue doesn't watch `{name}`, so nobody would ever know its use."
                yield "watch", said, did_you_mean(name, self.watched)


def asked_texts(leaf: Leaf) -> tuple[str, ...]:
    """The whole texts that a leaf compares its fact with."""
    match leaf.test:
        case Compare(_, str() as text):
            return (text,)
        case Member(operands):
            return tuple(one for one in operands if isinstance(one, str))
        case Contains(part) if leaf.subject.type == "list":
            return (part,)
        case _:
            return ()


def strangers(condition: Condition, values: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Texts that are none of the declared ones, each with the one that was probably meant, if any."""
    for leaf in leaves_of(condition):
        known = values.get(leaf.subject.name, ())
        for text in asked_texts(leaf):
            if known and text not in known:
                said = f"`{text}` is declared nowhere as a value of `{leaf.subject.name}`."
                yield Problem(said, leaf.position, did_you_mean(text, known), format_leaf(leaf))
