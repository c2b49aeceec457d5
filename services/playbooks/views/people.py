"""Who works with customers, with what they have."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from services.playbooks.core.assignment import Load, is_full
from services.playbooks.core.books import Book
from services.playbooks.core.directory import Csm, Directory
from shared.messages.actions import KINDS

NOTHING: Mapping[str, Any] = {}


class Days(BaseModel):
    """Days from the first to the last, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class TeamView(BaseModel, from_attributes=True):
    """A team."""

    id: str
    name: str
    lead: str | None


class Money(BaseModel):
    """A month's revenue in one currency."""

    currency: str
    amount_minor: int


class PersonView(BaseModel):
    """Somebody here, what they have open beside what they can take, and their accounts."""

    id: str
    name: str
    email: str | None
    time_zone: str
    tier: str | None
    skills: list[str]
    teams: list[TeamView]
    manager: str | None
    """Theirs, or the lead of their team."""
    deputy: str | None
    roles: list[str]
    capacity: int | None
    """How many open tasks at once."""
    share: int | None
    """How much of it is taken, in percent."""
    full: bool
    """Do they have as many open tasks as they can take?"""
    open: dict[str, int]
    """How many tasks, alerts and flags, by kind."""
    overdue: int
    """Of the tasks."""
    due_today: int
    """Of the tasks those that are due before their day ends."""
    snoozed: int
    """Of all that is open."""
    away_until: date | None
    next_away: Days | None
    left: date | None
    """From which day on they are, or will be, gone."""
    reachable: bool
    """Is there a channel that brings them anything?"""
    accounts: dict[str, int]
    """By how they are served."""
    mrr: list[Money]
    book: int
    """What these come to of one person's book, in percent; of more than 100 there is a warning alone."""
    warning: str | None

    @classmethod
    def of(cls, csm: Csm, directory: Directory, open: Mapping[str, Any], book: Book, now: datetime) -> Self:
        """Somebody as they are shown."""
        tasks, away = open.get("task", 0), csm.next_away(now)
        return cls(
            id=csm.id,
            name=csm.name,
            email=csm.email,
            time_zone=csm.hours.time_zone,
            tier=csm.tier,
            skills=list(csm.skills),
            teams=[TeamView.model_validate(one) for one in directory.teams_of(csm)],
            manager=next((one.id for one in directory.managers(csm)), None),
            deputy=next((one.id for one in directory.deputies(csm)), None),
            roles=directory.roles_of(csm),
            capacity=csm.capacity,
            share=None if csm.capacity is None else round(100 * tasks / csm.capacity),
            full=is_full(csm, Load(tasks)),
            open={kind: open.get(kind, 0) for kind in KINDS},
            **{name: open.get(name, 0) for name in ("overdue", "due_today", "snoozed")},
            away_until=csm.away_until(now),
            next_away=None if away is None else Days.model_validate({"from": away.first, "to": away.last}),
            left=csm.left,
            reachable=csm.is_reachable,
            accounts=book.accounts,
            mrr=[Money(currency=code, amount_minor=minor) for code, minor in book.mrr_minor.items()],
            book=book.percent,
            warning=book.warning,
        )


class HandOverBody(
    BaseModel,
    extra="forbid",
    json_schema_extra={"examples": [{"to": "ben@example.com", "all": True, "reason": "On leave until summer."}]},
):
    """Which of somebody's open work goes to whom, and why."""

    to: Annotated[str, Field(min_length=1, max_length=256)]
    """An id of the directory, or an e-mail there."""
    accounts: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = None
    """At which accounts; or `all`."""
    all: bool = False
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.all == (self.accounts is not None):
            raise ValueError("Say `all: true`, or which `accounts`.")
        return self


class HandedOver(BaseModel):
    """What was handed over, and what is left to be."""

    moved: int
    """How many tasks, alerts and flags."""
    accounts: int
    accounts_left: int
    """At so many they have something still: ask again."""
    warning: str | None
    """Why whoever got it may not look at it soon."""
