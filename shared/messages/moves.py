"""What a reader can do with a task, an alert or a flag where its message is read, and what a button carries."""

from collections.abc import Mapping
from typing import Final

import msgspec

from shared.messages.actions import Colleague, Kind

LABELS: Final[Mapping[str, str]] = {
    "take": "Take it",
    "done": "Done …",
    "acknowledge": "Seen, I'm on it",
    "accept": "Accept",
    "snooze": "Snooze …",
    "reassign": "Give to …",
    "close": "Close",
    "dismiss": "Dismiss",
    "false_alarm": "False alarm …",
}
"""What a button or link says for each move; an ellipsis, where it asks for more first."""
OFFERED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("task", "open"): ("take", "done", "snooze", "reassign", "false_alarm"),
    ("task", "taken"): ("done", "snooze", "reassign", "false_alarm"),
    ("task", "snoozed"): ("take", "done", "snooze", "reassign", "false_alarm"),
    ("alert", "open"): ("acknowledge", "snooze", "close", "reassign", "false_alarm"),
    ("alert", "acknowledged"): ("snooze", "close", "reassign", "false_alarm"),
    ("alert", "snoozed"): ("acknowledge", "snooze", "close", "reassign", "false_alarm"),
    ("flag", "open"): ("accept", "dismiss"),
    ("flag", "accepted"): ("dismiss",),
}
"""By kind and state; nothing can be done about what is closed. Of an alert with a task it is the task that moves."""
LONGEST_VALUE: Final = 2_000
"""Slack takes no more characters as a button's value."""


class Handle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a button or link is about: all that whoever shows a form for it knows."""

    item_id: str
    account_id: str
    kind: Kind
    title: str = ""
    to: list[Colleague] = []
    """Of `reassign`: whom it can be given to."""

    def encode(self) -> str:
        """As a button's value: a short title, and as many people as there is room for."""
        short, to = msgspec.structs.replace(self, title=self.title[:120]), self.to
        while len(value := msgspec.json.encode(msgspec.structs.replace(short, to=to)).decode()) > LONGEST_VALUE and to:
            to = to[:-1]
        return value


def read_handle(value: str) -> Handle:
    """What a button carried. Raises `msgspec.DecodeError` where it is none of ours."""
    return msgspec.json.decode(value, type=Handle)
