"""Letters to customers' people: as a colleague writes them, with the way to get no more of them.

`From` is the installation's own address, which its mail server may send from, under the name of the account's owner;
an answer goes to the owner. Nothing in a letter is fetched from anywhere, and nothing tells when it was read.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import headerregistry
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any, Final

import msgspec

from services.notifier.channels.handing import PATIENCE, TIMEOUT, SmtpServer, hand_in
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.message import Letter, Message
from services.notifier.core.retry import Barred, Never, Outcome, Sent
from services.notifier.core.routing import CONTACT, Transport
from shared.addresses import read_address
from shared.links import LEAVING, Leave, Links
from shared.words import clean

_LONGEST_LINE: Final = 998
"""Characters of a line of a letter (RFC 5322). Python's policy would encode what is longer, and so break a link."""
_LEAVES: Final = "List-Unsubscribe"
_ADDRESS: Final = re.compile(r"<?[^\s<>@]+@[^\s<>]*[^\s<>.,:;]>?")
_SUBJECT: Final = SMTP.clone(max_line_length=76)
"""Python fills a line with a space and one word."""


class _Policy(EmailPolicy):
    """Long lines, but for the subject: an encoded word in it has 75 characters at most (RFC 2047)."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        return _SUBJECT.fold_binary(name, value) if name == "Subject" else super().fold_binary(name, value)


_POLICY: Final = _Policy(linesep="\r\n", max_line_length=_LONGEST_LINE)


@dataclass(repr=False)
class ContactChannel:
    """Hands each letter to one SMTP server; `links` sign the way to get no more."""

    server: SmtpServer
    renderer: LetterRenderer
    links: Links
    patience: float = PATIENCE
    name: Transport = CONTACT
    timeout: float = TIMEOUT
    at_once: int = 8

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one letter; its target is the address."""
        if dispatch.message.letter is None:
            return Barred(reason="there is nothing to write")
        try:
            letter = write(dispatch, self.server.sender, self.renderer, self.links)
            to = read_address(dispatch.target)
        except (ValueError, MessageError) as error:
            return Never(reason=_unnamed(clean(str(error), 200)))
        outcome = await hand_in(self.server, to, letter, _LONGEST_LINE, self.patience)
        return _without_addresses(outcome)


def write(dispatch: Dispatch, sender: str, renderer: LetterRenderer, links: Links) -> EmailMessage:
    """The letter as it goes out. Raises `ValueError` with what is wrong with an address or a link."""
    message, said = dispatch.message, dispatch.message.letter
    assert said is not None
    me, to = read_address(sender, named=True), read_address(dispatch.target)
    leave = leave_url(said, dispatch.delivery_id, dispatch.at, links)
    letter = EmailMessage(policy=_POLICY)
    letter["From"] = headerregistry.Address(clean(said.sender, 100) or me.name or "Keepwell", me.local, me.domain)
    owner = read_address(said.reply_to) if said.reply_to else None
    if owner is not None and (to.needs_utf8 or not owner.needs_utf8):
        # An address that is not plain ASCII can stand only where the mail server has to take the like anyway.
        letter["Reply-To"] = headerregistry.Address(clean(said.sender, 100), owner.local, owner.domain)
    letter["To"] = headerregistry.Address(clean(said.to, 100), to.local, to.domain)
    letter["Subject"] = clean(message.subject, 200)
    letter["Date"] = format_datetime(dispatch.at)
    letter["Message-ID"] = f"<{dispatch.delivery_id}@{me.domain}>"
    letter[_LEAVES] = f"<{leave}>"
    letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Nobody wrote it by hand: whatever answers by itself is not to answer the owner (RFC 3834).
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Keepwell-Delivery"] = dispatch.delivery_id
    letter.set_content(renderer.text(message, leave), cte="quoted-printable")
    letter.add_alternative(renderer.html(message, leave), subtype="html", cte="quoted-printable")
    return letter


def leave_url(said: Letter, delivery_id: str, at: datetime, links: Links) -> str:
    """Where its reader gets no more of them; of a test it leads to a page that says so. Raises `ValueError`."""
    leave = Leave(
        account_id=said.account_id,
        contact_id=said.contact_id,
        kind=said.kind,
        expires=int((at + LEAVING).timestamp()),
        language=said.language,
        letter="" if said.is_test else delivery_id,
    )
    found = links.leave_url(leave)
    if len(f"{_LEAVES}: <{found}>") > _LONGEST_LINE:
        raise ValueError("the link by which they get no more would be longer than a line of a letter may be")
    return found


def _without_addresses(outcome: Outcome) -> Outcome:
    """What a mail server said, without whom it was to: that is kept nowhere but in the address book."""
    if isinstance(outcome, Sent):
        return Sent(receipt=_unnamed(outcome.receipt))
    said = msgspec.structs.replace(outcome, reason=_unnamed(outcome.reason))
    # That somebody has no such address is no broken road of ours.
    return msgspec.structs.replace(said, is_road=False) if isinstance(said, Never) else said


def _unnamed(words: str) -> str:
    return _ADDRESS.sub("their address", words)


def preview(message: Message, renderer: LetterRenderer) -> dict[str, str]:
    """How it reads, without a link that does anything."""
    return {
        "subject": message.subject,
        "text": renderer.text(message, ""),
        "html": renderer.html(message, ""),
    }
