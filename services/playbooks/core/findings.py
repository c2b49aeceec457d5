"""What was found so, and the lists of it that owners get."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.reasons import MOST_REASONS, reasons
from services.playbooks.core.rules import Library
from services.playbooks.core.standing import Standing, card
from services.playbooks.core.workinghours import bring_at
from shared.messages.actions import AccountCard, ActionRequested, Recipient
from shared.words import counted

_WAIT: Final = timedelta(seconds=5)
"""After the last of an import or a scorecard."""
_COLLECT: Final = timedelta(hours=1)
"""After the first that a changed playbook found: accounts meet it one by one."""
_OF_PLAYBOOKS: Final = "playbooks"
_OF_MUTE: Final = "mute of "
_IN_HISTORY: Final = "in the imported history"
MOST_LINES: Final = 100
"""How many found episodes one message lists; what is more comes in the next."""


class Finding(NamedTuple):
    """An episode that was found so; the table's columns are made of these fields."""

    import_id: str
    episode_id: str
    owner: str | None
    at: datetime


class Line(NamedTuple):
    """One line of a list: an episode that was found so, with how its account stands now."""

    episode: Episode
    playbook: Playbook
    why: list[str]
    account: AccountCard


def list_of(found_in: str) -> str:
    """On which list it comes: what changed playbooks found, whichever they are, is one."""
    return _OF_PLAYBOOKS if found_in.startswith("playbook ") else found_in


def lists_due(import_id: str, first: datetime, last: datetime) -> datetime:
    """When the lists of what was found from `first` to `last` are to be sent."""
    return first + _COLLECT if import_id == _OF_PLAYBOOKS else last + _WAIT


def lists(
    found: Iterable[tuple[str | None, Episode, Standing]],
    import_id: str,
    library: Library,
    directory: Directory,
    at: datetime,
) -> list[ActionRequested]:
    """The lists, an owner each, of episodes that were found, each with its account's owner: within their hours."""
    by_owner: dict[str | None, list[Line]] = {}
    for owner, episode, stands in found:
        playbook = library.of(episode.playbook, episode)
        if playbook is not None:
            why = reasons(playbook, episode, stands, fresh=False)[:2]
            owned_by = directory.owner(owner)
            to = owned_by.id if owned_by is not None else None
            by_owner.setdefault(to, []).append(Line(episode, playbook, why, card(stands)))
    told = []
    for to, lines in by_owner.items():
        person = directory.person(to) if to else None
        goes = bring_at(person.hours if person is not None else directory.office, "high", at)
        for first in range(0, len(lines), MOST_LINES):
            one = digest(lines[first : first + MOST_LINES], import_id, person.recipient if person else None)
            told.append(msgspec.structs.replace(one, not_before=goes if goes > at else None))
    return told


def digest(found: Sequence[Line], import_id: str, to: Recipient | None) -> ActionRequested:
    """One list of what an import found, for one owner; the accounts worth most come first."""
    lines = sorted(found, key=lambda one: (-(one.account.mrr_minor or 0), one.account.id, one.episode.playbook))
    accounts = len({one.account.id for one in lines})
    number = f"{counted(accounts, 'account')} {'needs' if accounts == 1 else 'need'}"
    where = _found_where(import_id, sorted({one.playbook.id for one in lines}))
    ids = "\x1f".join(sorted(one.episode.id for one in lines))
    return ActionRequested(
        action_id="act_" + hashlib.sha256(f"digest\x1f{import_id}\x1f{ids}".encode()).hexdigest()[:32],
        kind="digest",
        playbook=lines[0].playbook.name,
        playbook_title=f"Found {where}",
        episode_id=lines[0].episode.id,
        step=0,
        recipient=to,
        severity="medium",
        title=f"{number} a look, found {where}",
        why=[f"{one.account.name}: {one.playbook.title}" for one in lines[:MOST_REASONS]],
        do="Go through the list and start what you want to act on.",
        account=lines[0].account,
        found=[
            {
                "episode_id": one.episode.id,
                "account_id": one.account.id,
                "account_name": one.account.name,
                "playbook_title": one.playbook.title,
                "why": "; ".join(one.why),
                "mrr_minor": one.account.mrr_minor,
                "currency": one.account.currency,
            }
            for one in lines
        ],
    )


def _found_where(import_id: str, playbooks: Sequence[str]) -> str:
    if import_id == _OF_PLAYBOOKS:
        only = f"the new or changed playbook {playbooks[0]}"
        return f"by {only if len(playbooks) == 1 else f'{len(playbooks)} new or changed playbooks'}"
    if import_id.startswith(_OF_MUTE):
        return f"when {import_id.removeprefix(_OF_MUTE)} was no longer muted"
    kind, _, name = import_id.partition(" ")
    return f"by the changed {kind} {name.partition('@')[0]}" if kind == "scorecard" and name else _IN_HISTORY
