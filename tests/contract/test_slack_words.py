"""What Slack brings back, and is told back: buttons only where clicks can come back, words for whoever clicked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.core.amending import Amends, Answers
from services.notifier.core.composing import compose
from services.notifier.core.retry import Later, Never, Sent
from shared.messages.moves import OFFERED
from tests.support.notifier import NOW, SlackSink, a_slack_sink, an_action, an_alert, says
from tests.support.slack_limits import WORDS_BACK, Pace, faults

WORD = compose(an_alert(title="Ben has taken it <already>."), NOW)
BY_COMMAND = "keepwell tasks take"


@pytest.fixture
async def slack() -> AsyncIterator[SlackSink]:
    async with a_slack_sink() as sink:
        yield sink


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(timeout=0.5) as made:
        yield made


def a_channel(client: httpx.AsyncClient, slack: SlackSink, *, interactive: bool = True, **keys: Any) -> SlackChannel:
    given: dict[str, Any] = {"bot_token": "xoxb-1"} | keys
    return SlackChannel(client, Renderer(interactive=interactive), api_url=slack.api_url, **given)


def a_dispatch(target: str = "U01", **changes: Any) -> Dispatch:
    given: dict[str, Any] = {"message": compose(an_action(item_id="tsk-41"), NOW), "delivery_id": "dlv_1", "at": NOW}
    return Dispatch(target=target, **(given | changes))


def a_word(url: str | None, target: str = "U01") -> Dispatch:
    return a_dispatch(target, message=WORD, answers=Answers(url))


def pressed(body: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        one["action_id"] for block in body["blocks"] if block["type"] == "actions" for one in block["elements"]
    )


async def test_a_bot_that_slack_reaches_us_by_has_buttons(client: httpx.AsyncClient, slack: SlackSink) -> None:
    assert isinstance(await a_channel(client, slack).send(a_dispatch()), Sent)
    assert pressed(slack.only()) == OFFERED["task", "open"]
    assert BY_COMMAND not in str(slack.only())


async def test_where_no_click_can_come_back_it_says_how_to_act_by_keepwell(
    client: httpx.AsyncClient, slack: SlackSink
) -> None:
    without = a_channel(client, slack, interactive=False)
    webhook = a_channel(client, slack, bot_token=None, webhook_url=slack.webhook_url)
    for channel, target in ((without, "U01"), (webhook, "webhook")):
        assert isinstance(await channel.send(a_dispatch(target)), Sent)
    for posted in slack.got:
        assert pressed(posted.body) == ()
        assert BY_COMMAND in posted.body["text"]
        assert BY_COMMAND in str(posted.body["blocks"])


async def test_a_webhook_changes_nothing_that_it_posted(client: httpx.AsyncClient, slack: SlackSink) -> None:
    webhook = a_channel(client, slack, bot_token=None, webhook_url=slack.webhook_url)
    outcome = await webhook.send(a_dispatch("C01", amends=Amends("dlv_1", "C01 1.1")))
    assert isinstance(outcome, Never)
    assert slack.got == []


async def test_whoever_clicked_is_told_for_their_eyes_alone_and_the_message_stays(
    client: httpx.AsyncClient, slack: SlackSink
) -> None:
    assert isinstance(await a_channel(client, slack).send(a_word(slack.response_url())), Sent)
    [posted] = slack.got
    assert posted.body == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "Ben has taken it &lt;already&gt;.",
    }
    assert "authorization" not in posted.headers


async def test_what_slack_does_not_take_back_any_more_goes_to_the_person(
    client: httpx.AsyncClient, slack: SlackSink
) -> None:
    channel = a_channel(client, slack)
    for _ in range(WORDS_BACK + 1):
        assert isinstance(await channel.send(a_word(slack.response_url())), Sent)
    assert len(slack.words) == WORDS_BACK
    assert [channel for channel, _ in slack.shown] == ["D01"]


async def test_without_a_person_or_a_token_there_is_nowhere_else(client: httpx.AsyncClient, slack: SlackSink) -> None:
    slack.answers = [(404, {}, b"expired_url"), (404, {}, b"expired_url")]
    nobody = await a_channel(client, slack).send(a_word(slack.response_url(), target=""))
    tokenless = a_channel(client, slack, bot_token=None, webhook_url=slack.webhook_url)
    assert (
        nobody == await tokenless.send(a_word(slack.response_url())) == Never(reason="Slack answered 404 expired_url")
    )


async def test_slack_breaking_inside_is_asked_again(client: httpx.AsyncClient, slack: SlackSink) -> None:
    slack.answers = [(503, {}, b"")]
    assert isinstance(await a_channel(client, slack).send(a_word(slack.response_url())), Later)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com.example.com/actions/1",
        "https://hooks.slack.com@example.com/actions/1",
        "http://hooks.slack.com/actions/1",
        "https://example.com/https://hooks.slack.com/",
        "not a url",
        "http://[",
        "",
    ],
)
async def test_no_other_address_is_ever_called(client: httpx.AsyncClient, slack: SlackSink, url: str) -> None:
    slack.answers = [says("user_not_found")]
    outcome = await a_channel(client, slack).send(a_word(url))
    assert [posted.path for posted in slack.got] == ["/api/chat.postMessage"]
    assert isinstance(outcome, Never)


async def test_the_fake_holds_itself_to_slacks_limits(client: httpx.AsyncClient, slack: SlackSink) -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    button = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": "take", "value": "v" * 2_001}
    twice = {"type": "divider", "block_id": "b"}
    for blocks in ([header], [{"type": "actions", "elements": [button]}], [twice, twice], [{"type": "divider"}] * 51):
        assert list(faults(blocks)) != []
    pace = Pace(burst=2)
    assert [pace.wait("C01", 0.0) for _ in range(3)] == [0, 0, 1]
    assert (pace.wait("C02", 0.0), pace.wait("C01", 1.0)) == (0, 0)
    slack.pace.burst = 1
    first, second = [await a_channel(client, slack).send(a_dispatch()) for _ in range(2)]
    assert isinstance(first, Sent)
    assert isinstance(second, Later)
    assert second.after == 1
    gone = await a_channel(client, slack).send(a_dispatch(amends=Amends("dlv_1", "D01 9.9")))
    assert gone == Never(reason="Slack says message_not_found: it was deleted")
