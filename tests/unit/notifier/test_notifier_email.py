"""What an e-mail's header and envelope take from outside."""

from services.notifier.channels.email import EmailChannel, SmtpServer, write
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from services.notifier.core.retry import Never
from tests.support.notifier import NOW, a_mail_sink, an_account, an_action


def a_dispatch(target: str, title: str = "Call them", name: str = "Northwind") -> Dispatch:
    message = compose(an_action(title=title, task=None, kind="alert", account=an_account(name=name)), NOW)
    return Dispatch(message=message, delivery_id="dlv_1", target=target, at=NOW)


def test_nothing_from_outside_adds_a_header() -> None:
    hostile = "Northwind\r\nBcc: all@example.com\n\nHello"
    letter = write(a_dispatch("own@example.com", hostile, hostile), "keepwell@example.com", Renderer())
    head = letter.as_string().partition("\n\n")[0]
    assert letter["Bcc"] is None
    assert "\nBcc" not in head
    assert "Bcc: all@example.com" in letter["Subject"]


async def test_an_address_that_the_server_can_not_take_is_refused_once_and_for_all() -> None:
    async with a_mail_sink() as sink:
        server = SmtpServer(host="127.0.0.1", port=sink.port, sender="keepwell@example.com", starttls=False)
        outcome = await EmailChannel(server, Renderer()).send(a_dispatch("sp\u00e4ti@example.com"))
        assert isinstance(outcome, Never)
        assert sink.letters == []
