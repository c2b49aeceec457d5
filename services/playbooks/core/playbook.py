"""A playbook: for which accounts, when, held for how long, what steps, when it ends, how soon again."""

from typing import ClassVar, Literal

import msgspec

from services.playbooks.core.assignment import Owner, Rule
from services.playbooks.core.durations import Duration
from shared.conditions import Condition
from shared.messages.actions import Severity

Kind = Literal["alert", "task", "flag"]


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    """What to do or know; a template."""
    do: str | None = None
    """What to do now, as one imperative sentence; a template."""
    after: Duration | None = None
    """Counted from firing; None is at once."""
    unless: Condition | None = None
    """Looked at when the step is due; an unknown one doesn't hold it back."""
    channel: str | None = None
    severity: Severity = "medium"
    assign: tuple[Rule, ...] = (Owner(),)


class AlertStep(_Step, frozen=True, kw_only=True):
    """Tell somebody."""

    kind: ClassVar[Kind] = "alert"


class TaskStep(_Step, frozen=True, kw_only=True):
    """Ask somebody to do something by a time."""

    kind: ClassVar[Kind] = "task"
    due: Duration | None = None


class FlagStep(_Step, frozen=True, kw_only=True):
    """Say that the account is ready to grow; held back while its customer is in trouble (see `gates`)."""

    kind: ClassVar[Kind] = "flag"


Step = AlertStep | TaskStep | FlagStep


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a playbook may fire again for an account, counted from firing."""

    after: Duration = Duration()
    at_most: int | None = None
    per: Duration = Duration()


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a playbook. It is about a state of affairs, or, with `on_event`, about events of one type."""

    id: str
    version: str
    """The digest of its content."""
    title: str
    steps: tuple[Step, ...]
    for_accounts: Condition | None = None
    when: Condition | None = None
    on_event: str | None = None
    held_for: Duration = Duration()
    exit_when: Condition | None = None
    """None: when `when` is false; of an `on_event`, when all steps are done."""
    repeat: Repeat | None = None
    urgent: bool = False
    """Don't wait for anybody's working hours."""
    closes: tuple[str, ...] = ()
    """Playbooks whose open episodes, tasks and alerts end when this one fires, where what they are about has passed."""

    @property
    def name(self) -> str:
        """`id@version`, as messages carry it."""
        return f"{self.id}@{self.version}"
