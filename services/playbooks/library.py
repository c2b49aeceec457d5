"""The playbooks that are in force, and the older versions that open episodes stay with."""

import logging
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.loading import Loaded, load_playbook
from shared.conditions.loading import Refused

_LOG = logging.getLogger(__name__)

_KEEP = text(
    """
    INSERT INTO playbook_versions (playbook, version, source, seen_at)
    SELECT n.playbook, n.version, n.source, :now
    FROM unnest(CAST(:playbooks AS text[]), CAST(:versions AS text[]), CAST(:sources AS text[]))
        AS n(playbook, version, source)
    ORDER BY n.playbook ON CONFLICT DO NOTHING
    """
)
_SOURCE = text("SELECT source FROM playbook_versions WHERE playbook = :playbook AND version = :version")


class Library:
    """Playbooks by id and version. What was loaded once stays: there are few, and they never change."""

    def __init__(self, loaded: Sequence[Loaded]) -> None:
        self.loaded = tuple(loaded)
        self.current = {one.playbook.id: one.playbook for one in loaded}
        self.marks = [mark(one.playbook) for one in loaded]
        """What an account's standing remembers the playbooks by that looked at it."""
        self._versions: dict[tuple[str, str], Playbook | None] = {
            (one.playbook.id, one.playbook.version): one.playbook for one in loaded
        }

    async def keep(self, c: AsyncConnection, now: datetime) -> None:
        """Store the texts of the versions in force."""
        await c.execute(
            _KEEP,
            {
                "now": now,
                "playbooks": [one.playbook.id for one in self.loaded],
                "versions": [one.playbook.version for one in self.loaded],
                "sources": [one.source for one in self.loaded],
            },
        )

    async def fetch(self, c: AsyncConnection, episodes: Iterable[Episode]) -> None:
        """Load the versions that these episodes stay with and that are not known here yet."""
        wanted = {(one.playbook, one.version) for one in episodes if one.is_under_way} - self._versions.keys()
        for playbook, version in sorted(wanted):
            source = (await c.execute(_SOURCE, {"playbook": playbook, "version": version})).scalar_one_or_none()
            self._versions[playbook, version] = _read(source, f"{playbook}@{version}")

    def of(self, playbook: str, episode: Episode | None) -> Playbook | None:
        """What decides about an episode: its own version while it is under way, else the one in force, if any."""
        current = self.current.get(playbook)
        if episode is None or not episode.is_under_way:
            return current
        return self._versions.get((playbook, episode.version)) or current


def mark(playbook: Playbook) -> int:
    """A playbook's version as a small number."""
    return zlib.crc32(playbook.name.encode())


def _read(source: str | None, name: str) -> Playbook | None:
    if source is None:
        return None
    try:
        return load_playbook(source, name).playbook
    except Refused as error:
        _LOG.warning("An old version can't be read any more; its episodes go on with the one in force: %s", error)
        return None
