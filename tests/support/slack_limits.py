"""What Slack documents that it takes: of a message's blocks, and how many messages in what time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_BLOCKS, MOST_ELEMENTS, MOST_IN_CONTEXT = 50, 25, 10
LONGEST = {"header": 150, "section": 3_000, "button": 75, "value": 2_000, "action_id": 255, "block_id": 255}
LONGEST_TEXT = 40_000
WORDS_BACK, WORDS_WITHIN = 5, 30 * 60.0


def fault(body: Mapping[str, Any]) -> str | None:
    """The error with which Slack refuses this message, if it does."""
    blocks, text = body.get("blocks", []), body.get("text", "")
    if not blocks and not text:
        return "no_text"
    if len(text) > LONGEST_TEXT:
        return "msg_too_long"
    return "invalid_blocks" if any(True for _ in faults(blocks)) else None


def faults(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All that Slack finds wrong with these."""
    if len(blocks) > MOST_BLOCKS:
        yield f"{len(blocks)} blocks"
    named = [block["block_id"] for block in blocks if "block_id" in block]
    yield from (f"block_id {id} again" for id, count in Counter(named).items() if count > 1)
    yield from (f"block_id {id}" for id in named if not 0 < len(id) <= LONGEST["block_id"])
    for block in blocks:
        match block["type"]:
            case "header":
                yield from _text(block["text"], "plain_text", LONGEST["header"])
            case "section":
                yield from _text(block["text"], None, LONGEST["section"])
            case "context":
                if not 0 < len(block["elements"]) <= MOST_IN_CONTEXT:
                    yield f"{len(block['elements'])} elements in a context"
                for element in block["elements"]:
                    yield from _text(element, None, LONGEST["section"])
            case "actions":
                yield from _actions(block["elements"])
            case "divider":
                pass
            case other:
                yield f"a block {other}"


def _actions(elements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not 0 < len(elements) <= MOST_ELEMENTS:
        yield f"{len(elements)} elements"
    ids = Counter(element["action_id"] for element in elements)
    yield from (f"action_id {id} again" for id, count in ids.items() if count > 1)
    for element in elements:
        if element["type"] != "button":
            yield f"an element {element['type']}"
        yield from _text(element["text"], "plain_text", LONGEST["button"])
        if not 0 < len(element["action_id"]) <= LONGEST["action_id"]:
            yield "action_id"
        if len(element.get("value", "")) > LONGEST["value"]:
            yield "value"
        if element.get("style", "primary") not in ("primary", "danger"):
            yield f"style {element['style']}"


def _text(text: Mapping[str, Any], kind: str | None, longest: int) -> Iterator[str]:
    if text["type"] not in ((kind,) if kind else ("plain_text", "mrkdwn")):
        yield f"a text of type {text['type']}"
    if not 0 < len(text["text"]) <= longest:
        yield f"a text of {len(text['text'])} characters"


@dataclass
class Pace:
    """One message a second in a channel, and so many at once before that."""

    burst: int = 60
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, channel: str, now: float) -> int:
        """Take one message, or say how many seconds to wait with it."""
        left, since = self._left.get(channel, (float(self.burst), now))
        left = min(float(self.burst), left + now - since)
        if left < 1:
            self._left[channel] = (left, now)
            return 1
        self._left[channel] = (left - 1, now)
        return 0
