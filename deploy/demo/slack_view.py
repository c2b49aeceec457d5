"""How Slack shows a message, in a terminal: from the very blocks that were sent."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.text import Text

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
            yield Text(html.unescape(block["text"]["text"]), style="bold")
        elif block["type"] == "section":
            for line in block["text"]["text"].splitlines():
                yield _marked(line)
        elif block["type"] == "context":
            shown = _marked("  ".join(element["text"] for element in block["elements"]))
            shown.stylize("dim")
            yield shown


def _marked(line: str) -> Text:
    """Slack's mrkdwn: `*bold*`, code, emoji and mentions."""
    text, end = Text(), 0
    for found in _MARKED.finditer(line):
        text.append(html.unescape(line[end : found.start()]))
        bold, code, emoji, mention = found.groups()
        if bold:
            text.append(html.unescape(bold), style="bold")
        elif code:
            text.append(html.unescape(code), style="red")
        else:
            text.append(_EMOJI.get(emoji, emoji) if emoji else f"@{mention}")
        end = found.end()
    return text.append(html.unescape(line[end:]))
