"""Who works with customers, and when."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import msgspec

from services.playbooks.core.workinghours import OFFICE, Hours
from shared.messages.actions import Recipient


class Absence(msgspec.Struct, frozen=True):
    """Away from the first day to the last, both included, in the person's own zone."""

    first: date
    last: date


class Csm(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be given work."""

    id: str
    name: str
    email: str | None = None
    slack: str | None = None
    hours: Hours = OFFICE
    away: tuple[Absence, ...] = ()
    tier: str | None = None
    skills: tuple[str, ...] = ()
    capacity: int | None = None
    """How many open tasks at once; None is without limit."""
    manager: str | None = None
    """The id of whoever hears of tasks that are overdue."""

    @property
    def recipient(self) -> Recipient:
        """As messages name them."""
        return Recipient(id=self.id, name=self.name, email=self.email, slack=self.slack, time_zone=self.hours.time_zone)

    def away_until(self, now: datetime) -> date | None:
        """The last day of the absence that covers `now`, or None."""
        today = now.astimezone(ZoneInfo(self.hours.time_zone)).date()
        return next((absence.last for absence in self.away if absence.first <= today <= absence.last), None)


class Directory:
    """The people, by id and by e-mail."""

    def __init__(self, csms: tuple[Csm, ...] = (), office: Hours = OFFICE) -> None:
        self.office = office
        """Of whoever has set none, and of nobody."""
        self.csms = tuple(sorted(csms, key=lambda csm: csm.id))

    @cached_property
    def _by_name(self) -> Mapping[str, Csm]:
        by_email = {csm.email.lower(): csm for csm in self.csms if csm.email}
        return by_email | {csm.id.lower(): csm for csm in self.csms}

    def find(self, name: str) -> Csm | None:
        """Somebody by id or e-mail, whatever the case."""
        return self._by_name.get(name.lower())

    def person(self, name: str) -> Csm:
        """Somebody by id or e-mail; whoever is not in the directory is taken by their e-mail alone."""
        return self.find(name) or Csm(id=name, name=name, email=name if "@" in name else None, hours=self.office)

    def with_(self, tier: str | None, skill: str | None) -> tuple[Csm, ...]:
        """Everybody of a tier and with a skill, by id."""
        return tuple(
            csm for csm in self.csms if (tier is None or csm.tier == tier) and (skill is None or skill in csm.skills)
        )
