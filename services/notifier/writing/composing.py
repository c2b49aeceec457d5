"""Fills templates in: what a letter says to one person, in their language."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.notifier.core.contacts import Cells
from services.notifier.core.footers import FOOTERS
from services.notifier.core.letters import facts_of, language_of, message_of, name_of, sender_of
from services.notifier.core.message import Letter, Message
from services.notifier.core.routing import CONTACT
from services.notifier.files import TemplateFile, Templates
from services.notifier.store.told import compose_rows, decode
from shared.files.sandbox import Unwritable
from shared.messages.actions import ActionRequested
from shared.words import clean, closest


class Composer:
    """What deliveries say, those to customers' people by the templates in force."""

    def __init__(self, templates: Callable[[], Templates]) -> None:
        self._templates = templates

    def why_not(self, action: ActionRequested) -> str | None:
        """Why an action's letters can't be written at all; None where there is such a template."""
        card = action.message
        if card is None:
            return "it names no template"
        return None if card.template in self._templates() else f"there is no template {clean(card.template, 80)!r}"

    def letter(self, rows: Sequence[Any], now: datetime) -> Message:
        """What a letter says. Raises `Unwritable` with the reason."""
        (row,) = rows
        action = decode(row.action)
        card = action.message
        if (why := self.why_not(action)) is not None or card is None:
            raise Unwritable(why)
        is_to_contact = row.kind == action.kind
        return write(self._templates()[card.template], action, row.contact, row.target if is_to_contact else "", now)

    def __call__(self, rows: Sequence[Any], now: datetime) -> Message:
        """What any deliveries say that go as one; a letter that can't be written, what was asked for."""
        if rows[0].transport == CONTACT:
            try:
                return self.letter(rows, now)
            except Unwritable:
                pass
        return compose_rows(rows, now)


def write(
    template: TemplateFile,
    action: ActionRequested,
    cells: Cells | None,
    contact_id: str,
    now: datetime,
    language: str | None = None,
) -> Message:
    """What somebody reads; in their own language, unless one is given; without an id it is a test. Raises
    `Unwritable` with the reason."""
    card = action.message
    assert card is not None
    sender = card.sender
    chosen = language or template.language_for(language_of(card, cells))
    said = template.written(chosen, facts_of(card, cells), now, sender.time_zone if sender is not None else "UTC")
    letter = Letter(
        template=template.id,
        language=said.language,
        paragraphs=said.paragraphs,
        to=(name_of(cells) or "") if cells is not None else "",
        sender=sender_of(card),
        reply_to=(sender.email or "") if sender is not None else "",
        account_id=action.account.id,
        contact_id=contact_id,
        kind=card.consent,
    )
    marked = f"[{FOOTERS[closest(said.language, FOOTERS, 'en')].test}] " if letter.is_test else ""
    return message_of(action, marked + said.subject, letter)
