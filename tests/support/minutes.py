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
- What it asks people for is one task, while that is open; a step's condition may ask whether what its own firing asked
  for is done. When it ends, the task is closed; one that somebody took stays, and is said to be over, and what a person
  is owed stays. Of an event it ends when its task is done, too. Closed as done or no result while it still holds, it
  fires once more `after` that, in thirty days unless said; as a false alarm it ends, and has to be false first.
- What holds when a playbook is new or changed is found so. What has begun goes on as it began; then it is as changed.
- While a source is interrupted, nothing that rests on it is known. What nobody can say then though what holds is to be
  found so, is found so when it can be said.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from tests.support.plain_rules import WITHHELD, Ask, Deed, Known, Moved, Rule, Seen, Step, truth


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
    planned: list[tuple[int, Step, int]] = field(default_factory=list)
    """When each step is due, and of which firing it is."""
    task: Literal["", "open", "taken"] = ""
    is_kept: bool = False
    asked: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By firing, what became of the tasks that it asked for; empty while they are open."""
    all_done: int | None = None
    """When people had closed all that it had asked for."""
    holds: bool | None = None

    def look(
        self, minute: int, facts: Known, answer: int | None, quiet: bool, found: str, changed: Rule | None
    ) -> None:
        """One minute; the playbook has `changed`, or not."""
        is_new = changed is not None and self.rule is not changed
        if changed is not None and is_new and not self._is_under_way:
            self.rule, is_new, found = changed, False, found or "playbook"
        self._look(minute, facts, answer, quiet, found)
        if changed is not None and is_new and not self._is_under_way:
            self.rule = changed
            self._look(minute, facts, answer, quiet, found or "playbook")

    @property
    def _is_under_way(self) -> bool:
        return bool(self.state) or self.has_begun

    def _look(self, minute: int, facts: Known, answer: int | None, quiet: bool, found: str) -> None:
        rule = self.rule

        def asked(condition: Ask | None) -> bool | None:
            return None if quiet and condition is not None else truth(condition, facts, minute)

        scope, when = asked(rule.for_accounts), asked(rule.when)
        exits = rule.exit_when is not None and asked(rule.exit_when) is True
        holds = False if False in (scope, when) else None if None in (scope, when) else True
        if not rule.on_event:
            self._hold(minute, holds, exits, found, self._is_withheld(holds, facts))
        elif answer is not None and not exits and self._may_fire(minute):
            told = {**facts, "event.score": answer}
            if all(truth(one, told, minute) is True for one in (rule.for_accounts, rule.when)):
                self._fire(minute)
        self.holds = holds
        if self.all_done is not None and self.was_true and self._asks_again(minute, self.all_done):
            self._fire(minute)
        if self.state == "fired":
            self._act(minute, facts)
        ends = exits or scope is False
        if rule.exit_when is None and not rule.on_event:
            ends = ends or holds is False
        if self.state and ends:
            self._end(minute, told=True)
        self._end_if_done(minute)

    def move(self, minute: int, what: str, facts: Known) -> None:
        """A person's move."""
        if not self.task or what == "take":
            self.task = self.task and "taken"
            return
        self._note(minute, f"task {what}")
        self.task, is_its_own = "", self._is_asking
        for outcomes in self.asked.values():
            outcomes[:] = [one or what for one in outcomes]
        if self.state != "fired" or not is_its_own:
            return
        if what == "false_alarm":
            self._end(minute, told=False, outside=True)
            return
        self.all_done = None if self.rule.on_event else minute
        self._act(minute, facts)
        self._end_if_done(minute)

    @property
    def _is_asking(self) -> bool:
        return any(not one for outcomes in self.asked.values() for one in outcomes)

    def _asks_again(self, minute: int, since: int) -> bool:
        return minute >= since + (self.rule.after or 30 * 24 * 60) and self._may_fire(minute)

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
        if self.state != "fired":
            self.asked.clear()
        self.state, self.has_begun, self.all_done = "fired", False, None
        self.fired.append(minute)
        self.planned += [(minute + step.after, step, len(self.fired)) for step in self.rule.steps]

    def _act(self, minute: int, facts: Known) -> None:
        asked = sum(map(len, self.asked.values()))
        waiting, self.planned = self.planned, []
        while waiting:
            due, step, firing = waiting.pop()
            known = {**facts, **self._came_of(firing)}
            if due > minute:
                self.planned.append((due, step, firing))
            elif step.condition is not None:
                way = step.way(known, minute, due)
                if way is None:
                    self.planned.append((due, step, firing))
                else:
                    waiting += [(minute + one.after, one, firing) for one in way]
            elif step.unless is None or step.unless.truth(known, minute) is not True:
                self._note(minute, step.title)
                if self.rule.asks_people:
                    self._ask(minute, step, firing)
        if sum(map(len, self.asked.values())) > asked:
            self._act(minute, facts)

    def _came_of(self, firing: int) -> Known:
        outcomes = self.asked[firing]
        return {"task.done": all(outcomes)} if outcomes else {}

    def _ask(self, minute: int, step: Step, firing: int) -> None:
        if not self.task:
            self._note(minute, "task opened")
            self.task, self.is_kept = "open", False
        self.is_kept = self.is_kept or step.keep
        self.asked[firing].append("")
        self.all_done = None

    def _end_if_done(self, minute: int) -> None:
        of_event = self.rule.on_event and self.rule.exit_when is None
        if self.state and of_event and not self.planned and not self._is_asking:
            self._end(minute, told=False)

    def _end(self, minute: int, *, told: bool, outside: bool = False) -> None:
        self._note(minute, f"{self.state} ended")
        if self.state == "fired":
            if told and self.rule.on_exit:
                self._note(minute, "exit")
            if self._is_asking and not self.is_kept:
                self._note(minute, "task over" if self.task == "taken" else "task closed")
                self.task = self.task if self.task == "taken" else ""
            self.closed = minute
            self.has_to_pass = (self.rule.after is None or outside) and not self.rule.on_event
            self.has_to_pass = self.has_to_pass and self.holds is not False
        self.asked.clear()
        self.state, self.planned, self.all_done = "", [], None

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
    rules: Sequence[Rule],
    history: Sequence[Seen],
    until: int,
    interrupted: Collection[int] = (),
    moves: Sequence[Moved] = (),
    adopted: Mapping[str, int] = MappingProxyType({}),
) -> list[Deed]:
    """What these playbooks do, in order, if they look at every minute; in some, usage is `interrupted`.

    Some playbooks are `adopted` later, or changed then.
    """
    watchers: dict[tuple[str, str], Watcher] = {}
    happens = {one.minute: one for one in history}
    changes = {rule.name: rule.later for rule in rules}
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
                    now = rule.later if minute >= adopted.get(rule.name, 0) else None
                    watchers.setdefault((rule.name, own), Watcher(now or rule))
        facts = {**stands.facts, "usage.breadth": WITHHELD} if minute in interrupted else stands.facts
        for (name, own), watcher in watchers.items():
            answer = score if own == contact or not watcher.rule.per_contact else None
            later, is_there = changes[name], minute >= adopted.get(name, 0)
            what = "playbook" if later is None and minute == adopted.get(name) else found
            if is_there or later is not None:
                watcher.look(minute, facts, answer, stands.quiet, what, later if is_there else None)
        for move in moves:
            if move.minute == minute and (moved := watchers.get((move.rule, move.contact))) is not None:
                moved.move(minute, move.what, facts)
    return sorted(deed for watcher in watchers.values() for deed in watcher.done)
