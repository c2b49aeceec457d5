"""E-mail over SMTP: text and HTML in one message, whose Message-ID is the same in every attempt.

Mail programs drop a second message of one id, so an uncertain attempt needs no mark.
"""

from dataclasses import dataclass
from email import headerregistry
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from services.notifier.channels.handing import PATIENCE, TIMEOUT, SmtpServer, hand_in
from services.notifier.channels.letters import NO_LINKS, links_of, thread_of
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.retry import Never, Outcome
from services.notifier.core.routing import Transport
from shared.addresses import read_address
from shared.links import Links
from shared.words import clean

# A folded Message-ID or trace is legal, and misread by many.
_LINE: Final = 500
_POLICY: Final = SMTP.clone(max_line_length=_LINE)


@dataclass(repr=False)
class EmailChannel:
    """Hands each message to one SMTP server, over a connection of its own."""

    server: SmtpServer
    renderer: Renderer
    links: Links | None = None
    """Sign what a letter's reader can do from it; None: nothing."""
    patience: float = PATIENCE
    name: Transport = "email"
    timeout: float = TIMEOUT
    at_once: int = 8

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        server = self.server
        try:
            letter = write(dispatch, server.sender, self.renderer, self.links)
        except (ValueError, MessageError) as error:
            return Never(reason=f"the recipient's e-mail address is not one: {clean(str(error), 200)}", is_road=True)
        return await hand_in(server, read_address(dispatch.target), letter, _LINE, self.patience)


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
