"""What was found so, told as one list an owner a few seconds after the last of it."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode
from services.playbooks.core.library import Library
from services.playbooks.core.message import MOST_REASONS, reasons
from services.playbooks.core.standing import Standing, card
from shared.messages.actions import ActionRequested, Recipient
from shared.words import counted

_WAIT: Final = timedelta(seconds=5)
"""After the last of an import or a scorecard."""
_COLLECT: Final = timedelta(hours=1)
"""After the first that a changed playbook found: accounts meet it one by one."""
_MOST_LINES: Final = 100
"""How many found episodes one message lists; what is more comes in the next."""


class Finding(NamedTuple):
    """An episode that was found so; the fields are the table's."""

    import_id: str
    episode_id: str
    owner: str | None
    at: datetime


class Line(NamedTuple):
    """One line of a list: an episode that was found so, with how its account stands now."""

    episode: Episode
    playbook_name: str
    playbook_title: str
    why: list[str]
    stands: Standing


def lists_due(found_in: str, first: datetime, last: datetime) -> datetime:
    """When the lists of what was found from `first` to `last` are to be sent."""
    return first + _COLLECT if found_in.startswith("playbook ") else last + _WAIT


def lists(
    found: Iterable[tuple[str | None, Episode, Standing]], import_id: str, library: Library, directory: Directory
) -> list[ActionRequested]:
    """The lists, an owner each, of episodes that were found, each with its account's owner."""
    by_owner: dict[str | None, list[Line]] = {}
    for owner, episode, stands in found:
        playbook = library.of(episode.playbook, episode)
        if playbook is not None:
            why = reasons(playbook, episode, stands, fresh=False)[:2]
            to = directory.person(owner).id if owner else None
            by_owner.setdefault(to, []).append(Line(episode, playbook.name, playbook.title, why, stands))
    return [
        digest(lines[first : first + _MOST_LINES], import_id, directory.person(to).recipient if to else None)
        for to, lines in by_owner.items()
        for first in range(0, len(lines), _MOST_LINES)
    ]


def digest(found: Sequence[Line], import_id: str, to: Recipient | None) -> ActionRequested:
    """One list of what an import found, for one owner; the accounts worth most come first."""
    cards = {one.stands.account: card(one.stands) for one in found}
    lines = sorted(
        found, key=lambda one: (-(cards[one.stands.account].mrr_minor or 0), one.stands.account, one.episode.playbook)
    )
    number = f"{counted(len(cards), 'account')} {'needs' if len(cards) == 1 else 'need'}"
    where = _found_where(import_id)
    ids = "\x1f".join(sorted(one.episode.id for one in lines))
    return ActionRequested(
        action_id="act_" + hashlib.sha256(f"digest\x1f{import_id}\x1f{ids}".encode()).hexdigest()[:32],
        kind="digest",
        playbook=lines[0].playbook_name,
        playbook_title=f"Found {where}",
        episode_id=lines[0].episode.id,
        step=0,
        recipient=to,
        severity="medium",
        title=f"{number} a look, found {where}",
        why=[f"{cards[one.stands.account].name}: {one.playbook_title}" for one in lines[:MOST_REASONS]],
        do="Go through the list and start what you want to act on.",
        account=cards[lines[0].stands.account],
        found=[
            {
                "episode_id": one.episode.id,
                "account_id": one.stands.account,
                "account_name": cards[one.stands.account].name,
                "playbook_title": one.playbook_title,
                "why": "; ".join(one.why),
                "mrr_minor": cards[one.stands.account].mrr_minor,
                "currency": cards[one.stands.account].currency,
            }
            for one in lines
        ],
    )


def _found_where(found_in: str) -> str:
    kind, _, name = found_in.partition(" ")
    if kind in ("scorecard", "playbook") and name:
        return f"by the changed {kind} {name.partition('@')[0]}"
    return "in the imported history"
