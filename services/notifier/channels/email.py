"""E-mail over SMTP: text and HTML in one message, whose Message-ID is the same in every attempt.

Mail programs drop a second message of one id, so an uncertain attempt needs no mark.
"""

import asyncio
from dataclasses import dataclass
from email import headerregistry
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

import aiosmtplib

from services.notifier.channels.letters import NO_LINKS, links_of, thread_of
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from services.notifier.core.routing import Transport
from shared.addresses import Address, read_address
from shared.links import Links
from shared.words import clean

# A folded Message-ID or trace is legal, and misread by many.
_POLICY: Final = SMTP.clone(max_line_length=500)


@dataclass(frozen=True, slots=True, repr=False)
class SmtpServer:
    """Where mail is handed in. Without a repr, because it holds the password."""

    host: str
    port: int
    sender: str
    """`keepwell@example.com`, or `Keepwell <keepwell@example.com>`."""
    user: str | None = None
    password: str | None = None
    implicit_tls: bool = False
    starttls: bool | None = None
    """None: where the server offers it."""


@dataclass(repr=False)
class EmailChannel:
    """Hands each message to one SMTP server, over a connection of its own."""

    server: SmtpServer
    renderer: Renderer
    links: Links | None = None
    """Sign what a letter's reader can do from it; None: nothing."""
    patience: float = 15.0
    """Seconds that the server has for all up to the data, and then for each answer."""
    name: Transport = "email"
    timeout: float = 50.0
    """Above what the server may take for all up to the data, and for its two answers to those."""
    at_once: int = 8

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        server = self.server
        try:
            letter = write(dispatch, server.sender, self.renderer, self.links)
        except (ValueError, MessageError) as error:
            return Never(reason=f"the recipient's e-mail address is not one: {clean(str(error), 200)}", is_road=True)
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.implicit_tls,
            start_tls=server.starttls if not server.implicit_tls else False,
            timeout=self.patience,
        )
        try:
            return await self._hand_in(smtp, read_address(dispatch.target), letter)
        finally:
            # Closing without QUIT: the message is accepted by then, and no answer is waited for.
            smtp.close()

    async def _hand_in(self, smtp: aiosmtplib.SMTP, to: Address, letter: EmailMessage) -> Outcome:
        """However slow the server is, nothing was sent up to the letter itself; only then is the end uncertain."""
        began, sender = False, read_address(self.server.sender, named=True)
        utf8 = to.needs_utf8 or sender.needs_utf8
        spoken: dict[str, Any] = {"encoding": "utf-8"} if utf8 else {}
        try:
            async with asyncio.timeout(self.patience):
                try:
                    await smtp.connect()
                except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                    return _not_connected(error)
                if utf8:
                    await smtp.ehlo()
                    if not smtp.supports_extension("smtputf8"):
                        return _lacks_utf8(sender)
                await smtp.mail(sender.spec, options=["SMTPUTF8"] if utf8 else None, **spoken)
                await smtp.rcpt(to.spec, **spoken)
            began = True
            answer = await smtp.data(letter.as_bytes(policy=_POLICY.clone(utf8=True)) if utf8 else letter.as_bytes())
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error, TimeoutError) and not began:
                return Later(reason=f"the mail server was not ready for a letter within {self.patience:.0f} s")
            return _not_taken(error, began=began)
        return Sent(receipt=clean(answer.message, 200))


def write(dispatch: Dispatch, sender: str, renderer: Renderer, links: Links | None = None) -> EmailMessage:
    """The letter as it goes out. Raises `ValueError` when the recipient's address is not one."""
    message = dispatch.message
    letter = EmailMessage(policy=_POLICY)
    me, to = read_address(sender, named=True), read_address(dispatch.target)
    domain = me.domain
    letter["From"] = headerregistry.Address(me.name or "Keepwell", me.local, domain)
    letter["To"] = headerregistry.Address("", to.local, to.domain)
    letter["Subject"] = clean(message.subject, 180)
    letter["Date"] = format_datetime(dispatch.at)
    letter["Message-ID"] = f"<{dispatch.delivery_id}@{domain}>"
    thread = thread_of(message, domain)
    before = f"<{dispatch.amends.message_id}@{domain}>" if dispatch.amends is not None else None
    if answered := [id for id in (thread, before) if id is not None]:
        letter["In-Reply-To"], letter["References"] = answered[-1], " ".join(answered)
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Keepwell-Delivery"] = dispatch.delivery_id
    if dispatch.traceparent:
        letter["X-Keepwell-Traceparent"] = dispatch.traceparent
    acting = links_of(dispatch, links) if links is not None else NO_LINKS
    letter.set_content(renderer.text(message, links=acting))
    letter.add_alternative(renderer.html(message, links=acting), subtype="html")
    return letter


def _not_taken(error: Exception, *, began: bool) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reason = f"the mail server says {error.code} {clean(error.message, 200)}"
        if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code >= 500:
            return Fatal(reason=reason)
        # Of the data, the letter may be what is minded.
        is_road = isinstance(error, aiosmtplib.SMTPRecipientRefused)
        return Later(reason=reason) if error.code < 500 else Never(reason=reason, is_road=is_road)
    return Later(reason=f"the connection to the mail server broke ({type(error).__name__})", uncertain=began)


def _lacks_utf8(sender: Address) -> Outcome:
    if sender.needs_utf8:
        return Fatal(reason="the mail server takes no sender like the one of KEEPWELL_SMTP_URL: it is not plain ASCII")
    return Never(reason="the mail server takes no address like the recipient's: it is not plain ASCII", is_road=True)


def _not_connected(error: Exception) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return Fatal(reason=f"the mail server refuses the user or password of KEEPWELL_SMTP_URL ({error.code})")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Later(reason=f"the mail server says {error.code} {clean(error.message, 200)}")
    # The library has no class of its own for a server without STARTTLS or AUTH.
    if type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return Fatal(reason="the mail server can't do what KEEPWELL_SMTP_URL asks for (STARTTLS or a login)")
    return Later(reason=f"the mail server can't be reached ({type(error).__name__})")
