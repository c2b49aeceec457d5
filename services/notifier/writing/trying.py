"""Trying a template: what somebody would read, and a letter to one's own address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import desc, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import TEST
from services.notifier.core.contacts import Cells, text_of
from services.notifier.core.grouping import ALONE
from services.notifier.core.letters import LANGUAGE
from services.notifier.core.message import Message
from services.notifier.core.routing import CONTACT
from services.notifier.files import TemplateFile
from services.notifier.store.told import decode
from services.notifier.writing.composing import write
from shared.files.sandbox import Unwritable
from shared.messages.actions import AccountCard, ActionRequested, ContactCard
from shared.messages.registry import COMPANY
from shared.pg import bulk

SERVICE: Final = "service"
_d = t.deliveries.c
_ADD: Final = bulk.Insert(
    t.deliveries,
    ("id", "action_id", "group_key", "target", "action"),
    same=(
        *("account_id", "partition", "kind", "playbook", "recipient", "transport", "shared", "because"),
        *("state", "due_at", "created_at"),
    ),
)


class Reader(NamedTuple):
    """For whom a template is tried; nobody, where nothing is known."""

    account: AccountCard | None = None
    contact_id: str = ""
    cells: Cells | None = None
    facts: Mapping[str, Any] = {}


_NOBODY: Final = Reader()


async def account_of(c: AsyncConnection, account: str) -> tuple[AccountCard, Mapping[str, Any]]:
    """An account as it was told of last, and with which facts, where one of its people was written to then."""
    asked = select(_d.action).where(_d.account_id == account).order_by(desc(_d.created_at)).limit(1)
    found = (await c.execute(asked)).scalar_one_or_none()
    if found is None:
        return AccountCard(id=account, name=account), {}
    action = decode(found)
    return action.account, action.message.facts if action.message is not None else {}


def asked_for(
    template: TemplateFile, id: str, reader: Reader = _NOBODY, language: str | None = None
) -> ActionRequested:
    """What a playbook would ask for, with facts of somebody who doesn't exist as far as no others are known."""
    facts = {**template.sample_facts(), **reader.facts}
    account = reader.account or AccountCard(id=COMPANY, name=COMPANY)
    if reader.account is not None:
        facts |= {"account.id": account.id, "account.name": account.name}
    if language is not None:
        facts[LANGUAGE] = language
    card = ContactCard(
        template=template.id, roles=[], consent=SERVICE, contact_id=reader.contact_id or None, facts=facts
    )
    return ActionRequested(
        action_id=id,
        kind="message",
        playbook="",
        playbook_title="",
        episode_id="",
        step=0,
        title=f"try the template {template.id}",
        account=account,
        message=card,
    )


def language_of(reader: Reader) -> str | None:
    """The language that they read, as it was told."""
    return text_of(reader.cells or {}, "language")


def previews(template: TemplateFile, reader: Reader, now: datetime, language: str | None) -> dict[str, Message | str]:
    """By language what somebody would read, or why it can't be written."""
    asked = asked_for(template, f"preview-{template.id}", reader)
    found = dict[str, Message | str]()
    for one in template.languages if language is None else [template.language_for(language)]:
        try:
            found[one] = write(template, asked, reader.cells, reader.contact_id or "preview", now, one)
        except Unwritable as error:
            found[one] = str(error)
    return found


async def send_test(
    c: AsyncConnection, template: TemplateFile, to: str, language: str | None, id: str, now: datetime
) -> None:
    """Write down a letter to one address, marked as a test. It is sent, kept and shown as any other; nobody's week is
    used up by it, and its link to unsubscribe does nothing."""
    action = asked_for(template, f"{id}-asked", language=language)
    same: dict[str, Any] = {"partition": 0, "kind": TEST, "playbook": "", "recipient": "", "transport": CONTACT}
    because = f"a test of the template {template.id}"
    row = (id, action.action_id, f"{ALONE}{id}", to, msgspec.json.encode(action))
    same |= {"account_id": COMPANY, "shared": False, "because": because, "state": "waiting"}
    await _ADD(c, [row], **same, due_at=now, created_at=now)
