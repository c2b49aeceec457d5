"""Who works with customers, and when; and who stands for which role."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from services.playbooks.core.strategy import Rule
from services.playbooks.core.workinghours import OFFICE, Duration, Hours
from shared.messages.actions import Recipient
from shared.messages.preferences import DIGEST, WEEKLY, Preferences

Role = Literal["last_resort", "ops", "nps_owner", "finance", "support", "lead", "sales"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
SLACK: Final = "slack:"
"""What stands before a Slack user's id where somebody is named by it."""
_MOST_COLLEAGUES: Final = 20
_ADDRESSED: Final = re.compile(r"(.*)<([^<>]+)>\s*")


class Absence(msgspec.Struct, frozen=True):
    """Away from the first day to the last, both included, in the person's own zone."""

    first: date
    last: date


class WhenAbsent(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the open work of who is away for longer, or gone: the rules are about that person."""

    after: Duration = Duration(business_days=2)
    """For how long somebody is away before their work moves; a shorter absence moves nothing."""
    urgent_after: Duration = Duration()
    """The same for what is high or critical."""
    when_away: tuple[Rule, ...] = (Rule("deputy"), Rule("manager"))
    when_gone: tuple[Rule, ...] = (Rule("deputy"), Rule("team"), Rule("manager"))


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
    """The id of whoever hears of tasks that are overdue; unset: the lead of their team."""
    deputy: str | None = None
    """The id of whoever stands in for them."""
    left: date | None = None
    """The day, in their own zone, from which on they are gone."""
    teams: tuple[str, ...] = ()
    """The ids of the teams that they are in."""
    daily: time | None = DIGEST
    """When their day is told, on days on which they work."""
    weekly: tuple[int, time] | None = WEEKLY
    """The day of the week, from Monday, 0, and when their week is told on it."""

    def with_preferences(self, set: Preferences) -> "Csm":
        """The same, as they want to hear."""
        hours = msgspec.structs.replace(self.hours, quiet=set.quiet, waits=set.waits, digest=set.digest)
        return msgspec.structs.replace(self, hours=hours, daily=set.daily, weekly=set.weekly)

    @property
    def recipient(self) -> Recipient:
        """As messages name them."""
        return Recipient(
            id=self.id,
            name=self.name,
            email=self.email,
            slack=self.slack,
            inbox=self.inbox,
            time_zone=self.hours.time_zone,
        )

    @property
    def is_reachable(self) -> bool:
        """Is there a channel that brings them anything?"""
        return bool(self.email or self.slack or self.inbox)

    def away_until(self, now: datetime) -> date | None:
        """The last day of the absence that covers `now`, or None; those that follow on one another are one."""
        today, last = self.day(now), None
        for absence in sorted(self.away, key=lambda one: one.first):
            if absence.first <= today <= absence.last:
                last, today = absence.last, absence.last + timedelta(days=1)
        return last

    def has_left(self, now: datetime) -> bool:
        """Are they gone by then?"""
        return self.left is not None and self.day(now) >= self.left

    def is_there(self, now: datetime) -> bool:
        """Is there somebody now whom a channel reaches?"""
        return self.is_reachable and not self.has_left(now) and self.away_until(now) is None

    def day(self, at: datetime) -> date:
        """What day an instant is of, where they are."""
        return at.astimezone(ZoneInfo(self.hours.time_zone)).date()

    def ends_day(self, now: datetime) -> datetime:
        """When the day ends, where they are."""
        return self.midnight(self.day(now) + timedelta(days=1))

    def next_away(self, now: datetime) -> Absence | None:
        """The next absence that is still to begin, if any."""
        today = self.day(now)
        return min((one for one in self.away if one.first > today), key=lambda one: one.first, default=None)

    def back_at(self, now: datetime) -> datetime | None:
        """When the absence that covers `now` is over, or None."""
        last = self.away_until(now)
        return None if last is None else self.midnight(last + timedelta(days=1))

    def midnight(self, day: date) -> datetime:
        """When a day begins, where they are."""
        return datetime.combine(day, time(), ZoneInfo(self.hours.time_zone))


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """People who work together."""

    id: str
    name: str
    lead: str | None = None
    """The id of whoever leads it: the manager of those in it who have no other."""


class Directory:
    """The people, by id, by e-mail and by name; their teams; and the people and channels that have a role."""

    def __init__(
        self,
        csms: tuple[Csm, ...] = (),
        office: Hours = OFFICE,
        roles: Mapping[str, str] | None = None,
        teams: tuple[Team, ...] = (),
        absence: WhenAbsent | None = None,
    ) -> None:
        self.office = office
        """Of whoever has set none, and of nobody."""
        self.csms = tuple(sorted(csms, key=lambda csm: csm.id))
        self.teams = {one.id: one for one in sorted(teams, key=lambda team: team.id)}
        self.absence = absence or WhenAbsent()
        """What becomes of the open work of who is away or gone."""
        self._roles = roles or {}
        self._pools: dict[tuple[str | None, str | None, str | None], tuple[Csm, ...]] = {}
        self._there: dict[str, Csm] = {}
        self._stand_ins: dict[str, list[Recipient]] = {}
        self._hour: datetime | None = None

    def with_preferences(self, set: Mapping[str, Preferences]) -> "Directory":
        """The same with what people have set, by how whoever set it called them; of several, the last counts."""
        known = {person.id: said for name, said in set.items() if (person := self.find(name)) is not None}
        if not known:
            return self
        csms = tuple(one.with_preferences(known[one.id]) if one.id in known else one for one in self.csms)
        return Directory(csms, self.office, self._roles, tuple(self.teams.values()), self.absence)

    @cached_property
    def digest(self) -> str:
        """Of everybody in it, and all that is known of them."""
        return hashlib.sha256(msgspec.msgpack.encode(self.csms, order="deterministic")).hexdigest()

    @cached_property
    def _by_name(self) -> Mapping[str, Csm]:
        named = Counter(_key(csm.name) for csm in self.csms)
        by_name = {_key(csm.name): csm for csm in self.csms if named[_key(csm.name)] == 1}
        by_email = {_key(csm.email): csm for csm in self.csms if csm.email}
        by_slack = {_key(SLACK + csm.slack): csm for csm in self.csms if csm.slack}
        return by_name | by_slack | by_email | {_key(csm.id): csm for csm in self.csms}

    def find(self, name: str) -> Csm | None:
        """Somebody by id, e-mail, `Name <e-mail>`, or a name that only one has; whatever the case and the blanks. As
        Slack knows them, too: `slack:U012AB3CD`, with or without their e-mail."""
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
        yield from self._chain(csm, lambda one: one.manager or self._lead(one))

    def deputies(self, csm: Csm) -> Iterator[Csm]:
        """Who stands in for somebody, who for them, and so on."""
        yield from self._chain(csm, lambda one: one.deputy)

    def teams_of(self, csm: Csm) -> list[Team]:
        """The teams that somebody is in or leads, by id."""
        return [team for team in self.teams.values() if team.id in csm.teams or csm.id == team.lead]

    def teammates(self, csm: Csm) -> tuple[Csm, ...]:
        """Everybody else who is in a team with them, by id."""
        mates = {one.id: one for team in csm.teams for one in self._in_team[team] if one.id != csm.id}
        return tuple(mates[id] for id in sorted(mates))

    @cached_property
    def _in_team(self) -> Mapping[str, list[Csm]]:
        found = defaultdict[str, list[Csm]](list)
        for csm in self.csms:
            for team in csm.teams:
                found[team].append(csm)
        return found

    def led_by(self, csm: Csm) -> tuple[Csm, ...]:
        """Everybody whose manager they are, or their manager's, and so on, by id."""
        return tuple(one for one in self.csms if any(above.id == csm.id for above in self.managers(one)))

    def with_(self, tier: str | None, skill: str | None, team: str | None = None) -> tuple[Csm, ...]:
        """Everybody of a tier, with a skill and in a team, by id. Playbooks ask for few, and for each action anew."""
        if (known := self._pools.get(asked := (tier, skill, team))) is None:
            known = self._pools[asked] = tuple(
                csm
                for csm in self.csms
                if (tier is None or csm.tier == tier)
                and (skill is None or skill in csm.skills)
                and (team is None or team in csm.teams)
            )
        return known

    def colleagues(self, whom: str, now: datetime) -> list[Csm]:
        """Some who are there in this hour besides somebody: their teammates and managers first, then others by id."""
        there, me = self._there_at(now), self.find(whom)
        near = (*self.teammates(me), *self.managers(me)) if me is not None else ()
        own, found = me.id if me is not None else whom, dict[str, Csm]()
        for one in chain((one for one in near if one.id in there), there.values()):
            if one.id != own:
                found[one.id] = one
            if len(found) == _MOST_COLLEAGUES:
                break
        return list(found.values())

    def stand_ins(self, whom: str, now: datetime) -> list[Recipient]:
        """Who hears of what doesn't reach somebody: the first above them who is there, and the last resort."""
        there = self._there_at(now)
        if (known := self._stand_ins.get(whom)) is None:
            me, last = self.find(whom), self.role("last_resort")
            above = (one for one in (self.managers(me) if me is not None else ()) if one.id in there)
            asked = (*islice(above, 1), *((last,) if isinstance(last, Csm) and last.id in there else ()))
            found = {one.id: one.recipient for one in asked if me is None or one.id != me.id}
            known = self._stand_ins[whom] = list(found.values())
        return known

    def _there_at(self, now: datetime) -> Mapping[str, Csm]:
        """Who is there in the hour of an instant, and can be reached, by id: it is found once an hour."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._stand_ins = hour, {}
            self._there = {one.id: one for one in self.csms if one.is_there(hour)}
        return self._there

    def _lead(self, csm: Csm) -> str | None:
        leads = (team.lead for team in self.teams.values() if team.id in csm.teams)
        return next((one for one in leads if one is not None and one != csm.id), None)

    def _chain(self, csm: Csm, to: Callable[[Csm], str | None]) -> Iterator[Csm]:
        seen = {csm.id}
        while (other := self.find(to(csm) or "")) is not None and other.id not in seen:
            seen.add(other.id)
            yield other
            csm = other


def _key(name: str) -> str:
    """What of a name tells it from others: neither case nor blanks, nor how its accents are written."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _is_there(csm: Csm, at: datetime) -> bool:
    return csm.is_reachable and not csm.has_left(at) and csm.away_until(at) is None


@lru_cache(maxsize=4096)
def _names_in(text: str) -> tuple[str, ...]:
    """What a text such as `Zoë Müller <zoe@example.com>` calls somebody, the surest first; as `_key` has it."""
    found = _ADDRESSED.fullmatch(text.strip())
    names = (text,) if found is None else (found[2], found[1].strip().strip("\"'"))
    return tuple(map(_key, names))
