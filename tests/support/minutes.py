"""What a playbook should do, told as plainly as can be: look at every minute, and remember what was.

Written from the design's words and sharing nothing with the code that it judges: no flip instants, no timers, no
states but "is one open?", no sums of runs. A condition is three-valued: true, false or None, which is not known.

- It fires when `when` (and `for_accounts`) has been true for `held_for`: minutes count while it is true; what is not
  known counts nothing and sets nothing back; what is false sets it back, and so does an exit that is met.
- It ends when its exit is met, by default when `when` is false; of an event, when all its steps are done. What is not
  known fires nothing and ends nothing. Leaving `for_accounts` ends it.
- It fires again `after` the later of firing and closing, and at most so often in a span; without `repeat`, when it was
  false in between.
- Its steps are asked for so long after firing, unless it has ended by then. A step whose `unless` is true is left out;
  `if` goes one way or the other when it is known which; `until` waits so long for its condition, and then goes the
  other way. What is in either way is counted from then. When it ends otherwise than by being done, `on_exit` tells.
- While an import is open, conditions are not known; but events fire, and steps go on. What holds when it ends, or when
  a scorecard changed, and had not begun to hold before, is found so: it ends as what fired does, and for `repeat` it
  is as if it had not been. Where people asked to act on what is found, it fires, and `held_for` isn't asked.
- While a source is interrupted, nothing that rests on it is known. What nobody can say then though what holds is to be
  found so, is found so when it can be said.
"""

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

_SIGNS: Final[Mapping[str, Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
Known = Mapping[str, Any]
"""Facts by name: numbers, texts, minutes of dates; an event's by `event.`. What is missing is not known."""
WITHHELD: Final = object()
"""What a fact is while its source is interrupted."""


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
        if seen is WITHHELD:
            return None
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
    unless: Ask | None = None
    condition: Ask | None = None
    within: int | None = None
    then: tuple["Step", ...] = ()
    other: tuple["Step", ...] = ()

    def way(self, facts: Known, minute: int, due: int) -> tuple["Step", ...] | None:
        """The steps that come next; None is not decided yet."""
        seen = _truth(self.condition, facts, minute)
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


class Seen(NamedTuple):
    """What happens at a minute: the facts that stand from then on, and the contact and score of an answer, if any."""

    minute: int
    facts: Known
    answer: tuple[str, int] | None = None
    quiet: bool = False
    """An import is open from then on."""
    found: Literal["", "import", "act", "scorecard"] = ""
    """An import ends, which people asked to act on, or not; or a scorecard has changed."""


class Deed(NamedTuple):
    """What a playbook did, and when: fired, found, ended, or asked for a step."""

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
    has_begun: bool = False
    """It holds, though not for long enough yet, or `repeat` makes it wait; or it did before it was not known."""
    state: Literal["", "fired", "found"] = ""
    has_to_pass: bool = False
    """It has ended without `repeat`, and was not false since."""
    fired: list[int] = field(default_factory=list)
    closed: int | None = None
    to_find: bool = False
    """What holds was to be found so, but nobody could say whether it does."""
    planned: list[tuple[int, Step]] = field(default_factory=list)

    def look(self, minute: int, facts: Known, answer: int | None, quiet: bool, found: str) -> None:
        """One minute."""
        rule = self.rule

        def asked(condition: Ask | None) -> bool | None:
            return None if quiet and condition is not None else _truth(condition, facts, minute)

        scope, when = asked(rule.for_accounts), asked(rule.when)
        exits = rule.exit_when is not None and asked(rule.exit_when) is True
        holds = False if False in (scope, when) else None if None in (scope, when) else True
        if not rule.on_event:
            self._hold(minute, holds, exits, found, self._is_withheld(holds, facts))
        elif answer is not None and not exits and self._may_fire(minute):
            told = {**facts, "event.score": answer}
            if all(_truth(one, told, minute) is True for one in (rule.for_accounts, rule.when)):
                self._fire(minute)
        if self.state == "fired":
            self._act(minute, facts)
        ends = exits or scope is False
        if rule.exit_when is None and not rule.on_event:
            ends = ends or holds is False
        if self.state and (ends or (rule.on_event and rule.exit_when is None and not self.planned)):
            self._end(minute, told=ends)
            self.has_to_pass = self.has_to_pass and holds is not False

    def _is_withheld(self, holds: bool | None, facts: Known) -> bool:
        asked = [one for one in (self.rule.for_accounts, self.rule.when) if one is not None]
        return holds is None and any(facts.get(fact) is WITHHELD for one in asked for fact in one.facts)

    def _hold(self, minute: int, holds: bool | None, exits: bool, found: str, withheld: bool) -> None:
        self.held += self.was_true
        self.was_true = holds is True and not exits
        if holds is False or exits:
            self.held, self.has_begun = 0, False
        if holds is False:
            self.has_to_pass = False
        is_found = self.to_find or (found not in ("", "act") and not self.has_begun)
        self.to_find = is_found and withheld and not self.state and not self.has_to_pass
        if not self.was_true or self.state or self.has_to_pass:
            return
        if is_found:
            self.state = "found"
            self._note(minute, "found")
            return
        is_long = self.held >= self.rule.held_for or (found == "act" and not self.has_begun)
        self.has_begun = True
        if is_long and self._may_fire(minute):
            self._fire(minute)

    def _fire(self, minute: int) -> None:
        self._note(minute, "fired")
        self.state, self.has_begun = "fired", False
        self.fired.append(minute)
        self.planned += [(minute + step.after, step) for step in self.rule.steps]

    def _act(self, minute: int, facts: Known) -> None:
        waiting, self.planned = self.planned, []
        while waiting:
            due, step = waiting.pop()
            if due > minute:
                self.planned.append((due, step))
            elif step.condition is not None:
                way = step.way(facts, minute, due)
                if way is None:
                    self.planned.append((due, step))
                else:
                    waiting += [(minute + one.after, one) for one in way]
            elif step.unless is None or step.unless.truth(facts, minute) is not True:
                self._note(minute, step.title)

    def _end(self, minute: int, *, told: bool) -> None:
        self._note(minute, f"{self.state} ended")
        if self.state == "fired":
            if told and self.rule.on_exit:
                self._note(minute, "exit")
            self.closed = minute
            self.has_to_pass = self.rule.after is None and not self.rule.on_event
        self.state, self.planned = "", []

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


def every_minute(
    rules: Sequence[Rule], history: Sequence[Seen], until: int, interrupted: Collection[int] = ()
) -> list[Deed]:
    """What these playbooks do, in order, if they look at every minute; in some, usage is `interrupted`."""
    watchers: dict[tuple[str, str], Watcher] = {}
    happens = {one.minute: one for one in history}
    stands: Seen | None = None
    for minute in range(until + 1):
        seen = happens.get(minute)
        stands = seen or stands
        if stands is None:
            continue
        contact, score, found = "", None, ""
        if seen is not None:
            contact, score = seen.answer or (contact, score)
            found = seen.found
            for rule in rules:
                own = contact if rule.per_contact else ""
                if own or not rule.per_contact:
                    watchers.setdefault((rule.name, own), Watcher(rule))
        facts = {**stands.facts, "usage.breadth": WITHHELD} if minute in interrupted else stands.facts
        for (_, own), watcher in watchers.items():
            answer = score if own == contact or not watcher.rule.per_contact else None
            watcher.look(minute, facts, answer, stands.quiet, found)
    return sorted(deed for watcher in watchers.values() for deed in watcher.done)


def _truth(condition: Ask | None, facts: Known, minute: int) -> bool | None:
    return True if condition is None else condition.truth(facts, minute)
