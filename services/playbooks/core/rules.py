"""What decides: playbooks, the older versions that open episodes stay with, people, and how texts are filled in."""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook, Render
from services.playbooks.core.subscribed import NOTHING, Subscribed
from services.playbooks.core.workinghours import Hours
from shared.conditions import Declared, Problem


class Entry(NamedTuple):
    """A playbook and the text that it was read from, kept for the episodes that stay with it."""

    playbook: Playbook
    source: str
    warnings: tuple[Problem, ...] = ()
    """What merely looks wrong in it."""


class Pause(NamedTuple):
    """A pause of a playbook: it fires nothing. Kept when it has ended, as accounts meet the playbook anew then."""

    playbook: str
    since: datetime
    until: datetime | None
    reason: str
    actor: str
    ended_at: datetime | None = None

    @property
    def mark(self) -> str:
        """What tells a playbook under this pause, and after it, from itself before."""
        return f"paused {self.since.isoformat()}" if self.ended_at is None else f"resumed {self.ended_at.isoformat()}"


class Library:
    """Playbooks by id and version. What was loaded once stays: there are few, and they never change."""

    def __init__(self, loaded: Iterable[Entry], pauses: Iterable[Pause] = ()) -> None:
        self.loaded = tuple(loaded)
        self.pauses = {one.playbook: one for one in pauses}
        """The latest of each playbook, those that have ended, too."""
        self.paused = {id: one for id, one in self.pauses.items() if one.ended_at is None}
        self.paused_because = {id: one.reason for id, one in self.paused.items()}
        self.every = {one.playbook.id: one.playbook for one in self.loaded}
        self.current = {id: one for id, one in self.every.items() if not one.off}
        """Those that decide."""
        self.checksums = {id: zlib.crc32(name.encode()) for id, name in self._named().items()}
        """Each as a small number: what an account's standing remembers it by."""
        self.closers = frozenset(name for name, playbook in self.current.items() if playbook.closes)
        self.offering = frozenset(
            name for name, playbook in self.current.items() if any(one.kind == "flag" for one in playbook.steps)
        )
        self.digest = hashlib.sha256("\n".join(sorted(self._named().values())).encode()).hexdigest()
        """Of which versions are in force: what a partition remembers them by."""
        texts = ((one.playbook.id, one.playbook.version, one.source) for one in self.loaded)
        self.texts = hashlib.sha256(msgspec.json.encode(list(texts))).hexdigest()
        """Of the texts themselves."""
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        """By fact: the playbooks that it may open an episode of. By type of event, those that wait for it."""
        for playbook in self.current.values():
            for name in playbook.read if playbook.on_event is None else (playbook.on_event,):
                self._readers[name].add(playbook.id)
        self._versions: dict[tuple[str, str], Playbook | None] = {
            (one.playbook.id, one.playbook.version): one.playbook for one in self.loaded
        }

    def _named(self) -> dict[str, str]:
        """Each that decides by its version, and by its pause."""
        marks = {id: f" {one.mark}" for id, one in self.pauses.items()}
        return {id: one.name + marks.get(id, "") for id, one in self.current.items()}

    def concerned(self, names: Iterable[str]) -> set[str]:
        """The playbooks to which a change of these facts, or an event of this type, may matter."""
        return set().union(*(self._readers[name] for name in names if name in self._readers))

    def may_move(self, episode: Episode, names: Collection[str]) -> bool:
        """May a change of these facts move an open episode? What is of a version not in force is always looked at."""
        own = self.of(episode.playbook, episode)
        if own is None or own is not self.current.get(episode.playbook) or own.follows is None:
            return True
        return not own.follows.isdisjoint(names)

    def missing(self, episodes: Iterable[Episode]) -> list[tuple[str, str]]:
        """The versions, by id and version, that these episodes stay with and that are not known here yet."""
        return sorted({(one.playbook, one.version) for one in episodes if one.is_under_way} - self._versions.keys())

    def add(self, playbook: str, version: str, text: Playbook | None) -> None:
        """Remember an older version; None is one that can't be read any more: the one in force stands in for it."""
        self._versions[playbook, version] = text

    def named(self, versions: Collection[tuple[str, str]]) -> list[Entry]:
        """Those in force that are among these, by id and version."""
        return [one for one in self.loaded if (one.playbook.id, one.playbook.version) in versions]

    def of(self, playbook: str, episode: Episode | None) -> Playbook | None:
        """What decides about an episode: its own version while it is under way, else the one in force, if any."""
        current = self.current.get(playbook)
        if episode is None or not episode.is_under_way:
            return current
        return self._versions.get((playbook, episode.version)) or current


class Rules(NamedTuple):
    """What decides: the playbooks, the people, and how texts are filled in; and what the catalogue declares, and other
    systems want to be told."""

    library: Library
    directory: Directory
    render: Render
    declared: Declared = Declared()
    subscribed: Subscribed = NOTHING

    @property
    def kept(self) -> str:
        """Of what is kept for the day on which it is not in force any more: the texts, and who there is."""
        return f"{self.library.texts} {self.directory.digest}"

    @property
    def business(self) -> Hours:
        """The installation's business days: the directory's zone and holidays, the catalogue's week and closed days."""
        office, closed = self.directory.office, self.declared.closed
        days = self.declared.working_days or office.days
        if not closed and days == office.days:
            return office
        return msgspec.structs.replace(office, days=days, holidays=frozenset((*office.holidays, *closed)))


RulesInForce = Callable[[], Rules]
"""Gives what decides at the moment: the catalogue may be another the next time."""
