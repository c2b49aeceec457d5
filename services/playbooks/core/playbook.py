"""A playbook: for which accounts, when, held for how long, what steps, when it ends, how soon again."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from services.playbooks.core.strategy import Rule
from services.playbooks.core.workinghours import Duration
from shared.conditions import Condition, Facts, Leaf, Not, facts_of, leaves_of
from shared.messages.actions import Kind, Sending, Severity

Asked = Kind | Sending | Literal["trait", "assign_owner"]
"""What is carried out by others: what people work through, what is sent, and what is set at the account."""
STARTED: Final = "playbook.started"
"""What a playbook waits for that only others start: no sender's event, but a step `start`."""
Arm = Literal["then", "else"]
Render = Callable[[str, Facts, datetime], str]
"""Fills a template with facts; passed in, so that nothing here knows how."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An alert tells somebody; a task asks somebody to do something by a time; a flag says that the account is ready
    to grow, and is held back while its customer is in trouble. `if` chooses between two lists of steps, `until` waits
    for a condition, and `start` begins another playbook."""

    kind: Asked | Literal["if", "until", "start"]
    title: str = ""
    """What to do or know; a template."""
    do: str | None = None
    """What to do now, as one imperative sentence; a template."""
    after: Duration | None = None
    """Counted from when its list of steps begins, or from the end of the task that it follows; None is at once."""
    unless: Condition | None = None
    """Looked at when the step is due; an unknown one doesn't hold it back."""
    channel: str | None = None
    severity: Severity = "medium"
    assign: tuple[Rule, ...] = (Rule(),)
    due: Duration | None = None
    """By when a task is to be done."""
    acknowledge_within: Duration | None = None
    """By when an alert is to be acknowledged, else it goes up; None is by its severity, and no time at all is never."""
    keep: bool = False
    """What a person is owed: it stays open when the episode ends."""
    under: int | None = None
    """The number of the `if` or `until` that it is in, and (`arm`) of which of its lists; None is the playbook's."""
    arm: Arm = "then"
    follows: int | None = None
    """The number of the task whose end it waits for."""
    of: int | None = None
    """The task that `task.*` speaks of; None is every one of the same firing."""
    condition: Condition | None = None
    """What an `if` asks and an `until` waits for."""
    within: Duration | None = None
    """How long it waits for that."""
    name: str = ""
    """The survey, template, endpoint or playbook that is meant."""
    roles: tuple[str, ...] = ()
    """The contacts' who are asked or written to."""
    to_contact: bool = False
    """Written to is whom the event names that fired."""
    consent: str = ""
    """The kind of message that they must have consented to."""
    traits: dict[str, Any] = {}
    flag_kind: str | None = None
    hand_over: str | None = None


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a playbook may fire again for an account: `after` counts from the later of firing and closing."""

    after: Duration = Duration()
    at_most: int | None = None
    per: Duration = Duration()


class Playbook(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One version of a playbook. It is about a state of affairs, or, with `on_event`, about events of one type."""

    id: str
    version: str
    """The digest of its content."""
    title: str
    steps: tuple[Step, ...]
    matter: str | None = None
    """What its work is about; None is what the score is about when it fires."""
    for_accounts: Condition | None = None
    when: Condition | None = None
    on_event: str | None = None
    per: str | None = None
    """contact, ticket or invoice: each that its events name has an episode and items of its own."""
    held_for: Duration = Duration()
    exit_when: Condition | None = None
    """None: when `when` is false; of an `on_event`, when all steps are done."""
    repeat: Repeat | None = None
    urgent: bool = False
    """Don't wait for anybody's working hours."""
    closes: tuple[str, ...] = ()
    """Playbooks whose open episodes end when this one fires, where what they are about has passed."""
    exit_words: str = ""
    """What it says when its exit is met, such as `paid`, a template; else what the exit saw."""
    remembers: tuple[str, ...] = ()
    """The facts that these words name as they were when it fired."""
    on_exit: tuple[Step, ...] = ()
    """Alerts for those who were told, when what they were told of has passed."""
    off: bool = False
    """It is listed and checked, and decides nothing."""
    shadow: bool = False
    """It decides and lists what it would ask for, and tells nobody."""
    holdout: int = 0
    """For which share of accounts, in percent, it only decides: nothing is asked for, and one sees what it brings."""

    @property
    def is_held(self) -> bool:
        """Does it wait to see whether its condition goes on holding?"""
        return bool(self.held_for.run)

    @property
    def name(self) -> str:
        """`id@version`, as messages carry it."""
        return f"{self.id}@{self.version}"

    @cached_property
    def every_step(self) -> tuple[Step, ...]:
        """Its steps by their numbers; those of `on_exit` come last."""
        return self.steps + self.on_exit

    def begins(self, under: int | None = None, arm: Arm = "then") -> tuple[int, ...]:
        """The numbers of the steps that wait for nothing else when this list of steps begins."""
        wanted = (under, arm, None)
        return tuple(place for place, one in enumerate(self.steps) if (one.under, one.arm, one.follows) == wanted)

    def follow(self, task: int) -> tuple[int, ...]:
        """The numbers of the steps that wait for this task's end."""
        return tuple(place for place, one in enumerate(self.steps) if one.follows == task)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Those of all its conditions."""
        return self._leaves(self.for_accounts, self.exit_when, self.when)

    @cached_property
    def ending(self) -> tuple[Leaf, ...]:
        """Those that can end an episode: of `when` only where there is no exit."""
        return self._leaves(self.for_accounts, self.exit_when, None if self.exit_when is not None else self.when)

    def _leaves(self, *conditions: Condition | None) -> tuple[Leaf, ...]:
        return tuple(leaf for one in conditions if one is not None for leaf in leaves_of(one))

    @cached_property
    def for_whom(self) -> frozenset[str]:
        """The leaves of which accounts it is for, as text."""
        return frozenset(map(str, self._leaves(self.for_accounts)))

    @cached_property
    def denied(self) -> frozenset[str]:
        """The leaves of `when` under a `not`, as text: what helps is that they are false."""
        return frozenset(_denied(self.when, odd=False)) if self.when is not None else frozenset()

    @cached_property
    def minds(self) -> frozenset[str]:
        """The facts that its conditions name."""
        asked = [one for one in (self.for_accounts, self.when) if one is not None]
        return frozenset(leaf.subject.name for one in asked for leaf in leaves_of(one))

    @cached_property
    def read(self) -> frozenset[str]:
        """The facts that can change what its conditions say: of a linear fact, its instant."""
        asked = (self.for_accounts, self.when, self.exit_when)
        return frozenset().union(*(facts_of(one) for one in asked if one is not None))

    @cached_property
    def follows(self) -> frozenset[str] | None:
        """The facts whose change can move an episode under way, its steps' too; None: more than facts can.

        That is trouble, which holds flags back, and the event at hand, where what ends the episode asks about it.
        """
        ending = (self.for_accounts, self.exit_when, self.when if self.on_event is None else None)
        of_event = any(name.startswith("event.") for one in ending if one is not None for name in facts_of(one))
        if of_event or any(one.kind == "flag" for one in self.steps):
            return None
        asked = [each for one in self.steps for each in (one.unless, one.condition) if each is not None]
        return self.read.union(*map(facts_of, asked))

    def may_fire_at(self, fired: tuple[datetime, ...], closed: datetime | None) -> datetime | None:
        """The earliest instant at which `repeat` lets it fire again, after these firings and that end; None is any."""
        repeat, last = self.repeat, max((one for one in (*fired[-1:], closed) if one is not None), default=None)
        if repeat is None or last is None:
            return None
        earliest = last + repeat.after.exact
        if repeat.at_most is not None and len(fired) >= repeat.at_most:
            earliest = max(earliest, fired[-repeat.at_most] + repeat.per.exact)
        return earliest

    def still_counted(self, fired: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
        """The firings that `repeat` may still count."""
        if self.repeat is None:
            return ()
        reach = max(self.repeat.after.exact, self.repeat.per.exact)
        return tuple(instant for instant in fired if instant + reach > now)


def _denied(condition: Condition, *, odd: bool) -> Iterator[str]:
    match condition:
        case Leaf():
            if odd:
                yield str(condition)
        case Not(part):
            yield from _denied(part, odd=not odd)
        case _:
            for part in condition.parts:
                yield from _denied(part, odd=odd)
