"""How a mail program shows a letter, in a terminal: from the very letter that was sent."""

import re
from collections.abc import Iterator, Mapping
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Final

from rich.text import Text

from shared.words import clean, clean_lines

_LINK: Final = re.compile(r"(?P<label>[^:]+): (?P<url>https?://\S+/a/\S+)")


def read(content: str) -> EmailMessage:
    """A letter as it came."""
    return message_from_string(content, policy=policy.default)


def links(letter: EmailMessage) -> Mapping[str, str]:
    """Where its links lead, by what they say."""
    found = map(_LINK.fullmatch, _body(letter))
    return {link["label"]: link["url"] for link in found if link is not None}


def lines(letter: EmailMessage) -> Iterator[Text]:
    """Its subject and its text, without empty lines; its links as what they say."""
    yield Text(f"Subject: {clean(str(letter['Subject']))}", style="bold")
    labels = [Text(label, style="underline") for label in links(letter)]
    for line in _body(letter):
        if _LINK.fullmatch(line) is None:
            yield Text(line)
        elif labels:
            yield Text("  ").join(labels)
            labels = []


def _body(letter: EmailMessage) -> list[str]:
    part = letter.get_body(("plain",))
    content = str(part.get_content()) if part is not None else ""
    return [line.rstrip() for line in clean_lines(content) if line.strip()]
