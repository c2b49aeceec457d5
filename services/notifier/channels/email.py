"""E-mail over SMTP: text and HTML in one message, whose Message-ID is the same in every attempt.

Mail programs drop a second message of one id, so an uncertain attempt needs no mark.
"""

import asyncio
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib

from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from services.notifier.core.routing import Transport
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


class EmailChannel:
    """Hands each message to one SMTP server, over a connection of its own."""

    name: Transport = "email"
    timeout = 50.0
    """Above what the server may take for all up to the data, and for its two answers to those."""
    at_once = 8

    def __init__(self, server: SmtpServer, renderer: Renderer) -> None:
        self._server = server
        self._renderer = renderer
        self.patience = 15.0
        """Seconds that the server has for all up to the data, and then for each answer."""

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        server = self._server
        try:
            letter = write(dispatch, server.sender, self._renderer)
        except (ValueError, IndexError, MessageError):
            return Never(reason="the recipient's e-mail address is not one")
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
            return await self._approach(smtp, dispatch.target) or await _hand_over(smtp, letter)
        finally:
            # Closing without QUIT: the message is accepted by then, and no answer is waited for.
            smtp.close()

    async def _approach(self, smtp: aiosmtplib.SMTP, recipient: str) -> Outcome | None:
        """All up to the letter itself, and what stands in its way: however slow the server is, nothing was sent yet."""
        try:
            async with asyncio.timeout(self.patience):
                try:
                    await smtp.connect()
                except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                    return _not_connected(error)
                return await _address(smtp, parseaddr(self._server.sender)[1], recipient)
        except TimeoutError:
            return Later(reason=f"the mail server was not ready for a letter within {self.patience:.0f} s")


def write(dispatch: Dispatch, sender: str, renderer: Renderer) -> EmailMessage:
    """The letter as it goes out. Raises `ValueError` when the recipient's address is not one."""
    message = dispatch.message
    letter = EmailMessage(policy=_POLICY)
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    letter["From"] = Address(name or "Keepwell", local, domain)
    letter["To"] = Address(addr_spec=dispatch.target)
    letter["Subject"] = clean(message.subject, 180)
    letter["Date"] = format_datetime(dispatch.at)
    letter["Message-ID"] = f"<{dispatch.delivery_id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Keepwell-Delivery"] = dispatch.delivery_id
    if dispatch.traceparent:
        letter["X-Keepwell-Traceparent"] = dispatch.traceparent
    letter.set_content(renderer.text(message))
    letter.add_alternative(renderer.html(message), subtype="html")
    return letter


async def _address(smtp: aiosmtplib.SMTP, sender: str, recipient: str) -> Outcome | None:
    try:
        await smtp.mail(sender)
        await smtp.rcpt(recipient)
    except (aiosmtplib.SMTPException, OSError, UnicodeEncodeError) as error:
        return _not_taken(error, began=False)
    return None


async def _hand_over(smtp: aiosmtplib.SMTP, letter: EmailMessage) -> Outcome:
    """Only now, with the data on its way, can the end be uncertain."""
    try:
        answer = await smtp.data(letter.as_bytes())
    except (aiosmtplib.SMTPException, OSError, UnicodeEncodeError) as error:
        return _not_taken(error, began=True)
    return Sent(receipt=clean(answer.message, 200))


def _not_taken(error: Exception, *, began: bool) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reason = f"the mail server says {error.code} {clean(error.message, 200)}"
        if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code >= 500:
            return Fatal(reason=reason)
        return Later(reason=reason) if error.code < 500 else Never(reason=reason)
    if isinstance(error, UnicodeEncodeError | aiosmtplib.SMTPNotSupported):
        return Never(reason="the mail server takes no address like the recipient's: it is not plain ASCII")
    return Later(reason=f"the connection to the mail server broke ({type(error).__name__})", uncertain=began)


def _not_connected(error: Exception) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return Fatal(reason=f"the mail server refuses the user or password of KEEPWELL_SMTP_URL ({error.code})")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Later(reason=f"the mail server says {error.code} {clean(error.message, 200)}")
    # The library has no class of its own for a server without STARTTLS or AUTH.
    if type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return Fatal(reason="the mail server can't do what KEEPWELL_SMTP_URL asks for (STARTTLS or a login)")
    return Later(reason=f"the mail server can't be reached ({type(error).__name__})")
