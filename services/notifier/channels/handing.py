"""Hands letters in at the mail server: the same for those to colleagues and to customers' people."""

import asyncio
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any, Final

import aiosmtplib

from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from shared.addresses import Address, read_address
from shared.words import clean

_NO_SUCH_ADDRESS: Final = (550, 551, 553)
_NOT_OF_THE_ADDRESS: Final = ("5.7.", "5.1.7", "5.1.8", "5.2.2", "5.2.3", "5.3.")
"""Begin what a server adds to its answer where it minds the sender or the letter, or the mailbox is full (RFC 3463)."""
_OF_THE_SENDER: Final = ("relay", "sender", "spam", "blacklist", "blocklist", "block list", "spf", "dkim", "dmarc")
"""Words of servers that add no code which says that it is the address."""
_OF_THE_ADDRESS: Final = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1")
PATIENCE: Final = 15.0
"""Seconds that the server has for all up to the data, and then for each answer."""
TIMEOUT: Final = 50.0
"""Above what the server may take for all up to the data, and for its two answers to those."""


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


async def hand_in(
    server: SmtpServer, to: Address, letter: EmailMessage, line: int, patience: float = PATIENCE
) -> Outcome:
    """Hand in one letter, over a connection of its own. However slow the server is, nothing was sent up to the letter
    itself; only then is the end uncertain. `line` is how long one of its lines may be."""
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.implicit_tls,
        start_tls=server.starttls if not server.implicit_tls else False,
        timeout=patience,
    )
    try:
        return await _hand_in(smtp, server, to, letter, line, patience)
    finally:
        # Closing without QUIT: the message is accepted by then, and no answer is waited for.
        smtp.close()


async def _hand_in(
    smtp: aiosmtplib.SMTP, server: SmtpServer, to: Address, letter: EmailMessage, line: int, patience: float
) -> Outcome:
    began, sender = False, read_address(server.sender, named=True)
    utf8 = to.needs_utf8 or sender.needs_utf8
    spoken: dict[str, Any] = {"encoding": "utf-8"} if utf8 else {}
    try:
        async with asyncio.timeout(patience):
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
        policy = SMTPUTF8.clone(max_line_length=line) if utf8 else None
        answer = await smtp.data(letter.as_bytes(policy=policy))
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error, TimeoutError) and not began:
            return Later(reason=f"the mail server was not ready for a letter within {patience:.0f} s")
        return _not_taken(error, began=began)
    return Sent(receipt=clean(answer.message, 200))


def _not_taken(error: Exception, *, began: bool) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reason = f"the mail server says {error.code} {clean(error.message, 200)}"
        if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code >= 500:
            return Fatal(reason=reason)
        # Of the data, the letter may be what is minded.
        is_road = isinstance(error, aiosmtplib.SMTPRecipientRefused)
        bounced = is_road and _is_bounce(error)
        return Later(reason=reason) if error.code < 500 else Never(reason=reason, is_road=is_road, bounced=bounced)
    return Later(reason=f"the connection to the mail server broke ({type(error).__name__})", uncertain=began)


def _is_bounce(error: aiosmtplib.SMTPResponseException) -> bool:
    """Whether there is no such address, rather than that the server does not take letters from us."""
    said = error.message.casefold()
    if error.code not in _NO_SUCH_ADDRESS or said.startswith(_NOT_OF_THE_ADDRESS):
        return False
    return said.startswith(_OF_THE_ADDRESS) or not any(re.search(rf"\b{word}", said) for word in _OF_THE_SENDER)


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
