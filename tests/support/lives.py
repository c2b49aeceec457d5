"""Random playbooks and lives of an account, each from a number: what is short, often at once, and near each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tests.support.plain_rules import Ask, Join, Leaf, Moved, Rule, Seen, Step

UNTIL: Final = 260
"""Minutes."""
DATES: Final = ("account.signed_at", "account.renews_at")
_LOW: Final = Leaf("usage.breadth", "<", 60)
_HIGH: Final = Leaf("usage.breadth", ">", 60)
_LATEST: Final = 25
"""How many minutes after the others the last account has its turn."""
_SPANS: Final = (0, 1, 5, 15, 40)


class Life(NamedTuple):
    """What happens to an account, and to the service that looks at it."""

    history: Sequence[Seen]
    outages: Collection[int]
    """The minutes in which nothing is read and no timer runs."""
    early: Collection[int]
    """Minutes at which it looks without need."""
    marked: bool
    """Whether marks say how far all was read: then usage need not say when it was accepted."""
    twice: bool
    """Whether every assessment is told again, under the next rev."""
    interrupted: Collection[int]
    """The minutes in which usage is."""
    turn: int
    """How many minutes after that began or ended the account has its turn."""
    moves: Sequence[Moved] = ()
    """Of people, in minutes in which the service is there."""
    adopted: Mapping[str, int] = MappingProxyType({})
    """The minutes at which some playbooks are new or changed."""


class Chance:
    """Draws playbooks and lives; the same number draws the same."""

    def __init__(self, number: int) -> None:
        self._random = Random(number)
        self._asks_people = False
        self._drawn = 0

    def rules(self, number: int, *, of_events: bool = False, ask_people: bool = False) -> list[Rule]:
        """So many playbooks."""
        self._asks_people = ask_people
        self._drawn += number
        return [self._changing(f"rule-{place}", of_events) for place in range(self._drawn - number, self._drawn)]

    def _changing(self, name: str, of_events: bool) -> Rule:
        rule = self._rule(name, of_events)
        if of_events or not self._may(0.15):
            return rule
        later = replace(self._rule(name, of_events), after=rule.after, at_most=rule.at_most, per=rule.per)
        return replace(rule, later=later)

    def life(self, rules: Sequence[Rule]) -> Life:
        """One life."""
        one = self._random
        gaps = [one.choice([1, 2, 5, 9, 14, 30]) for _ in range(one.randint(8, 16))]
        history = [self._seen(at) for at in accumulate(gaps) if at <= UNTIL]
        self._import_into(history)
        outages = self._spans(150, (3, 12, 50), 3)
        life = Life(
            history,
            outages,
            {one.randint(0, UNTIL) for _ in range(one.randint(0, 4))},
            self._may(),
            self._may(),
            self._spans(200, (5, 30, 60), 2) if self._may(0.4) else frozenset(),
            one.choice([0, 0, 3, _LATEST]),
            self._moves(rules, outages),
        )
        return life._replace(adopted=self._adopted(rules, life))

    def _adopted(self, rules: Sequence[Rule], life: Life) -> dict[str, int]:
        """All at one minute: when all was read, nothing happens, and who was to have a turn has had it."""
        happens = {seen.minute for seen in life.history} | {at + back for at in life.outages for back in (0, 1)}
        ends = {at for at in range(UNTIL) if (at in life.interrupted) is not (at - 1 in life.interrupted)}
        happens |= {at + later for at in ends for later in range(_LATEST + 1)}
        free = [at for at in range(1, UNTIL) if at not in happens]
        at = self._random.choice(free or [UNTIL])
        return {one.name: at for one in rules if one.later is not None or self._may(0.1)}

    def _moves(self, rules: Sequence[Rule], outages: frozenset[int]) -> list[Moved]:
        one = self._random
        drawn = [(one.choice(rules), one.choice(["kim", "lee"])) for _ in range(8) if self._asks_people]
        moves = [
            Moved(
                one.randint(0, UNTIL),
                rule.name,
                contact if rule.per_contact else "",
                one.choice(["take", "done", "no_result", "false_alarm"]),
            )
            for rule, contact in drawn
        ]
        return [move for move in moves if move.minute not in outages]

    def _spans(self, until: int, lengths: Sequence[int], most: int) -> frozenset[int]:
        one = self._random
        spans = [(one.randint(0, until), one.choice(lengths)) for _ in range(one.randint(0, most))]
        return frozenset(minute for start, length in spans for minute in range(start, start + length))

    def _seen(self, at: int) -> Seen:
        one = self._random
        facts = {
            "usage.breadth": one.choice([25, 75, 25, 75, 50, None]),
            DATES[0]: None if self._may(0.3) else one.randint(-60, 120),
            DATES[1]: None if self._may() else one.randint(-60, UNTIL),
        }
        answer = (one.choice(["kim", "lee"]), one.randint(0, 6)) if self._may() else None
        return Seen(at, {name: value for name, value in facts.items() if value is not None}, answer)

    def _import_into(self, history: list[Seen]) -> None:
        """Some of it comes while an import is open; or a scorecard has changed."""
        one = self._random
        if self._may(0.5):
            first, length = one.randrange(len(history)), one.randint(1, 4)
            for place in range(first, min(first + length, len(history))):
                history[place] = history[place]._replace(quiet=True)
            if first + length < len(history):
                found: Any = one.choice(["import", "import", "act"])
                history[first + length] = history[first + length]._replace(found=found, answer=None)
        for place, seen in enumerate(history):
            if not seen.quiet and not seen.found and self._may(0.04):
                history[place] = seen._replace(found="scorecard", answer=None)

    def _rule(self, name: str, of_events: bool) -> Rule:
        one = self._random
        when: Ask | None
        exit_when: Ask | None
        if of_events:
            when = one.choice([None, self._answered(), Join("all", (self._answered(), self._leaf()))])
            exit_when = one.choice([None, self._leaf()])
        else:
            dated = one.choice([self._since, self._ahead])()
            when = one.choice([_LOW, Join(one.choice(["all", "any"]), (_LOW, dated)), self._condition()])
            exit_when = one.choice([None, None, _HIGH, self._condition()])
        return Rule(
            name=name,
            when=when,
            for_accounts=self._leaf() if self._may(0.5 if of_events else 0.25) else None,
            exit_when=exit_when,
            held_for=0 if of_events else one.choice(_SPANS),
            after=one.choice([None, 0, 2, 9, 30]),
            at_most=one.choice([None, 1, 2]),
            per=one.choice([20, 60, 150]),
            steps=self._steps("step", 1, 2),
            on_exit=self._may(0.3),
            on_event=of_events,
            per_contact=of_events and self._may(),
            asks_people=self._asks_people,
        )

    def _steps(self, title: str, least: int, most: int) -> tuple[Step, ...]:
        number = self._random.randint(least, most)
        return tuple(self._step(f"{title} {place}") for place in range(number))

    def _step(self, title: str) -> Step:
        after, kind = self._random.choice(_SPANS), self._random.random()
        if kind < 0.6 or title.count(" ") > 2:
            unless = self._asked_of_step() if self._may(0.3) else None
            return Step(title, after, keep=self._asks_people and self._may(0.15), unless=unless)
        within = None if kind < 0.8 else self._random.choice([3, 20, 50])
        then, other = self._steps(f"{title} then", 1, 1), self._steps(f"{title} else", 0, 1)
        return Step(title, after, condition=self._asked_of_step(), within=within, then=then, other=other)

    def _asked_of_step(self) -> Ask:
        done = Leaf("task.done", "so", True)
        return done if self._asks_people and self._may() else self._condition()

    def _condition(self) -> Ask:
        how = self._random.choice(["", "", "all", "any", "not"])
        if not how:
            return self._leaf()
        return Join(how, (self._leaf(),) if how == "not" else (self._leaf(), self._leaf()))

    def _leaf(self) -> Leaf:
        one = self._random
        kind = one.choice(["number", "number", "since", "since", "ahead", "known"])
        match kind:
            case "number":
                return Leaf("usage.breadth", one.choice("<>"), one.choice([40, 60]))
            case "known":
                return Leaf("usage.breadth", "is", one.choice(["known", "unknown"]))
            case "since":
                return self._since()
            case _:
                return self._ahead()

    def _since(self) -> Leaf:
        return Leaf(DATES[0], self._random.choice(["<", ">="]), self._random.randint(-30, 120), "since")

    def _ahead(self) -> Leaf:
        return Leaf(DATES[1], self._random.choice([">", "<="]), self._random.randint(-30, 120), "until")

    def _answered(self) -> Leaf:
        return Leaf("event.score", "<=", self._random.choice([3, 6]))

    def _may(self, share: float = 0.5) -> bool:
        return self._random.random() < share
