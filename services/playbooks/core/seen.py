"""What values facts have over all accounts, so that who writes a condition sees what it can meet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from services.playbooks.core.playbook import Playbook
from shared.conditions import Declared, Facts, FactSpec, Leaf, Problem, asked_texts, did_you_mean, leaves_of
from shared.conditions.tree import format_operand

MOST_SHOWN: Final = 10


class SeenValue(msgspec.Struct, frozen=True):
    """A text, an item of a list, or a truth, and how many of the accounts have it."""

    value: str | bool
    accounts: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one fact among the accounts that were looked at."""

    accounts: int
    """How many know it."""
    values: list[SeenValue] = []
    """Of text, lists and truths: the most frequent, most first."""
    kinds: int = 0
    """How many different ones there are."""
    minimum: float | datetime | None = None
    median: float | datetime | None = None
    """Of an even number of accounts the lower one in the middle."""
    maximum: float | datetime | None = None


class Tally:
    """Gathers what accounts have, fact by fact; what is linear in time is counted at `now`."""

    def __init__(self, specs: Iterable[FactSpec], now: datetime) -> None:
        self._asked = [(spec, list[Any]()) for spec in specs]
        self._now = now
        self.accounts = 0
        """How many were looked at."""

    def add(self, values: Mapping[str, Any]) -> None:
        """One account's facts."""
        self.accounts += 1
        facts = Facts.of(values)
        for spec, into in self._asked:
            value = facts.value(spec, self._now)
            if value is not None:
                into.append(value)

    def texts(self, name: str) -> frozenset[str]:
        """Every text, or item of a list, that an account has for a fact."""
        values = (value for spec, known in self._asked if spec.name == name for value in known)
        return frozenset(one for value in values for one in (value if isinstance(value, tuple) else (value,)))

    def summed_up(self) -> dict[str, Seen]:
        """What was seen of each fact, by name."""
        return {spec.name: _summed_up(spec, values) for spec, values in self._asked}


def _summed_up(spec: FactSpec, values: list[Any]) -> Seen:
    if spec.type in ("number", "instant"):
        if not values:
            return Seen(accounts=0)
        values.sort()
        middle = values[(len(values) - 1) // 2]
        return Seen(accounts=len(values), minimum=values[0], median=middle, maximum=values[-1])
    items = (item for value in values for item in dict.fromkeys(value)) if spec.type == "list" else values
    counts = Counter(items)
    first = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))[:MOST_SHOWN]
    return Seen(accounts=len(values), values=[SeenValue(*one) for one in first], kinds=len(counts))


def example(spec: FactSpec, texts: Iterable[str]) -> str:
    """A condition on this fact that can be written so; `texts` are what it may be, where its spec has none."""
    text = next(iter((*spec.choices, *texts)), None)
    match spec.type:
        case "number":
            return f"{spec.name} >= {format_operand(10, spec) if spec.linear_of is None else '10 days'}"
        case "boolean":
            return spec.name
        case "instant":
            return f"days_since {spec.name} >= 30 days"
        case "list" if text is not None:
            return f"{spec.name} contains {format_operand(text, spec)}"
        case "text" if text is not None:
            return f"{spec.name} == {format_operand(text, spec)}"
        case _:
            return f"{spec.name} is known"


def texts_asked(playbook: Playbook) -> Iterator[tuple[Leaf, str]]:
    """The whole texts that a playbook's conditions on the account compare facts with."""
    steps = (one for step in playbook.steps for one in (step.unless, step.condition))
    for condition in (playbook.for_accounts, playbook.when, playbook.exit_when, *steps):
        for leaf in leaves_of(condition) if condition is not None else ():
            if not leaf.subject.choices and not leaf.subject.name.startswith("event."):
                yield from ((leaf, text) for text in asked_texts(leaf))


def never_seen(playbook: Playbook, declared: Declared, tally: Tally) -> Iterator[Problem]:
    """Texts that no account has, and no catalogue declares, of facts that some account has."""
    for leaf, text in texts_asked(playbook):
        name = leaf.subject.name
        known = tally.texts(name)
        if known and text not in known and text not in declared.values.get(name, ()):
            said = f"None of the {tally.accounts} accounts looked at has `{text}` for `{name}`."
            yield Problem(said, leaf.position, did_you_mean(text, sorted(known)))
