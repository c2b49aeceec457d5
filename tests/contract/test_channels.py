"""Every channel keeps the same promises, against a real server that answers, refuses, slows down, breaks and hangs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import httpx
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.channels.blocks import render
from services.notifier.channels.chat import ChatChannel
from services.notifier.channels.contact import ContactChannel
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.handing import SmtpServer
from services.notifier.channels.inbox import InboxChannel
from services.notifier.channels.missing import MissingChannel
from services.notifier.channels.posting import Hook
from services.notifier.channels.protocol import Channel, Dispatch
from services.notifier.channels.rendering import LetterRenderer, Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.channels.teams import TeamsChannel
from services.notifier.core.amending import Amends
from services.notifier.core.message import Letter, Message
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from services.notifier.core.routing import CONTACT, Transport
from services.notifier.core.together import compose_group
from shared.links import Links
from shared.messages.actions import ActionRequested
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from tests.support.chat_sinks import ALIVE, HookSink, Workflow, a_hook, chat, teams_size
from tests.support.chat_sinks import HANG as NO_ANSWER
from tests.support.logins import as_owner
from tests.support.notifier import (
    HANG,
    NOW,
    RATE_LIMITED,
    MailSink,
    SlackSink,
    a_flag,
    a_mail_sink,
    a_slack_sink,
    alerts_that_turned_red,
    an_account,
    an_action,
    an_alert,
    notifier_engine,
    says,
)
from tests.support.ports import free_ports
from tests.support.stream import until

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
    """A channel, how to make its server misbehave, and by which ids recipients know what has arrived."""

    channel: Channel
    target: str
    ids: Callable[[], Awaitable[list[str]]]
    misbehave: dict[str, Callable[[], Any]]
    """What its server can do wrong: be busy, refuse, be broken, or hang."""
    down: Channel
    """The same channel, with nobody listening."""

    async def send(self, **changes: Any) -> Outcome:
        dispatch = a_dispatch(target=self.target, **changes)
        return await self.channel.send(as_letter(dispatch) if self.channel.name == CONTACT else dispatch)


def as_letter(dispatch: Dispatch) -> Dispatch:
    """The same to a customer's person."""
    said = dispatch.message
    letter = Letter(
        template="t", language="en", paragraphs=[said.title], account_id="northwind", contact_id="kim", kind="service"
    )
    return replace(dispatch, message=msgspec.structs.replace(said, letter=letter))


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


async def slack_ids(slack: SlackSink) -> list[str]:
    return [posted.body["blocks"][0]["block_id"] for posted in slack.got]


def slack_bench(slack: SlackSink, channel: Callable[[str], SlackChannel], refused: Any, broken: Any) -> Bench:
    answers = {"busy": RATE_LIMITED, "refuse": refused, "broken": broken, "hang": HANG}
    return Bench(
        channel(slack.url),
        "C01",
        partial(slack_ids, slack),
        {name: partial(slack.answers.append, answer) for name, answer in answers.items()},
        channel(f"http://127.0.0.1:{free_ports()}"),
    )


@pytest.fixture
def bot(slack: SlackSink, client: httpx.AsyncClient) -> Bench:
    def channel(url: str) -> SlackChannel:
        return SlackChannel(client, Renderer(), api_url=f"{url}/api", bot_token=TOKEN)

    return slack_bench(slack, channel, says("channel_not_found"), says("invalid_auth"))


@pytest.fixture
def webhook(slack: SlackSink, client: httpx.AsyncClient) -> Bench:
    def channel(url: str) -> SlackChannel:
        webhook = f"{url}/services/T000/B000/verysecretpath"
        return SlackChannel(client, Renderer(), api_url="https://slack.invalid/api", webhook_url=webhook)

    return slack_bench(slack, channel, (400, {}, b"invalid_payload"), (404, {}, b"no_service"))


