"""What a digest tells somebody of their day or week: accounts by what is so with them, and for a lead their people."""

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

Part = Literal["today", "alert", "turned", "renewal", "closed", "worst"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
"""What is to be done by the day's (of a week: the week's) end; alerts that came and are open; accounts whose band
turned; renewals ahead; what was closed; and for a lead the red accounts of their people. The most important first."""


class DayLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account, and what is so with it. What does not belong to its part is left out."""

    part: Part
    account_id: str
    account: str
    """As people call it."""
    title: str = ""
    """What to do, or what happened."""
    note: str = ""
    """What somebody wrote when they closed it."""
    item_id: str = ""
    kind: str = ""
    """Of the item: task or alert."""
    severity: str = ""
    state: str = ""
    due_at: datetime | None = None
    contact: str = ""
    """Whom to call: `Kim (champion)`."""
    mrr_minor: int | None = None
    currency: str | None = None
    renews_at: datetime | None = None
    score: int | None = None
    """In hundredths."""
    band: str = "unknown"
    band_before: str = ""
    """What it turned from."""
    whose: str = ""
    """For a lead: the owner, by name."""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What came from somebody who is away or gone, or with an account."""

    whose: str
    why: str
    number: int


class PersonLine(msgspec.Struct, frozen=True, kw_only=True):
    """How much somebody has open, for who leads them."""

    name: str
    tasks: int = 0
    overdue: int = 0
    unseen: int = 0
    """Alerts that nobody has acknowledged."""
    until: datetime | None = None
    """When they are back, if they are away."""


class DayCard(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's day, or week."""

    weekly: bool = False
    since: datetime
    """Since when it tells what happened: the last one."""
    lines: list[DayLine] = []
    """Part by part, the most important of each first."""
    numbers: dict[Part, int] = {}
    """How many there are of each, with those that have no line."""
    overdue: int = 0
    """Of what is to be done."""
    outcomes: dict[str, int] = {}
    """Of what was closed, by state: `{done: 5, false_alarm: 1}`."""
    handed: list[Handed] = []
    team: list[PersonLine] = []
    """Who needs a look first."""
    people: int = 0
    """How many there are in the team."""
