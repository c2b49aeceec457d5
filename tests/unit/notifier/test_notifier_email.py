"""What an e-mail's header and envelope take from outside."""

from urllib.parse import urlencode

import pytest

from services.notifier.channels.email import EmailChannel, write
from services.notifier.channels.handing import SmtpServer
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from services.notifier.core.retry import Fatal, Never, Outcome, Sent
from services.notifier.settings import NotifierSettings
from shared.settings import SettingsError
from tests.support.notifier import NOW, MailSink, a_mail_sink, an_account, an_action


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


async def sent(sink: MailSink, to: str, sender: str = "keepwell@example.com") -> Outcome:
    server = SmtpServer(host="127.0.0.1", port=sink.port, sender=sender, starttls=False)
    return await EmailChannel(server, Renderer()).send(a_dispatch(to))


@pytest.mark.parametrize("utf8", [True, False])
@pytest.mark.parametrize(
    ("sender", "shown", "domain"),
    [
        ("Acme, Inc. <keepwell@example.com>", "Acme, Inc.", "example.com"),
        ('"Acme, Inc." <keepwell@example.com>', "Acme, Inc.", "example.com"),
        ("Größe GmbH, Süd <keepwell@example.com>", "Größe GmbH, Süd", "example.com"),
        ("keepwell@bücher.example", "Keepwell", "xn--bcher-kva.example"),
    ],
)
async def test_every_sender_that_is_an_address_reaches_every_server(
    utf8: bool, sender: str, shown: str, domain: str
) -> None:
    async with a_mail_sink(utf8=utf8) as sink:
        assert isinstance(await sent(sink, "own@größe.example", sender), Sent)
    (letter,) = sink.letters
    (me,) = letter["From"].addresses
    assert (me.display_name, me.username, me.domain) == (shown, "keepwell", domain)
    assert sink.recipients == ["own@xn--gre-6ka8i.example"]
    assert letter["To"].addresses[0].domain == "xn--gre-6ka8i.example"
    assert letter["Message-ID"] == f"<dlv_1@{domain}>"


@pytest.mark.parametrize(
    ("sender", "to"), [("keepwell@example.com", "späti@example.com"), ("grüße@example.com", "own@example.com")]
)
async def test_a_letter_of_other_scripts_goes_where_the_server_takes_them(sender: str, to: str) -> None:
    async with a_mail_sink() as sink:
        assert isinstance(await sent(sink, to, sender), Sent)
    (letter,) = sink.letters
    assert sink.recipients == [to]
    # It stands there as it is; the standard library's reader keeps such bytes as surrogates.
    seen = [letter[name].addresses[0].addr_spec.encode(errors="surrogateescape").decode() for name in ("From", "To")]
    assert seen == [sender, to]


async def test_an_address_that_the_server_can_not_take_is_refused_once_and_for_all() -> None:
    async with a_mail_sink(utf8=False) as sink:
        assert isinstance(await sent(sink, "sp\u00e4ti@example.com"), Never)
        assert isinstance(await sent(sink, "own@example.com", "gr\u00fc\u00dfe@example.com"), Fatal)
        assert sink.letters == []


async def test_what_is_no_address_says_what_is_wrong_with_it() -> None:
    async with a_mail_sink() as sink:
        outcome = await sent(sink, "own@example.com, other@example.com")
        assert isinstance(outcome, Never)
        assert "invalid characters" in outcome.reason


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("nobody", "must have an @-sign"),
        ("keepwell@example.com,other@example.com", "invalid characters"),
        ("keepwell@bad..example", "two periods in a row"),
    ],
)
def test_a_sender_that_is_none_is_refused_at_start_with_a_sentence(sender: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        NotifierSettings.load(smtp_url=f"smtp://mail.example.com?{urlencode({'from': sender})}")
    assert "who the mail is from is no e-mail address" in str(refused.value)
    assert words in str(refused.value)


def test_a_sender_with_a_name_is_taken_as_it_is_written() -> None:
    query = urlencode({"from": "Größe GmbH, Süd <keepwell@example.com>"})
    smtp = NotifierSettings.load(smtp_url=f"smtp://mail.example.com?{query}").smtp
    assert smtp is not None
    assert smtp.sender == "Größe GmbH, Süd <keepwell@example.com>"