@pytest.fixture
def email(mail: MailSink) -> Bench:
    def channel(port: int) -> EmailChannel:
        made = EmailChannel(a_server(port), Renderer())
        made.patience = 0.5
        return made

    async def ids() -> list[str]:
        return [str(letter["Message-ID"]).strip("<>").partition("@")[0] for letter in mail.letters]

    answers = {"busy": "451 try again later", "refuse": "554 no such user here", "hang": HANG}
    return Bench(
        channel(mail.port),
        "owner@example.com",
        ids,
        {
            **{name: partial(mail.answers.append, answer) for name, answer in answers.items()},
            "broken": lambda: setattr(mail, "refuse_sender", "550 not from here"),
        },
        channel(free_ports()),
    )


@pytest.fixture
async def workflow() -> AsyncIterator[HookSink]:
    async with a_hook(Workflow().judge) as sink:
        yield sink


@pytest.fixture
async def space() -> AsyncIterator[HookSink]:
    async with a_hook(chat) as sink:
        yield sink


async def card_ids(workflow: HookSink) -> list[str]:
    return [posted.body["attachments"][0]["content"]["body"][0]["id"] for posted in workflow.got]


def hook_bench(sink: HookSink, channel: Callable[[str], Channel], ids: Callable[[], Awaitable[list[str]]]) -> Bench:
    answers = {
        "busy": (429, {"Retry-After": "7"}, b""),
        "refuse": (400, {}, b'{"error":{"code":"InvalidParameter"}}'),
        "broken": (404, {}, b'{"error":{"code":"WorkflowNotFound"}}'),
        "hang": NO_ANSWER,
    }
    return Bench(
        channel(sink.url),
        "webhook",
        ids,
        {name: partial(sink.answers.append, answer) for name, answer in answers.items()},
        channel(f"http://127.0.0.1:{free_ports()}/verysecretpath"),
    )


@pytest.fixture
def teams(workflow: HookSink, client: httpx.AsyncClient) -> Bench:
    def channel(url: str) -> TeamsChannel:
        return TeamsChannel(Hook(client, url, "Teams", "KEEPWELL_TEAMS_WEBHOOK_URL", receipt="x-ms-workflow-run-id"))

    return hook_bench(workflow, channel, partial(card_ids, workflow))


class ByTrace(ChatChannel):
    """A text has no room for an id: which message it was, the trace that it came with tells."""

    async def send(self, dispatch: Dispatch) -> Outcome:
        return await super().send(replace(dispatch, traceparent=dispatch.delivery_id))


@pytest.fixture
def chats(space: HookSink, client: httpx.AsyncClient) -> Bench:
    async def ids() -> list[str]:
        return [posted.headers["traceparent"] for posted in space.got]

    return hook_bench(space, lambda url: ByTrace(Hook(client, url, "the chat", "KEEPWELL_CHAT_WEBHOOK_URL")), ids)


@pytest.fixture
def contact(email: Bench, mail: MailSink) -> Bench:
    def channel(port: int) -> ContactChannel:
        return ContactChannel(a_server(port), LetterRenderer(), Links(["k" * 32], "https://x.example"), patience=0.5)

    return replace(email, channel=channel(mail.port), target="kim@example.com", down=channel(free_ports()))


@pytest.fixture
async def inbox(engine: AsyncEngine) -> AsyncIterator[Bench]:
    async def ids() -> list[str]:
        async with engine.connect() as c:
            return list((await c.execute(text("SELECT id FROM inbox"))).scalars())

    away = make_engine(f"postgresql://nobody@127.0.0.1:{free_ports()}/none", "notifier")
    yield Bench(InboxChannel(UnitOfWork(engine)), "csm-3", ids, {}, InboxChannel(UnitOfWork(away)))
    await away.dispose()


CHANNELS = ("bot", "webhook", "teams", "chats", "email", "contact", "inbox")
WITH_A_SERVER = ("bot", "webhook", "teams", "chats", "email", "contact")
"""The inbox is in our own database: it is there or away, and nothing between."""


