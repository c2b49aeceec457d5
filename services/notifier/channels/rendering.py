"""Turns messages and letters into text and HTML, by sandboxed templates."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifier.channels.letters import NO_LINKS, Link
from services.notifier.core.footers import FOOTERS
from services.notifier.core.message import Message
from shared.links import LASTING
from shared.words import closest

_TEMPLATES = Path(__file__).parent.parent / "templates"


_LINK = re.compile(r"(https://[^\s<>\"'(){}\[\]|\\^`]+[^\s<>\"'(){}\[\]|\\^`.,;:!?。，；：！？»”’])")


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Renderer:
    """Holds the compiled templates. HTML is escaped always; the text is plain already."""

    def __init__(self, *, interactive: bool = False, chat_takes: int = 4_000) -> None:
        self.interactive = interactive
        """Whether Slack can bring back what people click: a message of a bot then has buttons."""
        self.chat_takes = chat_takes
        """How many characters the chat that is set up takes."""
        environment = _environment()
        environment.globals["lasting"] = LASTING.days
        self._text: Template = environment.get_template("message.txt.j2")
        self._html: Template = environment.get_template("message.html.j2")

    def text(self, message: Message, *, by_command: bool = True, links: Mapping[str, Sequence[Link]] = NO_LINKS) -> str:
        """The message as plain text, as it reads in a terminal or an old mail client; `links` act on it, by the item's
        id, and `by_command` says how to act on it by `keepwell`, where there is no other way."""
        return self._text.render(m=message, by_command=by_command and not links, links=links).strip() + "\n"

    def html(self, message: Message, *, by_command: bool = True, links: Mapping[str, Sequence[Link]] = NO_LINKS) -> str:
        """The message as an HTML e-mail: one column, styles inline; how they read in the dark stands in its head."""
        return self._html.render(m=message, by_command=by_command and not links, links=links)


class LetterRenderer:
    """Turns a letter to a customer's person into text and HTML: its paragraphs, and a footer in its language."""

    def __init__(self) -> None:
        environment = _environment()
        self._text: Template = environment.get_template("letter.txt.j2")
        self._html: Template = environment.get_template("letter.html.j2")

    def text(self, message: Message, leave: str) -> str:
        """The letter as plain text; `leave` is where its reader gets no more, and nothing where none is shown."""
        return self._text.render(self._given(message, leave)).strip() + "\n"

    def html(self, message: Message, leave: str) -> str:
        """The letter as HTML: one column, styles inline, nothing from elsewhere."""
        return self._html.render(self._given(message, leave))

    @staticmethod
    def _given(message: Message, leave: str) -> dict[str, Any]:
        letter = message.letter
        assert letter is not None
        footer = FOOTERS[closest(letter.language, FOOTERS, "en")]
        # Every other piece is a link.
        paragraphs = [[_LINK.split(line) for line in one.split("\n")] for one in letter.paragraphs]
        return {"m": message, "letter": letter, "paragraphs": paragraphs, "footer": footer, "leave": leave}
