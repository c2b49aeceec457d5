"""A message as the plain text of a chat.

Chats read Markdown and mentions each in its own way, so no mark of ours stands in it, and what comes from outside can't
be one in any: it pings nobody, makes no link, and no line of it is a heading, list or code.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.notifier.core.message import Item, Message, Reason, Section
from shared.words import clean

_REPEAT: Final = "You may have this already: an earlier send was cut off before the chat answered."
_BREAKS: Final = "\u2060"
"""A word joiner: it is not seen, and ends what a chat would read as one."""
_ALIKE: Final = str.maketrans({"<": "‹", ">": "›", "*": "∗", "`": "ˋ", "~": "∼"})
_MARKS: Final = re.compile(
    # A mention; an e-mail address stays one that can be copied.
    r"(?<![\w.+-])@|@(?![a-z0-9-]+\.[a-z])|@(?=everyone|here)"
    # A channel, a link, and a letter that is written by its number.
    r"|#(?=\w)|:(?=//)|\bwww(?=\.)|\](?=[(\[:])|&(?=#?\w+;)",
    re.IGNORECASE,
)
"""With what begins what a chat would read as more than text."""
_BEGINS: Final = re.compile(r"[#=|+_-]|\d+[.)]")
"""At the beginning of a line: a heading, a table, a list or a rule."""
_GAP: Final = "\n"
_LEFT: Final = "… and {} more lines, for which there is no room here."


def render(message: Message, most: int, *, repeat: bool = False) -> str:
    """The text, of so many characters at most; of what is left out it says how much."""
    head, tail = _escaped(_told(message)), ["", *_escaped(_asked(message, repeat=repeat))]
    text = "\n".join([*head, *tail])
    return text if len(text) <= most else "\n".join(_shortened(head, tail, most))


def escape(line: str) -> str:
    """One line that every chat takes for text."""
    said = _MARKS.sub(rf"\g<0>{_BREAKS}", clean(line).translate(_ALIKE))
    return f"{_BREAKS}{said}" if _BEGINS.match(said) else said


def _escaped(lines: Iterable[str]) -> list[str]:
    """With an empty line in place of each gap that has something above it."""
    found: list[str] = []
    for line in lines:
        if line == _GAP:
            found += [""] if found and found[-1] else []
        elif line:
            found.append(escape(line))
    return found[:-1] if found and not found[-1] else found


def _shortened(head: Sequence[str], tail: Sequence[str], most: int) -> list[str]:
    """What is asked, and before it as much of what is told as there is room for."""
    tail = [_cut(line, most // 5) for line in tail]
    room = most - sum(len(line) + 1 for line in tail) - len(_LEFT.format(len(head)))
    kept: list[str] = []
    for line in head:
        short = _cut(line, most // 5)
        room -= len(short) + 1
        if room < 0:
            return [*kept, _LEFT.format(sum(map(bool, head[len(kept) :]))), *tail]
        kept.append(short)
    return [*kept, *tail]


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _told(message: Message) -> Iterator[str]:
    yield message.title
    yield message.detour
    yield message.status
    yield " · ".join(filter(None, (message.headline, message.score)))
    yield _GAP
    yield from map(_reason, message.reasons)
    if message.contact:
        yield f"Contact: {message.contact}"
    if message.also:
        yield "Also open:"
        yield from (f"• {one}" for one in message.also)
    for part in message.sections:
        yield from _part(part)
    yield _GAP
    yield message.items_heading
    for number, item in enumerate(message.items, 1):
        yield from _item(number, item)
    yield _GAP
    yield message.more
    for part in message.rest:
        yield from _part(part)


def _asked(message: Message, *, repeat: bool) -> Iterator[str]:
    """What is asked, for whom, and how to act on it: four lines, or five."""
    if message.task:
        yield f"{message.task_label}: {message.task}"
    if message.todo:
        yield f"→ {message.todo}"
    whom = f"for {message.recipient}" if message.recipient else ""
    yield " · ".join(filter(None, (whom, message.label, message.since, message.footer)))
    yield message.by_command
    if repeat:
        yield _REPEAT


def _part(part: Section) -> Iterator[str]:
    yield _GAP
    yield part.heading
    for one in part.lines:
        yield " · ".join(filter(None, (f"• {one.headline}", one.text, one.ref)))
    yield part.more


def _item(number: int, item: Item) -> Iterator[str]:
    if number > 1:
        yield _GAP
    yield " · ".join(filter(None, (f"({number}) {item.headline}", item.score)))
    if item.reason and item.reason.text:
        yield _reason(item.reason)
    if item.contact:
        yield f"contact: {item.contact}"
    if item.also:
        yield f"also open: {item.also}"
    if item.todo:
        due = f", due {item.due}" if item.due else ""
        whom = f" (for {item.recipient})" if item.recipient else ""
        yield f"→ {item.todo}{due}{f' · {item.ref}' if item.ref else ''}{whom}"
    elif item.recipient:
        yield f"→ for {item.recipient}"
    yield item.status


def _reason(reason: Reason) -> str:
    return f"{reason.points or '•'} {reason.text}"
