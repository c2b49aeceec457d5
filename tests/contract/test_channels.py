"""Every channel keeps the same promises, against a real server that answers, refuses, slows down, breaks and hangs."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.channels.blocks import render
from services.notifier.channels.email import EmailChannel, SmtpServer
from services.notifier.channels.inbox import InboxChannel
from services.notifier.channels.protocol import Channel, Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.core.message import Message
from services.notifier.core.retry import Fatal, Later, Never, Sent
from services.notifier.core.together import compose_group
from shared.pg.uow import UnitOfWork
from tests.support.notifier import (
    HANG,
    NOW,
    RATE_LIMITED,
    MailSink,
    SlackSink,
    a_mail_sink,
    a_slack_sink,
    an_account,
    an_action,
    notifier_engine,
    says,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TOKEN = "xoxb-very-secret-token"
PASSWORD = "very-secret-password"


def a_dispatch(**changes: Any) -> Dispatch:
    given = Dispatch(
        message=compose_group([an_action()], NOW),
        delivery_id="dlv_1",
        target="C01",
        at=NOW,
        traceparent=TRACE,
    )
    return replace(given, **changes)


@dataclass
class Bench:
    """A channel, and how to make its server misbehave. What a channel's server can't do is None."""

    channel: Channel
    target: str
    got: Callable[[], Any]
    """What has arrived, one for each message."""
    busy: Callable[[], None] | None = None
    refuse: Callable[[], None] | None = None
    broken: Callable[[], None] | None = None
    hang: Callable[[], None] | None = None
    down: Channel | None = None
    """The same channel, with nobody listening."""


def a_free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture
async def slack() -> AsyncIterator[SlackSink]:
    async with a_slack_sink() as sink:
        yield sink


@pytest.fixture
async def mail() -> AsyncIterator[MailSink]:
    async with a_mail_sink() as sink:
        yield sink


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(timeout=0.5) as made:
        yield made


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
def bot(slack: SlackSink, client: httpx.AsyncClient) -> Bench:
    def channel(url: str) -> SlackChannel:
        return SlackChannel(client, Renderer(), api_url=f"{url}/api", bot_token=TOKEN)

    return Bench(
        channel(slack.url),
        "C01",
        lambda: slack.got,
        busy=lambda: slack.answers.append(RATE_LIMITED),
        refuse=lambda: slack.answers.append(says("channel_not_found")),
        broken=lambda: slack.answers.append(says("invalid_auth")),
        hang=lambda: slack.answers.append(HANG),
        down=channel(f"http://127.0.0.1:{a_free_port()}"),
    )


@pytest.fixture
def webhook(slack: SlackSink, client: httpx.AsyncClient) -> Bench:
    def channel(url: str) -> SlackChannel:
        return SlackChannel(client, Renderer(), api_url="https://slack.invalid/api", webhook_url=url)

    return Bench(
        channel(slack.webhook_url),
        "webhook",
        lambda: slack.got,
        busy=lambda: slack.answers.append(RATE_LIMITED),
        refuse=lambda: slack.answers.append((400, {}, b"invalid_payload")),
        broken=lambda: slack.answers.append((404, {}, b"no_service")),
        hang=lambda: slack.answers.append(HANG),
        down=channel(f"http://127.0.0.1:{a_free_port()}/services/T000/B000/verysecretpath"),
    )


@pytest.fixture
def email(mail: MailSink) -> Bench:
    def channel(port: int) -> EmailChannel:
        made = EmailChannel(a_server(port), Renderer())
        made.patience = 0.5
        return made

    return Bench(
        channel(mail.port),
        "owner@example.com",
        lambda: mail.letters,
        busy=lambda: mail.answers.append("451 try again later"),
        refuse=lambda: mail.answers.append("554 no such user here"),
        hang=lambda: mail.answers.append(HANG),
        down=channel(a_free_port()),
    )


@pytest.fixture
async def inbox(engine: AsyncEngine) -> Bench:
    return Bench(InboxChannel(UnitOfWork(engine)), "csm-3", lambda: None)


@pytest.fixture(params=["bot", "webhook", "email", "inbox"])
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


def a_server(port: int, **changes: Any) -> SmtpServer:
    return SmtpServer(host="127.0.0.1", port=port, sender="keepwell@example.com", **changes)


async def test_a_message_that_is_taken_is_sent(bench: Bench) -> None:
    assert isinstance(await bench.channel.send(a_dispatch(target=bench.target)), Sent)


async def test_a_busy_server_means_later(bench: Bench) -> None:
    if bench.busy is None:
        return
    bench.busy()
    outcome = await bench.channel.send(a_dispatch(target=bench.target))
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


async def test_a_refused_message_is_never_sent(bench: Bench) -> None:
    if bench.refuse is None:
        return
    bench.refuse()
    assert isinstance(await bench.channel.send(a_dispatch(target=bench.target)), Never)


async def test_a_revoked_secret_is_fatal(bench: Bench) -> None:
    if bench.broken is None:
        return
    bench.broken()
    assert isinstance(await bench.channel.send(a_dispatch(target=bench.target)), Fatal)


async def test_no_answer_after_sending_began_is_uncertain(bench: Bench) -> None:
    if bench.hang is None:
        return
    bench.hang()
    outcome = await bench.channel.send(a_dispatch(target=bench.target))
    assert isinstance(outcome, Later)
    assert outcome.uncertain


async def test_nobody_listening_means_later_and_surely_not_sent(bench: Bench) -> None:
    if bench.down is None:
        return
    outcome = await bench.down.send(a_dispatch(target=bench.target))
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


@pytest.mark.parametrize("pause", [10.0, 0.15])
async def test_a_mail_server_that_is_not_ready_in_time_has_surely_taken_nothing(pause: float) -> None:
    ended = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = asyncio.create_task(reader.read())
        for answer in (b"220 hello", b"250 hello", b"250 OK", b"250 OK", b"354 go on"):
            await asyncio.wait([left], timeout=pause)
            if not left.done():
                writer.write(answer + b"\r\n")
        await left
        writer.close()
        ended.set()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    async with server:
        channel = EmailChannel(a_server(server.sockets[0].getsockname()[1]), Renderer())
        channel.patience = 0.4
        outcome = await channel.send(a_dispatch(target="owner@example.com"))
        await asyncio.wait_for(ended.wait(), 5)
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


def test_a_mail_attempt_is_not_cut_off_before_the_channel_itself_gives_it_up() -> None:
    channel = EmailChannel(a_server(25), Renderer())
    assert channel.timeout > 3 * channel.patience


async def test_no_secret_is_in_a_reason_or_a_log_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for misbehave in (bench.refuse, bench.broken, bench.busy):
        if misbehave is not None:
            misbehave()
            outcome = await bench.channel.send(a_dispatch(target=bench.target))
            assert "secret" not in str(outcome)
    if bench.down is not None:
        assert "secret" not in str(await bench.down.send(a_dispatch(target=bench.target)))
    assert "secret" not in repr(bench.channel)
    assert "secret" not in caplog.text


async def test_a_bot_posts_to_the_channel_with_its_token_and_the_trace(bot: Bench, slack: SlackSink) -> None:
    outcome = await bot.channel.send(a_dispatch(target="#renewals"))
    assert outcome == Sent(receipt="C01 1763457240.000100")
    [posted] = slack.got
    assert posted.path == "/api/chat.postMessage"
    assert posted.body["channel"] == "#renewals"
    assert posted.headers["authorization"] == f"Bearer {TOKEN}"
    assert posted.headers["traceparent"] == TRACE
    assert posted.body["metadata"]["event_payload"] == {"delivery_id": "dlv_1"}


async def test_a_webhook_gets_the_same_blocks(webhook: Bench, slack: SlackSink) -> None:
    await webhook.channel.send(a_dispatch(target="webhook"))
    [posted] = slack.got
    assert posted.path == "/services/T000/B000/verysecretpath"
    assert posted.headers["traceparent"] == TRACE
    assert posted.body["blocks"][0]["block_id"] == "dlv_1"
    assert "channel" not in posted.body


async def test_slack_is_waited_for_as_long_as_it_asks(bot: Bench, webhook: Bench, slack: SlackSink) -> None:
    slack.answers = [RATE_LIMITED, RATE_LIMITED]
    for bench in (bot, webhook):
        outcome = await bench.channel.send(a_dispatch(target=bench.target))
        assert isinstance(outcome, Later)
        assert outcome.after == 7


async def test_slack_breaking_inside_is_tried_again_as_a_possible_repeat(bot: Bench, slack: SlackSink) -> None:
    for answer in ((500, {}, b""), (503, {}, b""), says("internal_error"), (200, {}, b"<html>")):
        slack.answers = [answer]
        outcome = await bot.channel.send(a_dispatch())
        assert isinstance(outcome, Later)
        assert outcome.uncertain


async def test_only_a_possible_repeat_says_so_in_slack(bot: Bench, slack: SlackSink) -> None:
    await bot.channel.send(a_dispatch())
    await bot.channel.send(a_dispatch(repeat=True))
    first, second = (str(posted.body) for posted in slack.got)
    assert "You may have this already" not in first
    assert "You may have this already" in second


async def test_what_slack_refuses_says_what_to_do(bot: Bench, slack: SlackSink) -> None:
    slack.answers = [says("channel_not_found"), says("invalid_auth"), says("weird <@U1> thing")]
    assert await bot.channel.send(a_dispatch()) == Never(
        reason="Slack says channel_not_found: there is no such channel, or the bot can't see it: invite the bot"
    )
    assert await bot.channel.send(a_dispatch()) == Fatal(
        reason="Slack says invalid_auth: KEEPWELL_SLACK_BOT_TOKEN is not valid"
    )
    assert await bot.channel.send(a_dispatch()) == Never(reason="Slack says something else")


async def test_an_email_is_text_and_html_under_one_stable_id(email: Bench, mail: MailSink) -> None:
    await email.channel.send(a_dispatch(target="owner@example.com"))
    await email.channel.send(a_dispatch(target="owner@example.com", repeat=True))
    first, second = mail.letters
    assert first["Message-ID"] == second["Message-ID"] == "<dlv_1@example.com>"
    assert first["To"] == "owner@example.com"
    assert first["Subject"] == "Northwind: Call their admin"
    assert first["X-Keepwell-Traceparent"] == TRACE
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]
    plain, html = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Northwind · Pro · €4,200/month · renews in 41 days      74 → 52 amber" in plain.get_content()
    assert "their admin scored us 2: &#34;third time support lost our ticket&#34;" in html.get_content()


async def test_a_refused_recipient_is_never_tried_again_and_a_full_mailbox_is(email: Bench, mail: MailSink) -> None:
    mail.refuse_recipient = "550 no such user"
    outcome = await email.channel.send(a_dispatch(target="gone@example.com"))
    assert outcome == Never(reason="the mail server says 550 no such user")
    mail.refuse_recipient = "452 mailbox full"
    assert isinstance(await email.channel.send(a_dispatch(target="full@example.com")), Later)
    assert mail.letters == []


async def test_something_that_is_no_address_is_never_sent(email: Bench, mail: MailSink) -> None:
    for target in ("nobody", "a@b.example\r\nBcc: c@d.example", "a@@b.example, c@d.example", "@b.example", ""):
        assert isinstance(await email.channel.send(a_dispatch(target=target)), Never)
    assert mail.recipients == []


async def test_a_wrong_password_is_fatal_and_not_repeated() -> None:
    async with a_mail_sink(asks_for_login=True, refuse_login=True) as mail:
        server = a_server(mail.port, user="keepwell", password=PASSWORD)
        outcome = await EmailChannel(server, Renderer()).send(a_dispatch(target="owner@example.com"))
    assert isinstance(outcome, Fatal)
    assert "KEEPWELL_SMTP_URL" in outcome.reason
    assert "secret" not in outcome.reason


async def test_a_right_password_opens_the_server() -> None:
    async with a_mail_sink(asks_for_login=True) as mail:
        server = a_server(mail.port, user="keepwell", password=PASSWORD)
        assert isinstance(await EmailChannel(server, Renderer()).send(a_dispatch(target="owner@example.com")), Sent)
        assert len(mail.letters) == 1


async def test_starttls_that_the_server_lacks_is_fatal(mail: MailSink) -> None:
    channel = EmailChannel(a_server(mail.port, starttls=True), Renderer())
    assert isinstance(await channel.send(a_dispatch(target="owner@example.com")), Fatal)


async def test_an_inbox_holds_a_message_once_however_often_it_comes(inbox: Bench, engine: AsyncEngine) -> None:
    for _ in range(3):
        await inbox.channel.send(a_dispatch(target="csm-3"))
    async with engine.connect() as c:
        rows = (await c.execute(text("SELECT recipient, message FROM inbox"))).all()
    assert [(row.recipient, row.message["subject"]) for row in rows] == [("csm-3", "Northwind: Call their admin")]


async def test_an_inbox_without_its_database_means_later(inbox: Bench, engine: AsyncEngine) -> None:
    async with engine.begin() as c:
        await c.execute(text("ALTER TABLE inbox RENAME TO away"))
    assert isinstance(await inbox.channel.send(a_dispatch(target="csm-3")), Later)


async def test_fifty_messages_at_once_all_arrive(bot: Bench, slack: SlackSink) -> None:
    outcomes = await asyncio.gather(*(bot.channel.send(a_dispatch(delivery_id=f"dlv_{n}")) for n in range(50)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert len({posted.body["blocks"][0]["block_id"] for posted in slack.got}) == 50


def test_a_hostile_account_name_mentions_nobody_and_breaks_nothing() -> None:
    name = "<!channel> *x* & <https://evil.example|click>\r\nBcc: all@example.com\u202e"
    message: Message = compose_group([an_action(account=an_account(name=name), title=name)], NOW)
    shown = str(render(message, Renderer(), "dlv_1")["blocks"][1:])
    assert "<!channel>" not in shown
    assert "<https" not in shown
    html = Renderer().html(message)
    assert "<!channel>" not in html
    assert "&lt;!channel&gt;" in html
    assert "\n" not in message.subject
    assert "\u202e" not in Renderer().text(message)
