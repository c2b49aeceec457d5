"""The directory of CSMs, as it is written."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from services.playbooks.core.directory import Absence, Csm, Directory, Team
from services.playbooks.core.workinghours import OFFICE
from services.playbooks.core.workinghours import Hours as Week
from services.playbooks.files.absence import WhenAwayFile, when_absent
from services.playbooks.files.assign import Rules
from services.playbooks.files.week import WeekHours, week_of
from services.playbooks.files.who import look_at
from shared.addresses import read_address
from shared.conditions import Problem, did_you_mean
from shared.conditions.errors import nearest
from shared.files.kinds import Date, Day, Days, Name, Span, Zone
from shared.files.models import FileModel, Reading, fault
from shared.files.nodes import Fields, Items
from shared.files.reading import content_of, read_if_any
from shared.messages.actions import PLACES, SHARED
from shared.words import counted

CAPACITY: Final = 25
"""Of whoever gives none."""
_LOG = logging.getLogger(__name__)


def _place(value: str) -> str:
    if value.startswith(("slack:", "email")) and SHARED.fullmatch(value) is None:
        raise fault(f"A role is a person's, or a channel's that needs nobody: {PLACES} or inbox.")
    return value


Place = Annotated[Name, AfterValidator(_place), Field(description=f"A person's id or e-mail, {PLACES} or inbox.")]


def _email(value: str) -> str:
    try:
        read_address(value)
    except ValueError as error:
        raise fault(str(error)) from None
    return value.strip()


Email = Annotated[Name, AfterValidator(_email), Field(description="An e-mail address.")]


class CsmFile(FileModel):
    """Somebody who can be given work."""

    id: Name
    name: Name
    email: Email | None = None
    slack: Name | None = None
    inbox: bool = False
    """They read their inbox, where neither e-mail nor Slack reaches them."""
    time_zone: Zone | None = None
    hours: WeekHours = (OFFICE.start, OFFICE.end)
    """09:00-17:00, or by day: {mon-thu: 09:00-17:00, fri: 09:00-13:00}; a day that is left out is free."""
    days: Annotated[list[Day], Field(min_length=1)] = list(OFFICE.days)
    """The days on which one pair of `hours` holds."""
    holidays: list[Days] = []
    """A day, days from..to, or the public holidays of a country, such as PL or DE-BY."""
    away: list[Span] = []
    left: Date | None = None
    """The day from which on they are gone: what they have open moves, and nothing new comes."""
    tier: Name | None = None
    skills: list[Name] = []
    team: Name | None = None
    """The team that they are in; more can be said by `members` of `teams`."""
    capacity: Annotated[int, Field(ge=1)] | None = CAPACITY
    """How many open tasks at once; none is without limit."""
    manager: Name | None = None
    """Hears of what is overdue, and of what moved; unset: the lead of their team."""
    deputy: Name | None = None
    """Stands in for them."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """Days are said once, and nobody is away who has left."""
        if "days" in node and isinstance(node.get("hours"), Fields):
            reading.note("`hours` says already on which days they work: take `days` out.", node.places["days"])
        left, away = node.get("left"), node.get("away")
        for one in away if isinstance(away, Items) and left is not None else ():
            # Dates compare as texts do; what is none is told of anyway.
            if isinstance(one, Fields) and str(one.get("from", "")) >= str(left):
                said = f"They have left by then: `left` is {left}."
                reading.take([Problem(said, one.at)], certain=False)


class TeamFile(FileModel):
    """People who work together."""

    id: Name
    name: Name | None = None
    lead: Name | None = None
    """The manager of those in it who name no other."""
    members: list[Name] = []
    """With those whose own `team` it is."""


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
    teams: list[TeamFile] = []
    roles: RolesFile | None = None
    when_away: WhenAwayFile | None = None
    """When the open work of who is away moves, and to whom: {after: 2 business days, to: [deputy, manager]}."""
    when_gone: Rules | None = None
    """Who gets the open work of who left, or was taken out: [deputy, team, manager], unless it is said."""
    time_zone: Zone = "UTC"
    """Of whoever gives none."""
    holidays: list[Days] = []
    """Holidays of everybody."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """Whoever and whatever is named is there, and nobody stands above or in for themselves."""
        look_at(node, reading)

    @model_validator(mode="after")
    def _reached(self, info: ValidationInfo) -> Self:
        for csm in self.csms:
            if not (csm.email or csm.slack or csm.inbox):
                said = f"Nothing reaches `{csm.id}`, who gets no work: give an email, a slack id, or inbox: true."
                Reading.of(info).take([Problem(said, csm.at())], certain=False)
        return self

    @model_validator(mode="after")
    def _words_alike(self, info: ValidationInfo) -> Self:
        for words in (
            [csm.tier for csm in self.csms],
            [skill for csm in self.csms for skill in csm.skills],
            [] if self.teams else [csm.team for csm in self.csms],
        ):
            used = Counter(word for word in words if word is not None)
            for word, number in used.items():
                near = nearest(word, [other for other in used if used[other] > number])
                if near is not None and number == 1:
                    csm = next(one for one in self.csms if word in (one.tier, one.team, *one.skills))
                    said = f"Nobody else has `{word}`, and {counted(used[near], 'person', 'people')} `{near}`."
                    Reading.of(info).take([Problem(said, csm.at())], certain=False)
        return self

    @model_validator(mode="after")
    def _absence_finds_somebody(self, info: ValidationInfo) -> Self:
        reading, people = Reading.of(info), self.directory()
        for rule in (*people.absence.when_away, *people.absence.when_gone):
            place = self.at("when_gone" if rule in people.absence.when_gone else "when_away")
            if rule.team is not None and rule.team not in people.teams:
                hint = did_you_mean(rule.team, people.teams)
                reading.note(f"There is no team `{rule.team}`.", place, hint)
            elif rule.kind == "person" and "@" not in rule.name and people.find(rule.name) is None:
                hint = did_you_mean(rule.name, [one.id for one in people.csms])
                reading.note(f"`{rule.name}` is not in the directory.", place, hint)
            elif rule.kind in ("least_loaded", "round_robin") and not people.with_(rule.tier, rule.skill, rule.team):
                reading.take([Problem(f"There is no {rule.some(0)}.", place)], certain=False)
        return self

    def directory(self) -> Directory:
        """As the core knows it."""
        office = Week(time_zone=self.time_zone, holidays=_days_of(self.holidays), any_time=True)
        roles = self.roles.given() if self.roles is not None else {}
        absence = when_absent(self.when_away, self.when_gone)
        return Directory(tuple(self._csm(one) for one in self.csms), office, roles, tuple(self._teams()), absence)

    def _csm(self, one: CsmFile) -> Csm:
        listed = (team.id for team in self.teams for name in team.members if name.lower() in _names(one))
        own = () if one.team is None else (one.team,)
        return Csm(
            **one.given("time_zone", "hours", "days", "holidays", "away", "capacity", "team"),
            capacity=one.capacity,
            teams=tuple(dict.fromkeys((*own, *listed))),
            hours=Week(
                time_zone=one.time_zone or self.time_zone,
                holidays=_days_of([*self.holidays, *one.holidays]),
                any_time=one.model_fields_set.isdisjoint({"hours", "days"}),
                **week_of(one.hours, one.days),
            ),
            away=tuple(Absence(away.first, away.last) for away in one.away),
        )

    def _teams(self) -> Iterator[Team]:
        """Those that are declared, else those that people name."""
        for one in self.teams:
            leads = (csm.id for csm in self.csms if one.lead is not None and one.lead.lower() in _names(csm))
            yield Team(id=one.id, name=one.name or one.id, lead=next(leads, None))
        if not self.teams:
            yield from (Team(id=id, name=id) for id in sorted({one.team for one in self.csms if one.team is not None}))


def _names(csm: CsmFile) -> set[str]:
    return {name.lower() for name in (csm.id, csm.email) if name is not None}


def _days_of(written: Iterable[Iterable[date]]) -> frozenset[date]:
    return frozenset(chain.from_iterable(written))


def load_people(path: Path) -> Directory:
    """The directory in a file; an empty one when there is no file. Raises `Refused`."""
    text = people_text(path)
    return Directory() if text is None else read_people(text, str(path))


def people_text(path: Path) -> bytes | None:
    """What stands in the directory's file; None when there is none, or nothing in it. Raises `Refused`."""
    with suppress(OSError):  # Where it can't be looked for, opening it says why.
        if not path.exists():
            return None
    text = content_of(path)
    return text if text.strip() else None


def read_people(data: bytes | str, name: str) -> Directory:
    """The directory in a YAML text; an empty one when nothing is in it. Raises `Refused`."""
    found = read_directory(data, name)
    if found is None:
        return Directory()
    for warning in found.warnings:
        _LOG.warning("%s", warning)
    return found.directory()


def read_directory(data: bytes | str, name: str) -> DirectoryFile | None:
    """What stands in a YAML text; None when nothing does. Raises `Refused`."""
    return read_if_any(data, name, DirectoryFile)
