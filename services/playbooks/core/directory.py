"""Who works with customers, and when; and who stands for which role."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from services.playbooks.core.workinghours import OFFICE, Hours
from shared.messages.actions import Recipient

Role = Literal["last_resort", "ops", "nps_owner", "finance", "support", "lead", "sales"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_ADDRESSED: Final = re.compile(r"(.*)<([^<>]+)>\s*")


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
    inbox: bool = False
    """They read their inbox of the notifier, so that they are reached without e-mail and Slack."""
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

    @property
    def is_reachable(self) -> bool:
        """Is there a channel that brings them anything?"""
        return bool(self.email or self.slack or self.inbox)

    def away_until(self, now: datetime) -> date | None:
        """The last day of the absence that covers `now`, or None; those that follow on one another are one."""
        today, last = now.astimezone(ZoneInfo(self.hours.time_zone)).date(), None
        for absence in sorted(self.away, key=lambda one: one.first):
            if absence.first <= today <= absence.last:
                last, today = absence.last, absence.last + timedelta(days=1)
        return last

    def back_at(self, now: datetime) -> datetime | None:
        """When the absence that covers `now` is over, or None."""
        last = self.away_until(now)
        return (
            None if last is None else datetime.combine(last + timedelta(days=1), time(), ZoneInfo(self.hours.time_zone))
        )


class Directory:
    """The people, by id, by e-mail and by name; and the people and channels that have a role."""

    def __init__(
        self, csms: tuple[Csm, ...] = (), office: Hours = OFFICE, roles: Mapping[str, str] | None = None
    ) -> None:
        self.office = office
        """Of whoever has set none, and of nobody."""
        self.csms = tuple(sorted(csms, key=lambda csm: csm.id))
        self._roles = roles or {}

    @cached_property
    def _by_name(self) -> Mapping[str, Csm]:
        named = Counter(_key(csm.name) for csm in self.csms)
        by_name = {_key(csm.name): csm for csm in self.csms if named[_key(csm.name)] == 1}
        by_email = {_key(csm.email): csm for csm in self.csms if csm.email}
        return by_name | by_email | {_key(csm.id): csm for csm in self.csms}

    def find(self, name: str) -> Csm | None:
        """Somebody by id, e-mail, `Name <e-mail>`, or a name that only one has; whatever the case and the blanks."""
        found = (self._by_name.get(one) for one in _names_in(name))
        return next((one for one in found if one is not None), None)

    def person(self, name: str) -> Csm:
        """Somebody by any of these; whoever is not in the directory is taken by their e-mail alone."""
        email = next((one for one in _names_in(name) if "@" in one), None)
        return self.find(name) or Csm(id=email or name, name=email or name, email=email, hours=self.office)

    def owner(self, name: str | None) -> Csm | None:
        """Whom an account names as its owner, if anybody here; in an empty directory, whoever has the e-mail."""
        if not name or not name.strip():
            return None
        return self.find(name) if self.csms else self.person(name)

    def role(self, name: str) -> Csm | str | None:
        """The person or the channel that has a role; None is nobody in particular."""
        said = self._roles.get(name) or (self._roles.get("ops") if name == "nps_owner" else None)
        return None if said is None else self.find(said) or said

    def roles_of(self, csm: Csm) -> list[str]:
        """The roles that somebody was given."""
        return [name for name, said in self._roles.items() if self.find(said) == csm]

    def managers(self, csm: Csm) -> Iterator[Csm]:
        """The manager, theirs, and so on."""
        seen = {csm.id}
        while (above := self.find(csm.manager or "")) is not None and above.id not in seen:
            seen.add(above.id)
            yield above
            csm = above

    def with_(self, tier: str | None, skill: str | None) -> tuple[Csm, ...]:
        """Everybody of a tier and with a skill, by id."""
        return tuple(
            csm for csm in self.csms if (tier is None or csm.tier == tier) and (skill is None or skill in csm.skills)
        )


def _key(name: str) -> str:
    """What of a name tells it from others: neither case nor blanks, nor how its accents are written."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


@lru_cache(maxsize=4096)
def _names_in(text: str) -> tuple[str, ...]:
    """What a text such as `Zoë Müller <zoe@example.com>` calls somebody, the surest first; as `_key` has it."""
    found = _ADDRESSED.fullmatch(text.strip())
    names = (text,) if found is None else (found[2], found[1].strip().strip("\"'"))
    return tuple(map(_key, names))
