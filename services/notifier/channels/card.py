"""A message as an adaptive card of Microsoft Teams.

All text stands in `RichTextBlock`s, which are shown as they are: what comes from outside is no Markdown there, so it
makes no link, list or mention; and no date, which hosts of cards make of `{{DATE(…)}}`. Nobody is mentioned: Teams
knows people by their sign-in names, which need not be their e-mail addresses, and of a card that it can't post nobody
hears, since a workflow has taken it by then.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.notifier.core.message import Item, Message, Reason, Section
from shared.words import clean

MOST_BYTES: Final = 26_000
"""Teams takes 28,672 of all properties of a message, in which the card is JSON within JSON; some are its own."""
_REPEAT: Final = "You may have this already: an earlier send was cut off before Teams answered."
_COLOURS: Final = {"red": "Attention", "amber": "Warning", "green": "Good"}

_Run = tuple[str, Mapping[str, Any]]
"""Some words, and how they look."""


class _Room(NamedTuple):
    """How much a card shows."""

    text: int
    """The weight of the longest run of words."""
    items: int
    lines: int
    """Of each section."""


_ROOMS: Final = (
    _Room(6_000, 20, 40),
    _Room(2_000, 20, 20),
    _Room(700, 20, 12),
    _Room(400, 12, 8),
    _Room(250, 8, 5),
    _Room(100, 2, 2),
)
"""The roomiest first; what is too much for the first goes by the next."""


def render(message: Message, delivery_id: str, *, repeat: bool = False) -> dict[str, Any]:
    """The card; its first element's id is the delivery's. It is as long as Teams takes, and says how many more there
    are."""
    card: dict[str, Any] = {}
    for room in _ROOMS:
        card = _card(message, delivery_id, room, repeat=repeat)
        if weight(card) <= MOST_BYTES:
            break
    return card


def weight(value: Any) -> int:
    """The bytes that it takes as JSON within JSON, none of them but ASCII: the most that Teams may count."""
    return len(json.dumps(json.dumps(value, separators=(",", ":"))))


def _card(message: Message, delivery_id: str, room: _Room, *, repeat: bool) -> dict[str, Any]:
    lines = _Lines(room)
    lines.add((message.title, {"size": "Large", "weight": "Bolder"}))
    lines.blocks[0]["id"] = delivery_id
    lines.add(_bold(message.detour))
    lines.add((message.status, {"weight": "Bolder", "color": "Accent"}))
    lines.add(*_bold_first(message.headline), apart=True)
    if message.score:
        lines.add(_score(message.score, message.band))
    lines.extend([_reason(one) for one in message.reasons], apart=True)
    if message.contact:
        lines.add(_bold("Contact: "), _plain(message.contact), apart=True)
    if message.also:
        lines.add(_bold("Also open:"), apart=True)
        lines.extend([_bullet(_plain(one)) for one in message.also])
    _list(lines, message)
    _beneath(lines, message, repeat=repeat)
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": lines.blocks,
        "msteams": {"width": "Full"},
    }


def _list(lines: "_Lines", message: Message) -> None:
    """What it tells one by one."""
    for part in message.sections:
        _part(lines, part)
    lines.add(_bold(message.items_heading), apart=True)
    for item in message.items[: lines.room.items]:
        _item(lines, item)
    if left := message.items[lines.room.items :]:
        names = ", ".join(dict.fromkeys(clean(one.headline.partition(" · ")[0], 40) for one in left))
        lines.add(_plain(f"and {len(left):,} more, for which there is no room here: {names}"), apart=True)
    lines.add(_plain(message.more), apart=True)
    for part in message.rest:
        _part(lines, part)


def _beneath(lines: "_Lines", message: Message, *, repeat: bool) -> None:
    """What is asked, how to answer, and where it comes from."""
    if message.task:
        lines.add(_bold(f"{message.task_label}: "), _plain(message.task), apart=True)
    if message.todo:
        lines.add(_bold("What to do: "), _plain(message.todo), apart=not message.task)
    whom = [_quiet("for "), (message.recipient, {"size": "Small", "weight": "Bolder"})] if message.recipient else []
    what = [_quiet(one) for one in (message.label, message.since) if one]
    lines.add(*_joined([whom, *([one] for one in what)]), apart=True)
    lines.add(_quiet(message.footer))
    lines.add(_quiet(message.by_command))
    if repeat:
        lines.add(_bold(_REPEAT))


def _part(lines: "_Lines", part: Section) -> None:
    lines.add(_bold(part.heading), apart=True)
    for one in part.lines[: lines.room.lines]:
        lines.add(*_bullet(*_bold_first(one.headline)))
        lines.add(_quiet(" · ".join(filter(None, (one.text, one.ref)))))
    if (left := len(part.lines) - lines.room.lines) > 0:
        lines.add(_quiet(f"and {left:,} more, for which there is no room here"))
    lines.add(_quiet(part.more))


def _item(lines: "_Lines", item: Item) -> None:
    lines.add(*_bold_first(item.headline), apart=True, line_above=True)
    if item.score:
        lines.add(_score(item.score, item.band))
    if item.reason and item.reason.text:
        lines.add(*_reason(item.reason))
    if item.contact:
        lines.add(_quiet("contact: "), _plain(item.contact))
    if item.also:
        lines.add(_quiet("also open: "), _plain(item.also))
    if item.todo:
        beside = "".join((f", due {item.due}" if item.due else "", f" · {item.ref}" if item.ref else ""))
        lines.add(_plain("→ "), _bold(item.todo), *([_plain(beside)] if beside else []))
    if item.recipient:
        lines.add(_quiet("for "), _plain(item.recipient))
    lines.add((item.status, {"weight": "Bolder", "color": "Accent"}))


class _Lines:
    """The card's body, a block a line."""

    def __init__(self, room: _Room) -> None:
        self.room = room
        self.blocks: list[dict[str, Any]] = []

    def add(self, *runs: _Run, apart: bool = False, line_above: bool = False) -> None:
        """One line, if there is anything to say; `apart` from what is above it, by some space, or by a line as well."""
        inlines = [_inline(cut(text, self.room.text), how) for text, how in runs if text]
        if inlines:
            block: dict[str, Any] = {"type": "RichTextBlock", "inlines": inlines}
            block |= {"spacing": "Medium" if apart else "None"} if self.blocks else {}
            block |= {"separator": True} if line_above else {}
            self.blocks.append(block)

    def extend(self, lines: Iterable[Sequence[_Run]], *, apart: bool = False) -> None:
        """Some lines, the first of them apart from what is above."""
        for place, runs in enumerate(lines):
            self.add(*runs, apart=apart and place == 0)


