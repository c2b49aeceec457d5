"""The shape of the files that people write: playbooks and the directory of CSMs. The JSON Schema is made from it."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from shared.conditions import STEP_FACTS, Scope
from shared.conditions.schema import condition_schema
from shared.messages.actions import Severity
from shared.messages.fields import Id

DurationText = Annotated[str, msgspec.Meta(description="Such as 30m, 24h, 7d, 2w, 2 business days.")]
TemplateText = Annotated[str, msgspec.Meta(min_length=1, description="Text; {{ account.name }} and every fact.")]
ConditionNode = Annotated[Any, msgspec.Meta(extra_json_schema={"$ref": "#/$defs/condition"})]
Place = Annotated[int, msgspec.Meta(ge=1)]


class PoolFile(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to choose from; nothing given is everybody."""

    tier: str | None = None
    skill: str | None = None


class AssignFile(msgspec.Struct, forbid_unknown_fields=True):
    """One rule of an assignment list."""

    person: str | None = None
    least_loaded: PoolFile | None = None
    round_robin: PoolFile | None = None


AssignRule = Literal["owner", "least_loaded", "round_robin"] | AssignFile


class AlertFile(msgspec.Struct, forbid_unknown_fields=True):
    """An alert's fields, where they are not beside it."""

    title: TemplateText | None = None
    channel: str | None = None
    severity: Severity = "medium"
    do: TemplateText | None = None


class StepFile(msgspec.Struct, forbid_unknown_fields=True):
    """One step: an alert, a task or a flag."""

    alert: AlertFile | TemplateText | None = None
    task: TemplateText | None = None
    flag: TemplateText | None = None
    do: TemplateText | None = None
    after: DurationText | None = None
    unless: Annotated[Any, msgspec.Meta(extra_json_schema={"$ref": "#/$defs/unless"})] = None
    channel: str | None = None
    severity: Severity | None = None
    assign: AssignRule | list[AssignRule] | None = None
    due: DurationText | None = None


class RepeatFile(msgspec.Struct, forbid_unknown_fields=True):
    """How soon again, counted from firing."""

    after: DurationText | None = None
    at_most: Annotated[str, msgspec.Meta(description="Such as 3 per 180d.")] | None = None


class PlaybookFile(msgspec.Struct, forbid_unknown_fields=True):
    """A playbook."""

    id: Id
    steps: list[StepFile]
    title: str | None = None
    description: str | None = None
    for_accounts: ConditionNode = None
    when: ConditionNode = None
    on_event: str | None = None
    held_for: DurationText | None = None
    exit_when: ConditionNode = None
    repeat: RepeatFile | None = None
    urgent: bool = False
    closes: list[Id] = []
    traits: dict[str, Literal["number", "text", "boolean", "instant", "list"]] = {}
    """The types of the `account.traits.*` that are named."""


class AwayFile(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """An absence, both days included."""

    first: date
    last: date


DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class CsmFile(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody who can be given work."""

    id: Id
    name: str
    email: str | None = None
    slack: str | None = None
    time_zone: str = "UTC"
    hours: Annotated[str, msgspec.Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d$", description="Local, as 09:00-17:00.")] = (
        "09:00-17:00"
    )
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")
    holidays: list[date] = []
    away: list[AwayFile] = []
    tier: str | None = None
    skills: list[str] = []
    capacity: Place | None = None
    manager: Id | None = None


class DirectoryFile(msgspec.Struct, forbid_unknown_fields=True):
    """The directory of CSMs."""

    csms: list[CsmFile]
    holidays: list[date] = []
    """Holidays of everybody."""


SCHEMA: Final = Path(__file__).parent / "playbook.schema.json"
"""Where editors find it; `python -m services.playbooks.files` writes it anew."""


def playbook_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, for editors."""
    (schema,), components = msgspec.json.schema_components([PlaybookFile], ref_template="#/$defs/{name}")
    conditions = {
        "condition": condition_schema(),
        "unless": condition_schema("#/$defs/unless", Scope(more=STEP_FACTS)),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keepwell playbook",
        **schema,
        "$defs": {**components, **conditions},
    }


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(playbook_schema(), indent=2) + "\n", encoding="utf-8")
