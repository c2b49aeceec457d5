"""What a person reads, in plain words and for no channel in particular: each channel escapes it in its own way."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from shared.messages.actions import Colleague, Kind, Recipient, Sending, Severity


class Reason(msgspec.Struct, frozen=True):
    """One line of why: the points that it moved the score by, such as `−13`, and the words."""

    points: str
    text: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader can do about an item where they read of it."""

    item_id: str
    account_id: str
    kind: Kind
    title: str
    moves: list[str]
    """The likeliest first."""
    to: list[Colleague] = []
    """To whom it can be given."""
    time_zone: str = "UTC"
    """The reader's."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One account in a message about many."""

    headline: str
    """`Northwind · Pro · €4,200/month · renews in 41 days`."""
    score: str = ""
    band: str = "unknown"
    reason: Reason | None = None
    todo: str = ""
    due: str = ""
    also: str = ""
    """What else is open there, in short."""
    contact: str = ""
    """Whom to call, and how they are reached."""
    recipient: str = ""
    ref: str = ""
    """By what `keepwell tasks`, `keepwell alerts` and `keepwell flags` know it."""
    status: str = ""
    """What became of it since it was told."""
    offer: Offer | None = None


_USUAL: Final[Mapping[Kind, str]] = {"task": "done", "alert": "acknowledge", "flag": "accept"}
"""What one does with most of a kind."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a section: what it is about, and what is said of it."""

    headline: str
    """`Northwind · €4,200/month · 41 red`."""
    text: str = ""
    ref: str = ""
    """By what `keepwell tasks` knows it."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a digest."""

    heading: str
    lines: list[Line]
    more: str = ""
    """How many others there are, and where to read them."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer's person reads, in their language. Their address is filled in at sending, and kept nowhere."""

    template: str
    language: str
    paragraphs: list[str]
    """Lines in them stay lines."""
    to: str = ""
    """Their name."""
    sender: str = ""
    """The name of whoever writes, and where an answer goes; none: the installation's."""
    reply_to: str = ""
    account_id: str
    contact_id: str = ""
    """Nothing: it is a test, and is about nobody."""
    kind: str
    """To which kind of messages they agreed."""

    @property
    def is_test(self) -> bool:
        """Whether somebody tries how it reads."""
        return not self.contact_id


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a person reads. Empty fields have nothing to say and are left out."""

    kind: Kind | Sending | Literal["digest", "group"]
    label: str
    """What it is: `Alert`, `Task · due tomorrow 15:00`, `Expansion flag`."""
    severity: Severity
    band: str
    subject: str
    """One line for a list of messages: who and what."""
    title: str
    status: str = ""
    """What became of it since it was told: `Kim Lee took it · 14:32`."""
    headline: str = ""
    score: str = ""
    """`74 → 52 amber`."""
    reasons: list[Reason] = []
    since: str = ""
    contact: str = ""
    """Whom to call at the account, and how they are reached, unless that is said already: `Kim (admin) · +49 3`."""
    also: list[str] = []
    """What else is open at the account: trouble, and work about other matters."""
    task: str = ""
    """With an alert: the reader's task about it, and when it is due."""
    todo: str = ""
    """What to do now, in imperative sentences."""
    due: str = ""
    sections: list[Section] = []
    """A digest's, as far as they come before its items."""
    items_heading: str = ""
    items: list[Item] = []
    more: str = ""
    """Who else is meant, when there are more than `items` shows."""
    rest: list[Section] = []
    """A digest's that come after its items."""
    recipient: str = ""
    """Named where others read too."""
    detour: str = ""
    """Why it comes by this road, when it failed by another: `Meant for Kim: Slack says user_not_found`."""
    mention: str = ""
    """The recipient's Slack user id, where others read too."""
    footer: str = ""
    offer: Offer | None = None
    whose: Recipient | None = None
    """Of somebody's day, where they alone read it: who can say there when they hear."""
    matter: str = ""
    """What it is about, where it is about one thing: usage, money, people, …"""
    shows: list[str] = []
    """Of a message about many, the ids of what it tells one by one: of the rest it says no more than whose they are."""
    accounts: list[str] = []
    """The ids of the accounts that it speaks of, the worst first."""
    letter: Letter | None = None
    """Of what goes to a customer's person: what they read, and nothing else of this but the subject."""

    @property
    def task_label(self) -> str:
        """How its task is called where it is read."""
        return "Task" if self.recipient else "Your task"

    @property
    def offers(self) -> list[Offer]:
        """All that its reader can do something about."""
        return [one for one in (self.offer, *(item.offer for item in self.items)) if one is not None]

    @property
    def by_command(self) -> str:
        """How to do something about it by `keepwell`; nothing, where nothing can be done."""
        if (own := self.offer) is not None:
            first, *others = (move.replace("_", "-") for move in own.moves)
            instead = f" (or {', '.join(others)})" if others else ""
            return f"To act on it: keepwell {own.kind}s {first} {ref(own.item_id)}{instead}"
        ways = dict.fromkeys(f"keepwell {one.kind}s {_USUAL[one.kind]} ID" for one in self.offers)
        return f"To act on one: {', '.join(ways)}" if ways else ""


def ref(id: str) -> str:
    """The beginning of an id: enough for `keepwell`, and for the eye."""
    return id[:12]
