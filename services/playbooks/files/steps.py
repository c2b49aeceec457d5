"""The steps of a playbook, as they are written."""

from typing import Annotated

from pydantic import Tag

from services.playbooks.core.playbook import Step
from services.playbooks.files.assign import RULES, Rules
from services.playbooks.files.checks import ByShape, Channel, Length, Template
from shared.conditions import Condition
from shared.files.kinds import ConditionIn
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields
from shared.messages.actions import KINDS, Severity


class AlertFile(FileModel):
    """An alert's fields, where they are not beside it."""

    title: Template | None = None
    channel: Channel | None = None
    severity: Severity | None = None
    do: Template | None = None


class StepFile(FileModel):
    """One step: an alert, a task or a flag."""

    alert: Annotated[Annotated[AlertFile, Tag("mapping")] | Annotated[Template, Tag("text")], ByShape] | None = None
    task: Template | None = None
    flag: Template | None = None
    do: Template | None = None
    after: Length | None = None
    unless: Annotated[Condition, ConditionIn("unless")] | None = None
    channel: Channel | None = None
    severity: Severity | None = None
    assign: Rules = "owner"
    due: Length | None = None
    keep: bool = False
    """What a person is owed: it stays open when the episode ends."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It is of one kind."""
        if len(node.keys() & KINDS) != 1:
            reading.note(f"A step is one of {', '.join(KINDS)}.", node.at)
        if "due" in node and "task" not in node:
            reading.note("Only a task has `due`.", node.places["due"])

    def step(self, title: str) -> Step:
        """As the core knows it; `title` is the playbook's."""
        kind = next(one for one in KINDS if getattr(self, one) is not None)
        inside = self.alert.given() if isinstance(self.alert, AlertFile) else {"title": getattr(self, kind)}
        rules = self.assign if isinstance(self.assign, list) else [self.assign]
        fields = {"title": title, **inside, **self.given(*KINDS, "assign")}
        return Step(
            kind=kind,
            assign=tuple(RULES[one] if isinstance(one, str) else one.rule() for one in rules),
            **fields,
        )