@pytest.fixture(params=CHANNELS)
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=WITH_A_SERVER)
def served(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


def a_server(port: int, **changes: Any) -> SmtpServer:
    return SmtpServer(host="127.0.0.1", port=port, sender="keepwell@example.com", **changes)


def test_a_channel_says_which_it_is_and_how_much_it_does_at_once(bench: Bench) -> None:
    assert bench.channel.name in get_args(Transport)
    assert bench.channel.timeout > 0
    assert bench.channel.at_once >= 1


KINDS: dict[str, list[ActionRequested]] = {
    "a task": [an_action()],
    "an alert": [an_alert()],
    "a flag": [a_flag()],
    "a group": alerts_that_turned_red(40),
    "a digest": [an_alert(kind="digest", found=[{"account_id": f"a{n}", "account_name": f"A {n}"} for n in range(25)])],
    "what says next to nothing": [
        an_alert(title="", playbook_title="", do=None, why=[], drivers=[], since=None, recipient=None, severity="info")
    ],
    "what says far too much": [an_alert(title="é" * 9_000, do="<&>" * 3_000, why=["x y " * 2_000] * 40)],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_of_every_kind_is_taken(bench: Bench, kind: str) -> None:
    for id, shared in (("dlv_1", False), ("dlv_2", True)):
        message = compose_group(KINDS[kind], NOW, shared=shared)
        assert isinstance(await bench.send(message=message, delivery_id=id), Sent)
    assert await bench.ids() == ["dlv_1", "dlv_2"]


async def test_a_message_has_one_id_in_every_attempt_and_another_message_another(bench: Bench) -> None:
    for id in ("dlv_1", "dlv_1", "dlv_2"):
        await bench.send(delivery_id=id, repeat=id == "dlv_1")
    assert set(await bench.ids()) == {"dlv_1", "dlv_2"}


def be_patient(channel: Channel) -> None:
    """Let it wait for a server that is busy, and not only until one that hangs is known to."""
    match channel:
        case EmailChannel() | ContactChannel():
            channel.patience = 15
        case SlackChannel():
            channel.client.timeout = httpx.Timeout(15)
        case TeamsChannel() | ChatChannel():
            channel.hook.client.timeout = httpx.Timeout(15)


async def test_as_many_as_it_takes_at_once_and_more_all_arrive(bench: Bench) -> None:
    ids = {f"dlv_{n}" for n in range(bench.channel.at_once + 10)}
    be_patient(bench.channel)
    outcomes = await asyncio.gather(*(bench.send(delivery_id=id) for id in ids))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert sorted(await bench.ids()) == sorted(ids)


async def test_a_busy_server_means_later(served: Bench) -> None:
    served.misbehave["busy"]()
    outcome = await served.send()
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


async def test_a_refused_message_is_never_sent(served: Bench) -> None:
    served.misbehave["refuse"]()
    assert isinstance(await served.send(), Never)


async def test_a_revoked_secret_is_fatal(served: Bench) -> None:
    served.misbehave["broken"]()
    assert isinstance(await served.send(), Fatal)


async def test_no_answer_after_sending_began_is_uncertain(served: Bench) -> None:
    served.misbehave["hang"]()
    outcome = await served.send()
    assert isinstance(outcome, Later)
    assert outcome.uncertain


async def test_nobody_listening_means_later_and_surely_not_sent(bench: Bench) -> None:
    outcome = await replace(bench, channel=bench.down).send()
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


async def test_one_bad_answer_spoils_nothing_that_comes_after(served: Bench) -> None:
    for wrong in ("busy", "refuse", "hang"):
        served.misbehave[wrong]()
        assert not isinstance(await served.send(), Sent)
        assert isinstance(await served.send(), Sent)


async def test_what_is_cut_off_from_outside_ends_at_once_and_the_next_goes(served: Bench) -> None:
    served.misbehave["hang"]()
    sending = asyncio.ensure_future(served.send())
    await until_got(served, 1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert isinstance(await served.send(), Sent)


async def until_got(bench: Bench, count: int) -> None:
    async def so() -> bool:
        return len(await bench.ids()) >= count

    await until(so)


async def test_what_is_over_takes_the_place_of_what_was_told_in_slack(bot: Bench, slack: SlackSink) -> None:
    told = await bot.send()
    assert isinstance(told, Sent)
    assert isinstance(await bot.send(delivery_id="dlv_2", amends=Amends("dlv_1", told.receipt)), Sent)
    first, second = slack.got
    assert (first.path, second.path) == ("/api/chat.postMessage", "/api/chat.update")
    assert (second.body["channel"], second.body["ts"]) == ("C01", "1763457240.000100")


async def test_what_is_over_answers_what_was_told_by_mail(email: Bench, mail: MailSink) -> None:
    await email.send()
    await email.send(delivery_id="dlv_2", amends=Amends("dlv_1", "250 taken"))
    first, second = mail.letters
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]


async def test_what_is_over_takes_the_place_of_what_lies_in_the_inbox(inbox: Bench, engine: AsyncEngine) -> None:
    await inbox.send()
    over = compose_group([an_action(title="Over", task=None, kind="alert")], NOW)
    await inbox.send(delivery_id="dlv_2", message=over, amends=Amends("dlv_1", "dlv_1"))
    assert await inbox.ids() == ["dlv_1"]
    async with engine.connect() as c:
        assert (await c.execute(text("SELECT message ->> 'title' FROM inbox"))).scalars().all() == ["Over"]


async def test_a_channel_that_was_taken_away_says_so_and_is_held() -> None:
    for name in get_args(Transport):
        outcome = await MissingChannel(name).send(a_dispatch())
        assert outcome == Fatal(reason=f"the channel {name} is not set up any more")


SMTP_STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "letter")
BUSY, REFUSED, BREAKS, SILENT = "450 busy", "550 no", "", "silence"
BEGUN = SMTP_STEPS[4:]
"""From here on the server may have it."""


def expected_of_smtp(step: str, answer: str) -> tuple[type[Outcome], bool]:
    if answer in (BREAKS, SILENT):
        return Later, step in BEGUN
    if answer == BUSY or step in ("greeting", "EHLO"):
        return Later, False
    return (Fatal if step == "MAIL" else Never), False


@pytest.mark.parametrize("answer", [BUSY, REFUSED, BREAKS, SILENT])
@pytest.mark.parametrize("step", SMTP_STEPS)
async def test_whatever_a_mail_server_says_at_whatever_step_is_an_outcome(step: str, answer: str) -> None:
    good = dict(zip(SMTP_STEPS, ("220 hello", "250 hello", "250 OK", "250 OK", "354 go on", "250 taken"), strict=True))

    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.transport.abort()
            ended.set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = "greeting"
        while at:
            said = answer if at == step else good[at]
            if said == SILENT:
                await reader.read()
                break
            if said == BREAKS:
                break
            writer.write(f"{said}\r\n".encode())
            if at == "DATA" and said.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                at = "letter"
                continue
            verb = (await reader.readline())[:4].decode()
            at = "EHLO" if verb == "HELO" else verb if verb in good else ""

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        channel = EmailChannel(a_server(server.sockets[0].getsockname()[1]), Renderer())
        channel.patience = 0.25
        outcome = await channel.send(a_dispatch(target="owner@example.com"))
        await asyncio.wait_for(ended.wait(), 30)
        await asyncio.sleep(0)
    kind, uncertain = expected_of_smtp(step, answer)
    assert isinstance(outcome, kind), outcome
    assert (isinstance(outcome, Later) and outcome.uncertain) == uncertain, outcome


def _error(word: str) -> bytes:
    return b'{"ok":false,"error":"' + word.encode() + b'"}'


SLACK_ANSWERS = [
    *((status, b"{}", Later, True) for status in (500, 502, 503, 504, 599)),
    (429, b"{}", Later, False),
    *((status, b"{}", Fatal, False) for status in (401, 403)),
    *((status, b"<html>", Later, True) for status in (200, 302, 400, 404)),
    (200, b'{"ok":true}', Sent, False),
    *((200, _error(word), Later, False) for word in ("ratelimited", "service_unavailable", "team_added_to_org")),
    *((200, _error(word), Later, True) for word in ("internal_error", "fatal_error")),
    *((200, _error(word), Fatal, False) for word in ("invalid_auth", "token_revoked", "missing_scope", "not_authed")),
    *((200, _error(word), Never, False) for word in ("channel_not_found", "is_archived", "msg_too_long", "new_word")),
    *((200, body, Never, False) for body in (b"{}", b'{"ok":false}', b'{"ok":false,"error":""}')),
    *((200, body, Later, True) for body in (b"", b"null", b"[]", b'{"ok":"yes"}', b"\xff")),
]


@pytest.mark.parametrize(("status", "body", "kind", "uncertain"), SLACK_ANSWERS)
async def test_whatever_slack_answers_a_bot_is_an_outcome(
    bot: Bench, slack: SlackSink, status: int, body: bytes, kind: type[Outcome], uncertain: bool
) -> None:
    slack.answers = [(status, {}, body)]
    outcome = await bot.send()
    assert isinstance(outcome, kind), outcome
    assert (isinstance(outcome, Later) and outcome.uncertain) == uncertain


@pytest.mark.parametrize("after", ["0", "7", "99999999", "-1", "1.5", "soon", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_whatever_slack_asks_to_wait_is_a_number_of_seconds(bot: Bench, slack: SlackSink, after: str) -> None:
    slack.answers = [(429, {"Retry-After": after}, b"")]
    outcome = await bot.send()
    assert isinstance(outcome, Later)
    assert outcome.after == (float(after) if after.isdecimal() else 30)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Sent), (400, Never), *((n, Fatal) for n in (302, 403, 404, 410)), *((n, Later) for n in (429, 500, 503))],
)
async def test_whatever_a_webhook_answers_is_an_outcome(
    webhook: Bench, slack: SlackSink, status: int, kind: type[Outcome]
) -> None:
    slack.answers = [(status, {}, b"word")]
    outcome = await webhook.send()
    assert isinstance(outcome, kind), outcome
    assert (isinstance(outcome, Later) and outcome.uncertain) == (status >= 500)


