"""Playbooks, and what happens to an account, told as plainly as can be: for those who judge what playbooks do."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

_SIGNS: Final[Mapping[str, Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
Known = Mapping[str, Any]
"""Facts by name: numbers, texts, minutes of dates; an event's by `event.`. What is missing is not known."""
WITHHELD: Final = object()
"""What a fact is while its source is interrupted."""


@dataclass(frozen=True)
class Leaf:
    """`FACT SIGN LITERAL`; `so` is of a truth. Of `since` and `until` the fact is a date, as a minute, and the literal
    says how many."""

    fact: str
    sign: str
    literal: Any
    span: str = ""

    def truth(self, facts: Known, minute: int) -> bool | None:
        """True, false, or None."""
        seen = facts.get(self.fact)
        if seen is WITHHELD:
            return None
        if self.sign == "so":
            return None if seen is None else seen is True
        if self.sign == "is":
            return (seen is not None) is (self.literal == "known")
        if seen is None:
            return None
        if self.span:
            seen = minute - seen if self.span == "since" else seen - minute
        return bool(_SIGNS[self.sign](seen, self.literal))

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that it names."""
        return (self.fact,)

    @property
    def node(self) -> Any:
        """As a playbook's file has it."""
        if self.sign == "so":
            return self.fact
        subject = f"days_{self.span} {self.fact}" if self.span else self.fact
        return f"{subject} {self.sign} {self.literal}{' minutes' if self.span else ''}"


@dataclass(frozen=True)
class Join:
    """`all`, `any`, or `not` of one."""

    how: str
    parts: tuple["Ask", ...]

    def truth(self, facts: Known, minute: int) -> bool | None:
        """True, false, or None."""
        seen = [part.truth(facts, minute) for part in self.parts]
        if self.how == "not":
            return None if seen[0] is None else not seen[0]
        decides = self.how == "any"
        return decides if decides in seen else None if None in seen else not decides

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that it names."""
        return tuple(fact for part in self.parts for fact in part.facts)

    @property
    def node(self) -> Any:
        """As a playbook's file has it."""
        parts = [part.node for part in self.parts]
        return {self.how: parts[0] if self.how == "not" else parts}


Ask = Leaf | Join


@dataclass(frozen=True)
class Step:
    """What is asked for; with a condition an `if`, or, with `within`, an `until`. `then` and `other` are its ways."""

    title: str
    after: int = 0
    keep: bool = False
    """Of a task: a person is owed it."""
    unless: Ask | None = None
    condition: Ask | None = None
    within: int | None = None
    then: tuple["Step", ...] = ()
    other: tuple["Step", ...] = ()

    def way(self, facts: Known, minute: int, due: int) -> tuple["Step", ...] | None:
        """The steps that come next; None is not decided yet."""
        seen = truth(self.condition, facts, minute)
        if seen is True:
            return self.then
        if self.within is None:
            return None if seen is None else self.other
        return self.other if minute >= due + self.within else None


@dataclass(frozen=True)
class Rule:
    """A playbook; all lengths of time in minutes."""

    name: str
    when: Ask | None = None
    for_accounts: Ask | None = None
    exit_when: Ask | None = None
    held_for: int = 0
    after: int | None = None
    """None is without `repeat`."""
    at_most: int | None = None
    per: int = 0
    steps: tuple[Step, ...] = (Step("step"),)
    on_exit: bool = False
    on_event: bool = False
    per_contact: bool = False
    asks_people: bool = False
    """Its steps are tasks; else it only says what it would ask for."""
    later: "Rule | None" = None
    """What it is changed to."""


class Seen(NamedTuple):
    """What happens at a minute: the facts that stand from then on, and the contact and score of an answer, if any."""

    minute: int
    facts: Known
    answer: tuple[str, int] | None = None
    quiet: bool = False
    """An import is open from then on."""
    found: Literal["", "import", "act", "scorecard"] = ""
    """An import ends, which people asked to act on, or not; or a scorecard has changed."""


class Moved(NamedTuple):
    """What somebody does with the task of a playbook, if there is one; of each contact's, with that."""

    minute: int
    rule: str
    contact: str
    what: Literal["take", "done", "no_result", "false_alarm"]


class Deed(NamedTuple):
    """What a playbook did, and when: fired, found, ended, asked for a step; and what became of its task."""

    minute: int
    rule: str
    what: str


def truth(condition: Ask | None, facts: Known, minute: int) -> bool | None:
    """Of no condition: true."""
    return True if condition is None else condition.truth(facts, minute)
