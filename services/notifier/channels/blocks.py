"""A message as Slack's Block Kit."""

from typing import Any, Final

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from services.notifier.core import words
from services.notifier.core.message import Item, Message, Reason
from services.notifier.rendering import Renderer

_DOTS: Final = {"red": ":red_circle: ", "amber": ":large_orange_circle: ", "green": ":large_green_circle: "}
_REPEAT: Final = "You may have this already: an earlier send was cut off before Slack answered."
_MOST_TEXT: Final = 2_900
"""Slack refuses a section of more than 3,000 characters."""


def render(message: Message, renderer: Renderer, delivery_id: str, *, repeat: bool = False) -> dict[str, Any]:
    """The `text` (for notifications and screen readers) and the `blocks`, the first of which carries the id."""
    title = PlainTextObject(text=words.one_line(message.title, 150), emoji=False)
    blocks: list[Block] = [HeaderBlock(block_id=delivery_id, text=title)]
    glance = "\n".join(filter(None, (_bold_first(message.headline), _score(message.score, message.band))))
    if glance:
        blocks.append(_section(glance))
    if message.reasons:
        blocks.append(_section("\n".join(_reason(reason) for reason in message.reasons)))
    if message.items:
        blocks.append(DividerBlock())
        blocks.extend(_section(_item(item)) for item in message.items)
    if message.more:
        blocks.append(_section(escape(message.more)))
    if message.todo:
        blocks.append(_section(f"*What to do:* {escape(message.todo)}"))
    blocks.append(_context(" · ".join(filter(None, (_whom(message), escape(message.label), escape(message.since))))))
    if message.footer:
        blocks.append(_context(escape(message.footer)))
    if repeat:
        blocks.append(_context(f":repeat: {_REPEAT}"))
    plain = renderer.text(message)
    return {
        "text": escape(plain if not repeat else f"{plain}{_REPEAT}\n")[:3_500],
        "blocks": [block.to_dict() for block in blocks],
    }


def escape(text: str) -> str:
    """Text that Slack takes for text: no mention, link or channel can hide in it (Slack's three entities)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bold_first(headline: str) -> str:
    name, dot, rest = headline.partition(" · ")
    # An asterisk in a name would end the bold.
    return f"*{escape(name).replace('*', '∗')}*{dot}{escape(rest)}" if dot else escape(name)


def _score(score: str, band: str) -> str:
    return f"{_DOTS.get(band, ':white_circle: ')}{escape(score)}" if score else ""


def _reason(reason: Reason) -> str:
    return f"`{reason.points}`  {escape(reason.text)}" if reason.points else f"•  {escape(reason.text)}"


def _item(item: Item) -> str:
    lines = [_bold_first(item.headline)]
    if item.score:
        lines[0] += f"\n{_score(item.score, item.band)}"
    if item.reason:
        lines.append(_reason(item.reason))
    if item.todo:
        lines.append(f"→ *{escape(item.todo).replace('*', '∗')}*" + (f", due {escape(item.due)}" if item.due else ""))
    if item.recipient:
        lines.append(f"for {escape(item.recipient)}")
    return "\n".join(lines)


def _whom(message: Message) -> str:
    if message.mention.isalnum():
        return f"for <@{message.mention}>"
    return f"for *{escape(message.recipient).replace('*', '∗')}*" if message.recipient else ""


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=_cut(text), verbatim=True))


def _context(text: str) -> ContextBlock:
    return ContextBlock(elements=[MarkdownTextObject(text=_cut(text), verbatim=True)])


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1].rpartition(" ")[0] + "…"
