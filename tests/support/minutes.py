"""What a playbook should do, told as plainly as can be: look at every minute, and remember what was.

Written from the design's words and sharing nothing with the code that it judges: no flip instants, no timers, no
states but "is one open?", no sums of runs. A condition is three-valued: true, false or None, which is not known.

- It fires when `when` (and `for_accounts`) has been true for `held_for`: minutes count while it is true; what is not
  known counts nothing and sets nothing back; what is false sets it back, and so does an exit that is met.
- It ends when its exit is met, by default when `when` is false; of an event, when all its steps are done. What is not
  known fires nothing and ends nothing. Leaving `for_accounts` ends it.
- It fires again `after` the later of firing and closing, and at most so often in a span; without `repeat`, when it was
  false in between.
- Its steps are asked for so long after firing, unless it has ended by then.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

_SIGNS: Final[Mapping[str, Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
Known = Mapping[str, Any]
"""Facts by name: numbers, texts, minutes of dates; an event's by `event.`. What is missing is not known."""


@dataclass(frozen=True)
class Leaf:
    """`FACT SIGN LITERAL`. Of `since` and `until` the fact is a date, as a minute, and the literal says how many."""

    fact: str
    sign: str
    literal: Any
    span: str = ""

    def truth(self, facts: Known, minute: int) -> bool | None:
        """True, false, or None."""
        seen = facts.get(self.fact)
        if self.sign == "is":
            return (seen is not None) is (self.literal == "known")
        if seen is None:
            return None
        if self.span:
            seen = minute - seen if self.span == "since" else seen - minute
        return bool(_SIGNS[self.sign](seen, self.literal))

    @property
    def node(self) -> Any:
        """As a playbook's file has it."""
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
    def node(self) -> Any:
        """As a playbook's file has it."""
        parts = [part.node for part in self.parts]
        return {self.how: parts[0] if self.how == "not" else parts}


Ask = Leaf | Join


@dataclass(frozen=True)
class Rule:
    """A playbook; all lengths of time in minutes. `steps` say how long after firing each is asked for."""

    name: str
    when: Ask | None = None
    for_accounts: Ask | None = None
    exit_when: Ask | None = None
    held_for: int = 0
    after: int | None = None
    """None is without `repeat`."""
    at_most: int | None = None
    per: int = 0
    steps: tuple[int, ...] = (0,)
    on_event: bool = False
    per_contact: bool = False


class Seen(NamedTuple):
    """What happens at a minute: the facts that stand from then on, and the contact and score of an answer, if any."""

    minute: int
    facts: Known
    answer: tuple[str, int] | None = None


class Deed(NamedTuple):
    """What a playbook did, and when: fired, ended, or asked for a step."""

    minute: int
    rule: str
    what: str


@dataclass
class Watcher:
    """One playbook at one account, or of one contact."""

    rule: Rule
    done: list[Deed] = field(default_factory=list)
    held: int = 0
    was_true: bool = False
    is_open: bool = False
    has_to_pass: bool = False
    """It has ended without `repeat`, and was not false since."""
    fired: list[int] = field(default_factory=list)
    closed: int | None = None
    planned: list[tuple[int, int]] = field(default_factory=list)

    def look(self, minute: int, facts: Known, answer: int | None) -> None:
        """One minute."""
        rule = self.rule
        scope = _truth(rule.for_accounts, facts, minute)
        exits = rule.exit_when is not None and rule.exit_when.truth(facts, minute) is True
        if rule.on_event:
            told = {**facts, "event.score": answer}
            wanted = answer is not None and scope is True and _truth(rule.when, told, minute) is True
            if wanted and not exits and self._may_fire(minute):
                self._fire(minute)
        else:
            holds = Join("all", tuple(one for one in (rule.for_accounts, rule.when) if one)).truth(facts, minute)
            self.held += self.was_true
            self.was_true = holds is True and not exits
            if holds is False or exits:
                self.held = 0
            if holds is False:
                self.has_to_pass = False
            is_long = self.was_true and self.held >= rule.held_for
            if is_long and not self.is_open and not self.has_to_pass and self._may_fire(minute):
                self._fire(minute)
        if not self.is_open:
            return
        for due, place in sorted(self.planned):
            if due <= minute:
                self.planned.remove((due, place))
                self._note(minute, f"step {place}")
        if rule.on_event:
            ends = not self.planned if rule.exit_when is None else False
        else:
            ends = rule.exit_when is None and holds is False
        if ends or exits or scope is False:
            self._note(minute, "ended")
            self.is_open, self.closed, self.planned = False, minute, []
            self.has_to_pass = rule.after is None and not rule.on_event and holds is not False

    def _fire(self, minute: int) -> None:
        self._note(minute, "fired")
        self.is_open = True
        self.fired.append(minute)
        self.planned += [(minute + after, place) for place, after in enumerate(self.rule.steps)]

    def _may_fire(self, minute: int) -> bool:
        rule = self.rule
        if rule.after is None:
            return True
        last = [*self.fired[-1:], *([self.closed] if self.closed is not None else [])]
        if last and minute < max(last) + rule.after:
            return False
        return rule.at_most is None or sum(one > minute - rule.per for one in self.fired) < rule.at_most

    def _note(self, minute: int, what: str) -> None:
        self.done.append(Deed(minute, self.rule.name, what))


def every_minute(rules: Sequence[Rule], history: Sequence[Seen], until: int) -> list[Deed]:
    """What these playbooks do, in order, if they look at every minute."""
    watchers: dict[tuple[str, str], Watcher] = {}
    happens = {one.minute: one for one in history}
    facts: Known = {}
    for minute in range(until + 1):
        seen = happens.get(minute)
        facts = seen.facts if seen is not None else facts
        contact, score = (seen.answer if seen is not None else None) or ("", None)
        if not (facts or watchers):
            continue
        for rule in rules:
            own = contact if rule.per_contact else ""
            if own or not rule.per_contact:
                watchers.setdefault((rule.name, own), Watcher(rule))
        for (_, own), watcher in watchers.items():
            watcher.look(minute, facts, score if own == contact or not watcher.rule.per_contact else None)
    return sorted(deed for watcher in watchers.values() for deed in watcher.done)


def _truth(condition: Ask | None, facts: Known, minute: int) -> bool | None:
    return True if condition is None else condition.truth(facts, minute)
