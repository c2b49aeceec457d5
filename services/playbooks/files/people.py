"""The directory of CSMs, as it is written."""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from services.playbooks.core.directory import ROLES, Absence, Csm, Directory
from services.playbooks.core.workinghours import OFFICE
from services.playbooks.core.workinghours import Hours as Week
from shared.conditions import Problem, did_you_mean
from shared.conditions.errors import nearest
from shared.files.kinds import Date, Day, Hours, Name, Span, Zone
from shared.files.models import FileModel, Reading, fault
from shared.files.nodes import Fields, Items, load
from shared.files.reading import content_of, read
from shared.words import counted

CAPACITY: Final = 25
"""Of whoever gives none."""
_LOG = logging.getLogger(__name__)


def _place(value: str) -> str:
    if value.startswith(("slack:", "email")) and not value.startswith("slack:#"):
        raise fault("A role is a person's, or a channel's that needs nobody: slack:#name or inbox.")
    return value


Place = Annotated[Name, AfterValidator(_place), Field(description="A person's id or e-mail, slack:#name or inbox.")]


class CsmFile(FileModel):
    """Somebody who can be given work."""

    id: Name
    name: Name
    email: Name | None = None
    slack: Name | None = None
    inbox: bool = False
    """They read their inbox, where neither e-mail nor Slack reaches them."""
    time_zone: Zone | None = None
    hours: Hours = (OFFICE.start, OFFICE.end)
    days: Annotated[list[Day], Field(min_length=1)] = list(OFFICE.days)
    holidays: list[Date] = []
    away: list[Span] = []
    tier: Name | None = None
    skills: list[Name] = []
    capacity: Annotated[int, Field(ge=1)] | None = CAPACITY
    """How many open tasks at once; none is without limit."""
    manager: Name | None = None


class RolesFile(FileModel):
    """Who stands for what."""

    last_resort: Place = "inbox"
    """Gets what nobody else could be found for."""
    ops: Place = "inbox"
    """Hears of broken channels and interrupted sources."""
    nps_owner: Place | None = None
    """Hears when the company's NPS drops; unset: ops."""
    finance: Place | None = None
    """This and what follows is, unset, the account's owner."""
    support: Place | None = None
    sales: Place | None = None
    lead: Place | None = None
    """Unset: the manager of the account's owner."""


class DirectoryFile(FileModel):
    """The directory of CSMs."""

    csms: list[CsmFile]
    roles: RolesFile | None = None
    time_zone: Zone = "UTC"
    """Of whoever gives none."""
    holidays: list[Date] = []
    """Holidays of everybody."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """Nobody is there twice, every manager is there and under nobody of theirs, and roles are of somebody."""
        csms = node.get("csms")
        people = [one for one in csms if isinstance(one, Fields)] if isinstance(csms, Items) else []
        ids = {str(one.get("id")).lower() for one in people}
        managers = {str(one.get("id")).lower(): str(one.get("manager")).lower() for one in people}
        seen: set[str] = set()
        for one in people:
            id = str(one.get("id"))
            names = {str(name).lower() for name in (id, one.get("email")) if name is not None}
            if names & seen:
                reading.note(f"`{id[:60]}` is there twice, by id or e-mail.", one.at)
            seen |= names
            if (manager := one.get("manager")) is None:
                continue
            if str(manager).lower() not in ids:
                said = f"The manager `{str(manager)[:60]}` is not in the directory."
                reading.note(said, one.places["manager"], did_you_mean(manager, ids))
            elif str(manager).lower() == id.lower():
                reading.note("Nobody is their own manager: who would hear of what is overdue?", one.places["manager"])
            elif _is_above(id.lower(), managers):
                said = f"`{id[:60]}` is, in the end, their own manager: who would hear of what is overdue?"
                reading.note(said, one.places["manager"])
        roles = node.get("roles")
        roles = roles if isinstance(roles, Fields) else Fields(node.at)
        for role, place in roles.items():
            known = str(place).startswith(("slack:", "email")) or place in (None, "inbox")
            if role in ROLES and not known and str(place).lower() not in seen:
                said = f"`{role}` is `{str(place)[:60]}`, who is not in the directory."
                reading.note(said, roles.places[role], did_you_mean(place, seen))

    @model_validator(mode="after")
    def _reached(self, info: ValidationInfo) -> Self:
        for csm in self.csms:
            if not (csm.email or csm.slack or csm.inbox):
                said = f"Nothing reaches `{csm.id}`, who gets no work: give an email, a slack id, or inbox: true."
                Reading.of(info).take([Problem(said, csm.at())], certain=False)
        return self

    @model_validator(mode="after")
    def _words_alike(self, info: ValidationInfo) -> Self:
        for words in ([csm.tier for csm in self.csms], [skill for csm in self.csms for skill in csm.skills]):
            used = Counter(word for word in words if word is not None)
            for word, number in used.items():
                near = nearest(word, [other for other in used if used[other] > number])
                if near is not None and number == 1:
                    csm = next(one for one in self.csms if word in (one.tier, *one.skills))
                    said = f"Nobody else has `{word}`, and {counted(used[near], 'person', 'people')} `{near}`."
                    Reading.of(info).take([Problem(said, csm.at())], certain=False)
        return self

    def directory(self) -> Directory:
        """As the core knows it."""
        office = Week(time_zone=self.time_zone, holidays=tuple(sorted({*self.holidays})), any_time=True)
        roles = self.roles.given() if self.roles is not None else {}
        return Directory(tuple(self._csm(one) for one in self.csms), office, roles)

    def _csm(self, one: CsmFile) -> Csm:
        start, end = one.hours
        holidays = tuple(sorted({*self.holidays, *one.holidays}))
        return Csm(
            **one.given("time_zone", "hours", "days", "holidays", "away", "capacity"),
            capacity=one.capacity,
            hours=Week(
                time_zone=one.time_zone or self.time_zone,
                days=tuple(sorted({*one.days})),
                start=start,
                end=end,
                holidays=holidays,
                any_time=one.model_fields_set.isdisjoint({"hours", "days"}),
            ),
            away=tuple(Absence(away.first, away.last) for away in one.away),
        )


def _is_above(id: str, managers: Mapping[str, str]) -> bool:
    """Is somebody in the line of their own managers?"""
    above, seen = managers.get(id), set[str]()
    while above is not None and above not in seen:
        if above == id:
            return True
        seen.add(above)
        above = managers.get(above)
    return False


def load_people(path: Path) -> Directory:
    """The directory in a file; an empty one when there is no file. Raises `Refused`."""
    with suppress(OSError):  # Where it can't be looked for, opening it says why.
        if not path.exists():
            return Directory()
    return read_people(content_of(path), str(path))


def read_people(data: bytes | str, name: str) -> Directory:
    """The directory in a YAML text; an empty one when nothing is in it. Raises `Refused`."""
    if load(data, name) is None:
        return Directory()
    found = read(data, name, DirectoryFile)
    for warning in found.warnings:
        _LOG.warning("%s", warning)
    return found.directory()
