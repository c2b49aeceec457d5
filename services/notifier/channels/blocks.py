"""A message as Slack's Block Kit."""

from typing import Any, Final

from slack_sdk.models import blocks as kit

from services.notifier.channels.rendering import Renderer
from services.notifier.core.message import Item, Message, Reason, Section
from shared.words import clean

_DOTS: Final = {"red": ":red_circle: ", "amber": ":large_orange_circle: ", "green": ":large_green_circle: "}
_REPEAT: Final = "You may have this already: an earlier send was cut off before Slack answered."
_MARKS: Final = str.maketrans({"*": "∗", "`": "ˋ", "~": "∼"})
_MOST_TEXT: Final = 2_900
"""Slack refuses a section of more than 3,000 characters."""


def render(message: Message, renderer: Renderer, delivery_id: str, *, repeat: bool = False) -> dict[str, Any]:
    """The `text` (for notifications and screen readers) and the `blocks`, the first of which carries the id."""
    title = kit.PlainTextObject(text=clean(message.title, 150), emoji=False)
    blocks: list[kit.Block] = [kit.HeaderBlock(block_id=delivery_id, text=title)]
    glance = "\n".join(filter(None, (_bold_first(message.headline), _score(message.score, message.band))))
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
        blocks.extend(_section(_item(item)) for item in message.items)
    if message.more:
        blocks.append(_section(_said(message.more)))
    blocks.extend(_section(_part(part)) for part in message.rest)
    asked = [f"*{message.task_label}:* {_said(message.task)}"] if message.task else []
    asked += [f"*What to do:* {_said(message.todo)}"] if message.todo else []
    if asked:
        blocks.append(_section("\n".join(asked)))
    blocks.append(_context(" · ".join(filter(None, (_whom(message), _said(message.label), _said(message.since))))))
    if message.footer:
        blocks.append(_context(_said(message.footer)))
    if repeat:
        blocks.append(_context(f":repeat: {_REPEAT}"))
    plain = renderer.text(message)
    return {
        "text": escape(plain if not repeat else f"{plain}{_REPEAT}\n")[:3_500],
        # As they are: whether Slack takes what is written here is tested, and to look at each costs as much as this.
        "blocks": [block.get_non_null_attributes() for block in blocks],
    }


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
