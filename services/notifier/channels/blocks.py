"""A message as Slack's Block Kit."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from slack_sdk.models import blocks as kit

from services.notifier.channels.rendering import Renderer
from services.notifier.core.message import Item, Message, Offer, Reason, Section
from services.notifier.core.preferring import UNSET
from shared.messages.actions import Recipient
from shared.messages.moves import LABELS, Handle
from shared.messages.preferences import BUTTON, Asked, Preferences
from shared.words import clean

_DOTS: Final = {"red": ":red_circle: ", "amber": ":large_orange_circle: ", "green": ":large_green_circle: "}
_REPEAT: Final = "You may have this already: an earlier send was cut off before Slack answered."
_MARKS: Final = str.maketrans({"*": "∗", "`": "ˋ", "~": "∼"})
_MOST_TEXT: Final = 2_900
"""Slack refuses a section of more than 3,000 characters."""
_MOST_BLOCKS: Final = 50
"""And a message of more blocks than that."""
_BENEATH: Final = 6
"""So many come at most after the items."""
Wants = Callable[[Recipient | None], Preferences]
"""What somebody has set."""


def unset(_: Recipient | None) -> Preferences:
    """Nobody has set anything."""
    return UNSET


def render(
    message: Message,
    renderer: Renderer,
    delivery_id: str,
    *,
    repeat: bool = False,
    buttons: bool = False,
    wants: Wants = unset,
) -> dict[str, Any]:
    """The `text` (for notifications and screen readers) and the `blocks`, the first of which carries the id. Without
    `buttons` it says how to act by `keepwell`."""
    title = kit.PlainTextObject(text=clean(message.title, 150), emoji=False)
    blocks: list[kit.Block] = [kit.HeaderBlock(block_id=delivery_id, text=title)]
    if message.detour:
        blocks.append(_context(f"*{_said(message.detour)}*"))
    glance = "\n".join(filter(None, (_bold_first(message.headline), _score(message.score, message.band))))
    if message.status:
        blocks.append(_section(f"*{_said(message.status)}*"))
    if glance:
        blocks.append(_section(glance))
    if message.reasons:
        blocks.append(_section("\n".join(_reason(reason) for reason in message.reasons)))
    if message.contact:
        blocks.append(_section(f"*Contact:* {_said(message.contact)}"))
    if message.also:
        blocks.append(_section("\n".join(["*Also open:*", *(f"•  {_said(one)}" for one in message.also)])))
    blocks.extend(_section(_part(part)) for part in message.sections)
    if message.items_heading:
        blocks.append(_section(f"*{_said(message.items_heading)}*"))
    if message.items:
        blocks.append(kit.DividerBlock())
        room = _MOST_BLOCKS - _BENEATH - len(blocks) - len(message.rest)
        blocks += _items(message.items, room, buttons=buttons)
    if message.more:
        beyond = "\nOpen them in keepwell." if buttons and message.offers else ""
        blocks.append(_section(f"{_said(message.more)}{beyond}"))
    blocks.extend(_section(_part(part)) for part in message.rest)
    blocks += _beneath(message, repeat=repeat, buttons=buttons, wants=wants)
    plain = renderer.text(message, by_command=not buttons)
    return {
        "text": escape(plain if not repeat else f"{plain}{_REPEAT}\n")[:3_500],
        # As they are: whether Slack takes what is written here is tested, and to look at each costs as much as this.
        "blocks": [block.get_non_null_attributes() for block in blocks],
    }


def _beneath(message: Message, *, repeat: bool, buttons: bool, wants: Wants) -> list[kit.Block]:
    """What is asked, how to answer, and where it comes from."""
    blocks: list[kit.Block] = []
    asked = [f"*{message.task_label}:* {_said(message.task)}"] if message.task else []
    asked += [f"*What to do:* {_said(message.todo)}"] if message.todo else []
    if asked:
        blocks.append(_section("\n".join(asked)))
    if message.offer is not None and buttons:
        blocks.append(_buttons(message.offer))
    blocks.append(_context(" · ".join(filter(None, (_whom(message), _said(message.label), _said(message.since))))))
    if message.whose is not None and buttons:
        blocks.append(_hearing(message.whose, wants(message.whose)))
    elif message.footer:
        blocks.append(_context(_said(message.footer)))
    if not buttons and (by_command := message.by_command):
        blocks.append(_context(_said(by_command)))
    if repeat:
        blocks.append(_context(f":repeat: {_REPEAT}"))
    return blocks


def _items(items: Sequence[Item], room: int, *, buttons: bool) -> list[kit.Block]:
    """Each with its buttons beneath it, as far as there is room for those."""
    blocks: list[kit.Block] = []
    for at, item in enumerate(items):
        blocks.append(_section(_item(item)))
        if buttons and item.offer is not None and len(blocks) + len(items) - at <= room:
            blocks.append(_buttons(item.offer))
    return blocks


def _buttons(offer: Offer) -> kit.ActionsBlock:
    """A button for each move, the likeliest first: Slack brings back which, and what stands in its value."""
    about = Handle(item_id=offer.item_id, account_id=offer.account_id, kind=offer.kind, title=offer.title)
    with_people = msgspec.structs.replace(about, to=offer.to)
    return kit.ActionsBlock(
        elements=[
            kit.ButtonElement(
                text=kit.PlainTextObject(text=LABELS[move], emoji=False),
                action_id=move,
                value=(with_people if move == "reassign" else about).encode(),
                style=None if n else "primary",
            )
            for n, move in enumerate(offer.moves)
        ]
    )


def _hearing(who: Recipient, wants: Preferences) -> kit.ActionsBlock:
    """The button that asks when they want to hear; its value is all that the form is made of."""
    label = kit.PlainTextObject(text="When shall I hear? …", emoji=False)
    value = Asked(person=who.id, preferences=wants).encode()
    return kit.ActionsBlock(elements=[kit.ButtonElement(text=label, action_id=BUTTON, value=value)])


def escape(text: str) -> str:
    """Text that Slack takes for text: no mention, link or channel can hide in it (Slack's three entities)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _said(text: str) -> str:
    """Text from outside within a line of ours: its own marks would end our bold, or begin a block of code."""
    return escape(text).translate(_MARKS)


def _bold_first(headline: str) -> str:
    name, dot, rest = headline.partition(" · ")
    # An asterisk in a name would end the bold.
    return f"*{_said(name)}*{dot}{_said(rest)}" if dot else _said(name)


def _score(score: str, band: str) -> str:
    return f"{_DOTS.get(band, ':white_circle: ')}{_said(score)}" if score else ""


def _reason(reason: Reason) -> str:
    return f"`{reason.points}`  {_said(reason.text)}" if reason.points else f"•  {_said(reason.text)}"


def _part(part: Section) -> str:
    lines = [f"*{_said(part.heading)}*"]
    for one in part.lines:
        lines.append(f"•  {_bold_first(one.headline)}")
        if one.text or one.ref:
            lines.append(f"     {' · '.join(filter(None, (_said(one.text), _said(one.ref))))}")
    return "\n".join([*lines, *([_said(part.more)] if part.more else [])])


def _item(item: Item) -> str:
    lines = [_bold_first(item.headline)]
    if item.score:
        lines[0] += f"\n{_score(item.score, item.band)}"
    if item.reason:
        lines.append(_reason(item.reason))
    if item.contact:
        lines.append(f"contact: {_said(item.contact)}")
    if item.also:
        lines.append(f"also open: {_said(item.also)}")
    if item.todo:
        due = f", due {_said(item.due)}" if item.due else ""
        lines.append(f"→ *{_said(item.todo)}*{due}" + (f" · {_said(item.ref)}" if item.ref else ""))
    if item.recipient:
        lines.append(f"for {_said(item.recipient)}")
    if item.status:
        lines.append(f"*{_said(item.status)}*")
    return "\n".join(lines)


def _whom(message: Message) -> str:
    if message.mention.isalnum():
        return f"for <@{message.mention}>"
    return f"for *{_said(message.recipient)}*" if message.recipient else ""


def _section(text: str) -> kit.SectionBlock:
    return kit.SectionBlock(text=kit.MarkdownTextObject(text=_cut(text), verbatim=True))


def _context(text: str) -> kit.ContextBlock:
    return kit.ContextBlock(elements=[kit.MarkdownTextObject(text=_cut(text), verbatim=True)])


def _cut(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return text
    cut = text[: _MOST_TEXT - 1]
    entity = cut.rfind("&", -4)
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]  # Half of `&amp;` would be shown as it is.
    head = cut.rpartition(" ")[0]
    return (head if len(head) > _MOST_TEXT // 2 else cut) + "…"
