"""What people did, as it stands on the account's timeline: the talks that they had, and what came of work.

Scoring folds these as it does anybody's events, and no playbook fires on them: they are ours.
"""

from datetime import datetime
from typing import Final

from services.playbooks.core.commands import Command
from services.playbooks.core.item import Item
from services.playbooks.core.work import Work
from shared.messages.accounts import InteractionLogged, NoteAdded
from shared.words import monthly

_CAME_OF: Final = {
    "no_result": "Tried without result",
    "false_alarm": "False alarm",
    "won": "Won",
    "lost": "Not won",
}
"""What is noted when somebody says so of a task or a flag."""


def note_closed(work: Work, item: Item, command: Command, actor: str, now: datetime) -> None:
    """Note what came of a task or flag that somebody closed. Only what was done was a talk: what was tried in vain, and
    what was no matter, leaves the customer as long unheard as before."""
    if item.kind == "task" and item.state == "done" and command.interaction != "none":
        talk = InteractionLogged(
            kind=command.interaction or "other",
            contact_id=command.contact_id or item.request.contact_id,
            note=". ".join(filter(None, (item.request.title, command.note)))[:8192],
            author=_author(work, actor),
        )
        # Closed, opened again and closed, it was one talk.
        work.changes.log(talk, f"{item.id}-done", item.account_id, now)
    elif item.kind != "alert" and item.state in _CAME_OF:
        note(work, item.account_id, _words(item, command), f"{item.id}-{item.state}", actor, now)


def note(work: Work, account: str, text: str, id: str, actor: str, now: datetime) -> None:
    """Write a sentence on the account's timeline, as somebody's."""
    work.changes.log(NoteAdded(text=text[:8192], author=_author(work, actor)), id, account, now)


def _author(work: Work, actor: str) -> str:
    """Who says it, by name."""
    person = work.rules.directory.find(actor)
    return (person.name if person is not None else actor)[:256]


def _words(item: Item, command: Command) -> str:
    worth = monthly(item.amount_minor, item.currency) if item.state == "won" and item.amount_minor else ""
    said = f"{_CAME_OF[item.state]}: {item.request.title}"
    return ". ".join(filter(None, (f"{said}, {worth}" if worth else said, command.note)))