HOOK_ANSWERS: list[tuple[int, bytes, type[Outcome], bool]] = [
    *((status, b"", Sent, False) for status in (200, 201, 202, 204)),
    *((status, b"", Fatal, False) for status in (301, 302, 401, 403, 404, 405, 410, 501)),
    *((status, b"", Never, False) for status in (400, 413, 422)),
    *((status, b"", Later, False) for status in (408, 425, 429)),
    *((status, b"", Later, True) for status in (500, 502, 503, 504, 599)),
    (400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled"}}', Fatal, False),
    (400, b'{"id":"web.incoming_webhook.invalid.app_error"}', Fatal, False),
    (400, b'{"id":"web.incoming_webhook.text.app_error"}', Never, False),
    *((400, body, Never, False) for body in (b"null", b"[]", b'{"error":[]}', b'{"id":7}', b"\xff", b"<html>")),
]


@pytest.mark.parametrize(("status", "body", "kind", "uncertain"), HOOK_ANSWERS)
async def test_whatever_the_webhook_of_a_chat_answers_is_an_outcome(
    chats: Bench, space: HookSink, status: int, body: bytes, kind: type[Outcome], uncertain: bool
) -> None:
    space.answers = [(status, {}, body)]
    outcome = await chats.send()
    assert isinstance(outcome, kind), outcome
    assert (isinstance(outcome, Later) and outcome.uncertain) == uncertain


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("0", 0), ("7", 7), ("0.65", 0.65), *((one, 30) for one in ("-1", "soon", "", "inf", "nan"))],
)
async def test_whatever_a_chat_asks_to_wait_is_a_number_of_seconds(
    chats: Bench, space: HookSink, after: str, seconds: float
) -> None:
    space.answers = [(429, {"Retry-After": after}, b"")]
    outcome = await chats.send()
    assert isinstance(outcome, Later)
    assert outcome.after == seconds


