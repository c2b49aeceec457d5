"""The latest episode of each playbook at the accounts at hand, found by account and by id, and kept as it moves."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.changes import Changes
from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.item import Item
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Library

_MAY_WAIT: Final = timedelta(days=14)
"""What was asked for longer ago has been delivered, or never will be."""


class Ending(NamedTuple):
    """Why an episode has ended, or everything of an account."""

    account: str
    at: datetime
    reason: str
    actor: str
    departed: bool = False
    """The customer left: flags end, too."""
    is_news: bool = True
    """Who was told has not heard of it, and may: no person said so, no `on_exit` tells, the account wasn't erased."""


class Episodes:
    """What changes is written to the changes, too."""

    def __init__(self, known: Iterable[Episode], library: Library, changes: Changes) -> None:
        self._library, self._changes = library, changes
        self._latest: defaultdict[str, dict[tuple[str, str], Episode]] = defaultdict(dict)
        self._by_id: dict[str, Episode] = {}
        for one in known:
            self._put(one)

    def at(self, account: str) -> dict[tuple[str, str], Episode]:
        """Those of an account, by playbook and subject."""
        return self._latest[account]

    def find(self, id: str) -> Episode | None:
        """One by its id; None when a later one of its playbook has taken its place."""
        return self._by_id.get(id)

    def keep(self, stepped: StepResult) -> None:
        """Write the episode, if anything changed, and its moves."""
        episode = stepped.episode
        if episode is None:
            return
        if self._latest[episode.account].get((episode.playbook, episode.subject)) != episode:
            self._put(episode)
            self._changes.episodes[episode.id] = episode
        self._changes.moves += stepped.moves

    def call_back(self, episode: Episode, reason: str, now: datetime) -> None:
        """Cancel what it asked to be sent, where that still waits."""
        self._changes.call_back(episode.account, episode.sent, reason, now)

    def rename_task(self, id: str, before: str, after: str) -> None:
        """Note that a task of an episode goes on as another one."""
        if (known := self.find(id)) is not None:
            tasks = tuple(msgspec.structs.replace(t, id=after) if t.id == before else t for t in known.tasks)
            self.keep(StepResult(episode=msgspec.structs.replace(known, tasks=tasks)))

    def behind(self, item: Item) -> list[Episode]:
        """Those that feed an item, and the one that asked for it first of all."""
        return self._found((item.episode_id, *item.feeders))

    def fed_by(self, item: Item) -> list[tuple[Playbook, Episode]]:
        """Those that feed an item, with their playbooks; the one that its request is of first."""
        known = self._found((item.request.episode_id, *item.feeders))
        return [(playbook, one) for one in known if (playbook := self._library.of(one.playbook, one)) is not None]

    def may_wait(self, episode: Episode, now: datetime) -> bool:
        """May something that it asked for still wait to be sent, an offer after its end, too?"""
        asks = episode.state == "active" or episode.playbook in self._library.offering
        return asks and episode.fired_at is not None and now - episode.fired_at < _MAY_WAIT

    def may_go_on(self, episode: Episode, now: datetime) -> bool:
        """Is it open, or may what it offered be taken back, and it goes on?"""
        return episode.is_open or self.may_wait(episode, now)

    def is_of_event(self, episode: Episode) -> bool:
        """Is its playbook about events?"""
        playbook = self._library.of(episode.playbook, episode)
        return playbook is not None and playbook.on_event is not None

    def _found(self, ids: Iterable[str]) -> list[Episode]:
        return [one for id in dict.fromkeys(ids) if (one := self.find(id)) is not None]

    def _put(self, episode: Episode) -> None:
        latest, key = self._latest[episode.account], (episode.playbook, episode.subject)
        if key in latest:
            self._by_id.pop(latest[key].id, None)
        latest[key] = self._by_id[episode.id] = episode
