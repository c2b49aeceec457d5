"""A customer's person who complained is written to in their language, and stops that by one click.

What is told is the letter as the mail server had it, and what the API says of its reader afterwards.
"""

import re
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from typing import Any, Final

import httpx
from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, segment
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import NotHeard, until
from deploy.cli.demo.telling import quote
from deploy.demo import letter_view
from deploy.demo.stories import Story
from shared.words import clean, listed

_OFF: Final = re.compile(r"^mode: off$", re.MULTILINE)
_ONE_CLICK: Final = "List-Unsubscribe=One-Click"
_HEADERS: Final = ("From", "Reply-To", "To")
_SHOWN: Final = 4
"""Lines of a letter: its subject, and how it begins."""


def switch_on(keepwell: Keepwell, playbook: str) -> None:
    """Put a playbook that ships switched off, and wait until what runs goes by it. Raises `NotHeard`."""
    shipped = keepwell.content("playbooks", f"/v1/playbooks/{playbook}").decode()
    document = {"kind": "playbooks", "id": playbook, "text": live(shipped)}
    keepwell.post("playbooks", "/v1/rules/apply", {"documents": [document]})
    until(
        lambda: playbook not in keepwell.get("playbooks", "/v1/status")["details"]["off"],
        f"The playbook {playbook} is not in force",
    )


def live(text: str) -> str:
    """The text of a playbook that ships switched off, switched on."""
    return _OFF.sub("mode: live", text)


def until_met(keepwell: Keepwell, story: Story) -> None:
    """Wait until the account of a story was looked at with the playbook of its letter. Raises `NotHeard`."""
    path = f"/v1/playbooks/{story.letter}/why-not"

    def met() -> bool:
        reasons = keepwell.get("playbooks", path, account=story.account)["reasons"]
        return all(one["code"] == "no_event" for one in reasons)

    until(met, f"The playbook {story.letter} does not look at {story.account}")


def tell_letter(out: Console, keepwell: Keepwell, outside: Outside, story: Story) -> None:
    """The letter that somebody at a story's account got, and their one click that stops more. Raises `NotHeard`."""
    delivery, letter = _letter(keepwell, outside, story)
    contact = f"/v1/contacts/{segment(delivery['account'])}/{segment(delivery['contact_id'])}"
    before = keepwell.get("notifier", contact)
    out.print()
    kinds = listed([f"“{one['kind']}”" for one in before["consents"] if one["consented"]])
    who = show.text(f"The customer hears it: {before['email']} consented to {kinds}, and reads {_language(before)}")
    out.print(who, style="bold cyan")
    out.print(Text(f"  Letter to them, as sent, {delivery['seconds']:.2f} s after they answered:", style="dim"))
    quote(out, [Text(f"{name}: {clean(str(letter[name]))}") for name in _HEADERS])
    quote(out, list(letter_view.lines(letter))[:_SHOWN])
    status = _click(letter)

    def stopped() -> bool:
        return not any(one["consented"] for one in keepwell.get("notifier", contact)["consents"])

    until(stopped, "The one click did not stop it")
    (after, *_) = keepwell.get("notifier", contact)["consents"]
    gone = f"their consent to “{clean(after['kind'])}” is withdrawn, {show.clock(after['at'])}"
    words = f"One click in their mail program (RFC 8058), POST /u/…, is answered {status}: {gone}"
    show.hang(out, Text("  → "), Text(words))


def _language(contact: Mapping[str, Any]) -> str:
    # The library takes longer to import than most commands take.
    from babel import Locale

    return str(Locale.parse(contact["language"], sep="-").english_name)


def _letter(keepwell: Keepwell, outside: Outside, story: Story) -> tuple[Mapping[str, Any], EmailMessage]:
    """The delivery and what the mail server had of it, as soon as it is there."""

    def found() -> Iterator[tuple[Mapping[str, Any], EmailMessage]]:
        for one in keepwell.items("notifier", "/v1/deliveries", account=story.account, channel="contact"):
            if (letter := outside.letter(one)) is not None:
                yield one, letter

    until(lambda: any(found()), f"Nobody at {story.account} was written to")
    return next(found())


def _click(letter: EmailMessage) -> int:
    """What a mail program does whose reader presses its button: it asks nothing, and follows nothing."""
    if letter["List-Unsubscribe-Post"] != _ONE_CLICK:
        raise NotHeard("The letter can't be stopped by one click")
    name, _, value = _ONE_CLICK.partition("=")
    with httpx.Client(trust_env=False) as program:
        return program.post(letter["List-Unsubscribe"].strip("<>"), data={name: value}).status_code
