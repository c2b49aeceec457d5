"""How Slack shows a message, in a terminal: from the very blocks that were sent."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from shared.words import clean, clean_lines

_EMOJI: Final = {
    ":red_circle:": "🔴",
    ":large_orange_circle:": "🟠",
    ":large_green_circle:": "🟢",
    ":white_circle:": "⚪",
    ":repeat:": "🔁",
}
_MARKED: Final = re.compile(r"\*([^*\n]+)\*|`([^`\n]+)`|(:[a-z_]+:)|<@(\w+)>")


def lines(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """A line for each that a reader sees in Slack; blocks of a kind that Keepwell doesn't send are left out."""
    for block in blocks:
        if block["type"] == "header":
            yield Text(_plain(clean(block["text"]["text"])), style="bold")
        elif block["type"] == "section":
            yield from map(_marked, clean_lines(block["text"]["text"]))
        elif block["type"] == "context":
            shown = _marked("  ".join(clean(element["text"]) for element in block["elements"]))
            shown.stylize("dim")
            yield shown
        elif block["type"] == "actions":
            yield Text("  ".join(f"[{clean(element['text']['text'])}]" for element in block["elements"]))


def _marked(line: str) -> Text:
    """Slack's mrkdwn: `*bold*`, code, emoji and mentions."""
    text, end = Text(), 0
    for found in _MARKED.finditer(line):
        text.append(_plain(line[end : found.start()]))
        bold, code, emoji, mention = found.groups()
        if bold:
            text.append(_plain(bold), style="bold")
        elif code:
            text.append(_plain(code), style="red")
        else:
            text.append(_EMOJI.get(emoji, emoji) if emoji else f"@{mention}")
        end = found.end()
    return text.append(_plain(line[end:]))


def _plain(text: str) -> str:
    """Slack has three entities, and no others: `&#27;` is what somebody wrote."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
