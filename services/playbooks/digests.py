"""What an import found: collected as it is found, and told as one list an owner a few seconds after the last of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode
from services.playbooks.core.message import Found, digest, reasons
from services.playbooks.core.standing import Standing
from services.playbooks.library import Library
from shared.messages.actions import ActionRequested

KEY: Final = "digest:"
"""The timer of an import's lists is `digest:IMPORT`, in every partition that found something."""
_WAIT: Final = timedelta(seconds=5)
"""After the last of an import or a scorecard."""
_COLLECT: Final = timedelta(hours=1)
"""After the first that a changed playbook found: accounts meet it one by one."""
_MOST_LINES: Final = 100
"""How many found episodes one message lists; what is more comes in the next."""


class FoundRow(NamedTuple):
    """An episode that was found so."""

    import_id: str
    episode_id: str
    owner: str | None
    at: datetime


_ADD = text(
    """
    INSERT INTO found (import_id, episode_id, owner, at)
    SELECT * FROM unnest(CAST(:imports AS text[]), CAST(:episodes AS text[]), CAST(:owners AS text[]),
        CAST(:ats AS timestamptz[]))
    ON CONFLICT DO NOTHING
    """
)
# Owners' accounts lie in all partitions: the first partition whose timer finds that nothing more came sends for all.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('keepwell playbooks digest ' || :import_id))")
_SPAN = text("SELECT min(at) AS first, max(at) AS last FROM found WHERE import_id = :import_id AND sent_in IS NULL")
_UNSENT = text(
    """
    SELECT f.owner, e.body::text AS body, a.standing
    FROM found f JOIN episodes e ON e.id = f.episode_id JOIN accounts a ON a.account_id = e.account_id
    WHERE f.import_id = :import_id AND f.sent_in IS NULL AND e.state = 'found'
    ORDER BY f.owner, e.account_id, e.playbook
    """
)
_SENT = text("UPDATE found SET sent_in = :sent WHERE import_id = :import_id AND sent_in IS NULL")

_episodes = msgspec.json.Decoder(Episode)
_standings = msgspec.msgpack.Decoder(Standing)


def due(found_in: str, first: datetime, last: datetime) -> datetime:
    """When the lists of what was found from `first` to `last` are to be sent."""
    return first + _COLLECT if found_in.startswith("playbook ") else last + _WAIT


async def add(c: AsyncConnection, rows: Sequence[FoundRow]) -> None:
    """Collect what was found."""
    if rows:
        columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
        await c.execute(_ADD, dict(zip(("imports", "episodes", "owners", "ats"), columns, strict=True)))


async def send(
    c: AsyncConnection, import_id: str, now: datetime, library: Library, directory: Directory
) -> tuple[list[ActionRequested], datetime | None]:
    """The lists that are due, and when to look again because something was found since."""
    await c.execute(_LOCK, {"import_id": import_id})
    span = (await c.execute(_SPAN, {"import_id": import_id})).one()
    if span.last is None:
        return [], None
    wanted = due(import_id, span.first, span.last)
    if wanted > now:
        return [], wanted
    by_owner: dict[str | None, list[Found]] = {}
    for row in await c.execute(_UNSENT, {"import_id": import_id}):
        episode, stands = _episodes.decode(row.body), _standings.decode(row.standing)
        playbook = library.of(episode.playbook, episode)
        if playbook is not None:
            why = reasons(playbook, episode, stands, fresh=False)[:2]
            found = Found(
                episode=episode, playbook_name=playbook.name, playbook_title=playbook.title, why=why, stands=stands
            )
            to = directory.person(row.owner).id if row.owner else None
            by_owner.setdefault(to, []).append(found)
    await c.execute(_SENT, {"import_id": import_id, "sent": now.isoformat()})
    return list(_messages(by_owner, import_id, directory)), None


def _messages(
    by_owner: dict[str | None, list[Found]], import_id: str, directory: Directory
) -> Iterable[ActionRequested]:
    for owner, found in by_owner.items():
        to = directory.person(owner).recipient if owner else None
        for first in range(0, len(found), _MOST_LINES):
            yield digest(found[first : first + _MOST_LINES], import_id, to)