def cut(text: str, most: int) -> str:
    """As much of it as weighs so much."""
    if weight(text) <= most:
        return text
    length = len(text)
    while length > 1 and (weighs := weight(text[:length])) > most:
        length = max(1, min(length - 1, length * most // weighs))
    head = text[:length].rpartition(" ")[0]
    return (head if len(head) > length // 2 else text[:length]) + "…"


def _inline(text: str, how: Mapping[str, Any]) -> str | dict[str, Any]:
    text = text.replace("{{", "{\u2060{")
    return {"type": "TextRun", "text": text, **how} if how else text


def _plain(text: str) -> _Run:
    return text, {}


def _bold(text: str) -> _Run:
    return text, {"weight": "Bolder"}


def _quiet(text: str) -> _Run:
    return text, {"size": "Small", "isSubtle": True}


def _bold_first(headline: str) -> list[_Run]:
    name, dot, rest = headline.partition(" · ")
    return [_bold(name), _plain(f"{dot}{rest}")] if dot else [_plain(name)]


def _score(score: str, band: str) -> _Run:
    return f"● {score}", {"weight": "Bolder", "color": _COLOURS.get(band, "Default")}


def _reason(reason: Reason) -> list[_Run]:
    return [_bold(f"{reason.points}  "), _plain(reason.text)] if reason.points else _bullet(_plain(reason.text))


def _bullet(*runs: _Run) -> list[_Run]:
    return [_plain("•  "), *runs]


def _joined(groups: Iterable[Sequence[_Run]]) -> list[_Run]:
    """Groups of words with dots between them."""
    found: list[_Run] = []
    for group in filter(None, groups):
        found += [*([_quiet(" · ")] if found else []), *group]
    return found
