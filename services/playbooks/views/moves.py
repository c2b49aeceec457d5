"""What people say with a move, as it is asked for."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from services.playbooks.core.checklist import MOST
from services.playbooks.core.commands import Talk
from services.playbooks.core.matter import Matter
from services.playbooks.core.workinghours import parse_duration
from shared.messages.actions import Severity
from shared.web.times import Moment

PointText = Annotated[str, Field(min_length=1, max_length=500)]


def _length(said: str) -> str:
    parse_duration(said)
    return said


_Numbers = Annotated[list[int], Field(max_length=MOST)]


class Note(BaseModel, extra="forbid", json_schema_extra={"examples": [{"note": "They asked for it on the phone."}]}):
    """What a person says with a move."""

    note: Annotated[str, Field(max_length=2000)] = ""


class NewTask(
    Note,
    json_schema_extra={
        "examples": [
            {
                "account": "northwind",
                "title": "Show them exports",
                "due": "2 business days",
                "checklist": ["Ask who exports today"],
            }
        ]
    },
):
    """A task as a person writes it."""

    account: Annotated[str, Field(min_length=1, max_length=128)]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    do: Annotated[str, Field(max_length=2000)] | None = None
    """How to go about it."""
    assignee: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """An id of the directory, or an e-mail; the account's owner, unless it is said."""
    due_at: Moment | None = None
    due: Annotated[str, AfterValidator(_length)] | None = None
    """Such as `2 business days`, counted in the assignee's working time, or `24h`."""
    priority: Severity = "medium"
    matter: Matter | None = None
    """What it is about. What playbooks ask for about the same then joins it."""
    contact_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Whom at the account it is about."""
    checklist: Annotated[list[PointText], Field(max_length=MOST)] = []

    @model_validator(mode="after")
    def _once(self) -> Self:
        if self.due is not None and self.due_at is not None:
            raise ValueError("`due` and `due_at` say the same; give one of them.")
        return self


class Reassign(Note, json_schema_extra={"examples": [{"to": "ben@example.com", "note": "You know them better."}]}):
    """To whom: an id of the directory, or an e-mail. They read the note."""

    to: Annotated[str, Field(min_length=1, max_length=256)]


class Snooze(
    Note, json_schema_extra={"examples": [{"until": "2026-03-20T09:00:00Z", "note": "Their fair is until then."}]}
):
    """Until when it is snoozed, at most 90 days from now; a day, unless said."""

    until: Moment | None = None


class Due(Note, json_schema_extra={"examples": [{"due_at": "2026-03-20T17:00:00Z"}]}):
    """By when a task is to be done, at most a year from now."""

    due_at: Moment


class FlagOutcome(
    Note, json_schema_extra={"examples": [{"amount_minor": 42000, "currency": "EUR", "note": "Twenty seats more."}]}
):
    """What a flag came to; `amount_minor` a month, in minor units."""

    amount_minor: int | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.amount_minor is None) != (self.currency is None):
            raise ValueError("`amount_minor` and `currency` go together.")
        return self


class Done(Note, json_schema_extra={"examples": [{"interaction": "call", "note": "They train the team on Monday."}]}):
    """How they talked to the customer, and with whom: the account's timeline has it."""

    interaction: Talk | None = None
    """`other`, unless it is said; `none` when nobody was talked to."""
    contact_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Whom the task is about, unless it is said."""


class Priority(Note, json_schema_extra={"examples": [{"priority": "high"}]}):
    """How pressing a task is."""

    priority: Severity


class Checklist(
    BaseModel, extra="forbid", json_schema_extra={"examples": [{"tick": [1], "add": ["Send them the guide"]}]}
):
    """Points of a task by their numbers, and texts of new ones."""

    tick: _Numbers = []
    untick: _Numbers = []
    remove: _Numbers = []
    add: Annotated[list[PointText], Field(max_length=MOST)] = []


class Bulk(
    BaseModel,
    extra="allow",
    json_schema_extra={
        "examples": [{"filter": {"assignee": "ben@example.com"}, "move": "snooze", "until": "2026-03-20T09:00:00Z"}]
    },
):
    """Which, by their ids or by the parameters of their list; how they are moved; and what is said with that move, as
    its own body has it."""

    ids: Annotated[list[Annotated[str, Field(max_length=128)]], Field(min_length=1, max_length=500)] | None = None
    filter: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    """Such as `{"assignee": "ana", "severity": ["high"]}`; without `state`, of what is open."""
    move: str
    cursor: Annotated[str, Field(max_length=1024)] | None = None
    """With a filter: `next_cursor` of the answer before."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("Say which by `ids` or by `filter`, one of them.")
        return self


class Refusal(BaseModel):
    """One that could not be moved, and why."""

    id: str
    code: str
    message: str


class Moved(BaseModel):
    """What came of moving many."""

    moved: int
    refused: list[Refusal]
    more: bool
    """Were there more than one request moves? Then send it again, with `cursor`."""
    next_cursor: str | None = None
    """From where on: much stays what the filter asks for, however it was moved."""