async def test_what_a_webhook_of_teams_refuses_says_what_to_do(teams: Bench, workflow: HookSink) -> None:
    workflow.answers = [(404, {}, b'{"error":{"code":"WorkflowNotFound"}}'), (400, {}, b'{"error":{"code":"no <b>"}}')]
    todo = "KEEPWELL_TEAMS_WEBHOOK_URL has to be made anew, or switched on again"
    assert await teams.send() == Fatal(reason=f"Teams answered 404 WorkflowNotFound: {todo}")
    assert await teams.send() == Never(reason="Teams answered 400")
    assert await teams.send() == Sent(receipt="08584402-CU12")


async def test_a_webhook_of_a_chat_changes_nothing_that_it_posted(
    teams: Bench, chats: Bench, workflow: HookSink, space: HookSink
) -> None:
    for bench in (teams, chats):
        assert isinstance(await bench.send(amends=Amends("dlv_0", "ok")), Never)
    assert workflow.got == space.got == []


async def test_only_a_possible_repeat_says_so_in_a_chat(
    teams: Bench, chats: Bench, workflow: HookSink, space: HookSink
) -> None:
    for bench, sink in ((teams, workflow), (chats, space)):
        await bench.send()
        await bench.send(repeat=True)
        first, second = (str(posted.body) for posted in sink.got)
        assert "You may have this already" not in first
        assert "You may have this already" in second


