"""When and how somebody wants to hear: their digests, their quiet hours, their channel."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from shared.messages.actions import SEVERITIES, Severity

DIGEST: Final = time(8, 30)
"""When a digest comes, and what waits with it, until somebody says otherwise."""
WEEKLY: Final = (0, DIGEST)
"""On Monday."""
_DAY: Final = timedelta(days=1)


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of each day, in somebody's own zone, in which nothing disturbs them but what weighs enough."""

    start: time
    end: time
    """Before `start` it is one of the next day."""
    unless: Severity = "critical"
    """This and what is worse comes all the same."""

    def holds(self, severity: Severity) -> bool:
        """Does it keep a message of this severity back?"""
        return SEVERITIES.index(severity) < SEVERITIES.index(self.unless)

    def covers(self, clock: time) -> bool:
        """Is that time of day quiet?"""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def free_at(self, at: datetime, time_zone: str) -> datetime:
        """The first instant at `at` or after it that is not quiet."""
        zone = ZoneInfo(time_zone)
        if not self._is_quiet(at, zone):
            return at
        # What a change of clocks skips has no instant, and what it repeats has two.
        return next((one for one in self._ends(at, zone) if one >= at and not self._is_quiet(one, zone)), at)

    def _is_quiet(self, at: datetime, zone: ZoneInfo) -> bool:
        return self.covers(at.astimezone(zone).time())

    def _ends(self, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        for offset in range(3):
            day = at.astimezone(zone).date() + offset * _DAY
            for fold in (0, 1):
                yield datetime.combine(day, self.end.replace(fold=fold), zone).astimezone(UTC)


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has set; what they have not is as it is for all."""

    daily: time | None = DIGEST
    """When their day is told; None is never."""
    weekly: tuple[int, time] | None = WEEKLY
    """The day of the week, from Monday, 0, and when their week is told; None is never."""
    quiet: Quiet | None = None
    channel: str | None = None
    """Where they hear of what names no channel: `slack:@owner`, `email` or `inbox`."""
    waits: Severity | None = "medium"
    """This and what is milder waits for the digest; None is nothing."""

    @property
    def digest(self) -> time:
        """When what waits comes, with the digest if there is one."""
        return self.daily or DIGEST

    @property
    def in_quiet_hours(self) -> Mapping[str, time]:
        """What would come in the quiet hours, and when: `daily`, the day and what waits for it, and `weekly`."""
        hours = {"daily": self.digest} | ({"weekly": self.weekly[1]} if self.weekly is not None else {})
        return {name: at for name, at in hours.items() if self.quiet is not None and self.quiet.covers(at)}


class PreferencesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's preferences are these now. Told about `$company`, in the order in which they were set."""

    person: str
    """As whoever set them called them: an id, or an e-mail address."""
    preferences: Preferences
    at: datetime


BUTTON: Final = "preferences"
"""The `action_id` of the button that asks for them, and what its form is known by."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What that button carries, and its form: all that whoever shows the form knows."""

    person: str
    """Whose they are, by the id."""
    preferences: Preferences
    """What they have set."""

    def encode(self) -> str:
        """As a button's value."""
        return msgspec.json.encode(self).decode()


def read_asked(value: str) -> Asked:
    """What that button carried. Raises `msgspec.DecodeError` where it is none of ours."""
    return msgspec.json.decode(value, type=Asked)


class PreferencesWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody sent the form: ingest tells playbooks, who know whether it is their own. Told about `$company`."""

    response_id: str
    """What tells one form from another, however often it comes."""
    person: str
    """Whose they are."""
    actor: str
    """Who sent it, as Slack knows them."""
    preferences: Preferences
    at: datetime


class PreferencesChosen(msgspec.Struct, frozen=True, kw_only=True):
    """It was their own: playbooks tell the notifier, which keeps it. Told about `$company`."""

    person: str
    preferences: Preferences
    actor: str
    """By the id."""
    at: datetime
    """When they sent it. What was set after that stays."""
