"""What was told and has moved since is brought up to date where it was told."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from services.notifier.core.composing import zone_of
from services.notifier.core.standing import Standing, as_it_stands
from shared.messages.actions import ActionRequested, ItemChanged
from shared.words import clock_time

UPDATE: Final = "update"
"""The kind of a delivery that changes a message that was sent: one for each such message."""
WORD: Final = "word"
"""The kind of one that tells whoever clicked why it can't be done: of nothing that playbooks asked for."""
TEST: Final = "test"
"""The kind of a letter that somebody sends to see how a template reads."""
OURS: Final = (UPDATE, WORD, TEST)
"""What comes of messages, or of trying them, and is told to nobody else."""
UPDATES: Final = "update|"
"""Begins the group of an update: each goes by itself."""


WORD_HOLDS: Final = timedelta(minutes=30)
"""For so long Slack takes a word back, and whoever clicked may wait for it."""


class Answers(msgspec.Struct, frozen=True):
    """What one answers: a click, and where Slack takes a word back for it."""

    response_url: str | None


class Amends(msgspec.Struct, frozen=True):
    """The message that one brings up to date: the id that it was sent under, and what its channel gave as receipt."""

    message_id: str
    receipt: str


def amended(told: ActionRequested, changed: ItemChanged, since: datetime) -> ActionRequested:
    """What was told by mail, as it reads in answer to that now that it is over since then."""
    over = Standing(state="closed", at=since, over_since=since)
    when = clock_time(since, zone_of(told.recipient))
    why = [f"was so, and is over since {when}: {changed.words}", *told.why]
    return msgspec.structs.replace(as_it_stands(told, over), why=why, caused_at=None, item_id="")


def amending_id(delivery: str) -> str:
    """The same for the same delivery: what is over is told once."""
    return _id("o", "over", delivery)


def update_id(message: str) -> str:
    """The same for the same message, however often it changes: so no two updates of it are on their way at once."""
    return _id("u", "update", message)


def word_id(event: str) -> str:
    """The same for the same refusal."""
    return _id("w", "word", event)


def _id(letter: str, what: str, of: str) -> str:
    return f"dlv_{letter}" + sha256(f"{what}\x1f{of}".encode()).hexdigest()[:27]