async def test_the_largest_group_fits_where_a_chat_takes_the_least(
    teams: Bench, chats: Bench, workflow: HookSink, space: HookSink
) -> None:
    group = alerts_that_turned_red(300)
    rude = [replace_name(one, "@all <!channel> [x](https://evil.example) " + "é" * 60) for one in group]
    for actions in (group, rude):
        message = compose_group(actions, NOW, shared=True)
        assert isinstance(await teams.send(message=message), Sent)
        assert isinstance(await chats.send(message=message), Sent)
    assert max(teams_size(posted.body) for posted in workflow.got) < 28 * 1024
    assert not any(ALIVE.search(posted.body["text"]) for posted in space.got)


def replace_name(action: ActionRequested, name: str) -> ActionRequested:
    return an_alert(action.action_id, account=an_account(action.account.id, name=f"{action.account.id} {name}"))


async def test_the_workflow_holds_itself_to_what_teams_takes(client: httpx.AsyncClient, workflow: HookSink) -> None:
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "RichTextBlock", "inlines": ["x"]}]}

    async def post(**content: Any) -> int:
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None}
        body = {"type": "message", "attachments": [attachment | {"content": card | content}]}
        return (await client.post(workflow.url, json=body)).status_code

    mention = {"entities": [{"type": "mention", "text": "<at>Kim</at>"}]}
    markdown = {"type": "TextBlock", "text": "[x](https://evil.example)"}
    large = {"type": "RichTextBlock", "inlines": ["x" * 29_000]}
    wrong: list[dict[str, Any]] = [
        {"msteams": mention},
        {"version": "2.0"},
        *({"body": [one]} for one in (markdown, large, {"type": "Blink"})),
    ]
    assert [await post(**one) for one in wrong] == [400] * 5
    assert (await client.post(workflow.url, json={"text": "x"})).status_code == 400
    assert [await post() for _ in range(5)] == [202] * 4 + [429]


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
        await asyncio.wait_for(ended.wait(), 30)
    assert isinstance(outcome, Later)
    assert not outcome.uncertain


def test_a_mail_attempt_is_not_cut_off_before_the_channel_itself_gives_it_up() -> None:
    channel = EmailChannel(a_server(25), Renderer())
    assert channel.timeout > 3 * channel.patience


async def test_no_secret_is_in_a_reason_or_a_log_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for misbehave in bench.misbehave.values():
        misbehave()
        outcome = await bench.channel.send(a_dispatch(target=bench.target))
        assert "secret" not in str(outcome)
    assert "secret" not in str(await bench.down.send(a_dispatch(target=bench.target)))
    assert "secret" not in repr(bench.channel)
    assert "secret" not in caplog.text


async def test_a_bot_posts_to_the_channel_with_its_token_and_the_trace(bot: Bench, slack: SlackSink) -> None:
    outcome = await bot.channel.send(a_dispatch(target="#renewals"))
    assert outcome == Sent(receipt="CRENEWALS 1763457240.000100")
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
        reason="Slack says channel_not_found: there is no such channel, or the bot can't see it: invite the bot",
        is_road=True,
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
    assert outcome == Never(reason="the mail server says 550 no such user", is_road=True, bounced=True)
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


async def test_an_inbox_without_its_database_means_later(inbox: Bench, database_url: str) -> None:
    await as_owner(database_url, "ALTER TABLE notifier.inbox RENAME TO away")
    assert isinstance(await inbox.channel.send(a_dispatch(target="csm-3")), Later)


async def test_fifty_messages_at_once_all_arrive(bot: Bench, slack: SlackSink) -> None:
    be_patient(bot.channel)
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
