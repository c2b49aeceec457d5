"""Which attempts say that a road is broken, whom ops' own road leads around it, and what they are told."""

from datetime import timedelta

import pytest

from services.notifier.channels.rendering import Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.core.breaks import (
    WHOLE,
    Break,
    Place,
    alarms,
    breaks,
    message_id,
    road_to_ops,
    told_broken,
    told_mended,
)
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from services.notifier.core.together import compose_group
from services.notifier.settings import NotifierSettings, read_channels
from shared.settings import SettingsError
from tests.support.notifier import NOW, a_mail_sink, a_slack_sink, says
from tests.unit.notifier.test_notifier_email import a_dispatch, sent

GONE = Break("slack", "#cs", NOW, "Slack says channel_not_found")


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (Fatal(reason="revoked"), (WHOLE, "revoked")),
        (Never(reason="no such channel", is_road=True), ("#cs", "no such channel")),
        (Never(reason="too long"), None),
        (Later(reason="busy", after=30), None),
        (Sent(), None),
    ],
)
def test_a_road_is_broken_where_it_is_not_the_message(outcome: Outcome, found: tuple[str, str] | None) -> None:
    assert breaks(outcome, "#cs") == found


@pytest.mark.parametrize(
    ("error", "is_road"),
    [("channel_not_found", True), ("user_not_found", True), ("is_archived", True), ("msg_too_long", False)],
)
async def test_slack_says_whether_it_is_the_channel_or_the_message(error: str, is_road: bool) -> None:
    async with a_slack_sink() as sink, open_client() as http:
        sink.answers = [says(error)]
        channel = SlackChannel(http, Renderer(), api_url=sink.url, bot_token="xoxb-1")
        outcome = await channel.send(a_dispatch("#cs"))
    assert isinstance(outcome, Never)
    assert outcome.is_road == is_road


@pytest.mark.parametrize(
    ("at_data", "is_road"), [(False, True), (True, False)], ids=["the recipient is refused", "the letter is refused"]
)
async def test_a_mail_server_says_whether_it_is_the_recipient_or_the_letter(at_data: bool, is_road: bool) -> None:
    async with a_mail_sink() as sink:
        if at_data:
            sink.answers = ["554 no thanks"]
        else:
            sink.refuse_recipient = "550 no such user"
        outcome = await sent(sink, "ana@example.com")
    assert isinstance(outcome, Never)
    assert outcome.is_road == is_road


@pytest.mark.parametrize(
    ("broken", "road"),
    [
        (set(), "slack:#ops"),
        ({("slack", "#cs")}, "slack:#ops"),
        ({("slack", "#ops")}, "email:ops@example.com"),
        ({("slack", WHOLE)}, "email:ops@example.com"),
        ({("slack", WHOLE), ("email", "ops@example.com")}, None),
    ],
)
def test_ops_hear_of_it_by_another_road(broken: set[Place], road: str | None) -> None:
    found = road_to_ops(("slack:#ops", "email:ops@example.com"), broken)
    assert (found.channel if found else None) == road


@pytest.mark.parametrize(
    ("broken", "road"),
    [
        (set(), "teams:webhook"),
        ({("teams", "webhook")}, "chat:webhook"),
        ({("teams", WHOLE)}, "chat:webhook"),
        ({("teams", WHOLE), ("chat", WHOLE)}, None),
    ],
)
def test_ops_hear_of_it_in_teams_or_a_chat(broken: set[Place], road: str | None) -> None:
    found = road_to_ops(read_channels("teams, chat"), broken)
    assert (found.channel if found else None) == road


def test_what_ops_are_told_says_what_is_broken_why_and_what_to_do() -> None:
    to = road_to_ops(("slack:#ops",), ())
    assert to is not None
    told = compose_group([told_broken(GONE, "dlv_r1", to)], NOW, shared=True)
    assert told.title == "Messages by slack:#cs don't arrive"
    assert told.reasons[0].text == "Slack says channel_not_found"
    again = compose_group([told_mended(GONE, "dlv_r2", to, NOW + timedelta(hours=3))], NOW, shared=True)
    assert again.title == "Messages by slack:#cs arrive again"
    assert again.reasons[0].text == "for 3 hours they did not: Slack says channel_not_found"


def test_each_break_is_told_under_one_id_and_another_break_under_another() -> None:
    later = GONE._replace(broken_since=NOW + timedelta(days=1))
    assert message_id(GONE, "broken") == message_id(GONE._replace(told_at=NOW), "broken")
    assert len({message_id(one, what) for one in (GONE, later) for what in ("broken", "works")}) == 4


def test_alarms_name_whole_channels_first_and_count_what_is_too_much() -> None:
    people = [Break("email", f"{n}@example.com", NOW, "550") for n in range(20)]
    said = alarms([*people, Break("slack", WHOLE, NOW + timedelta(hours=1), "the token was revoked")])
    assert said[0] == (
        "Messages by Slack don't arrive since Wed 18 Nov 2026, 10:14 UTC, and take other roads: the token was revoked."
    )
    assert len(said) == 11
    assert alarms([Break("chat", WHOLE, NOW, "gone")])[0].startswith("Messages by the chat don't arrive since ")
    assert said[-1] == "11 other roads of messages: broken, too."
    assert alarms([]) == []


def test_channels_for_ops_are_read_in_order() -> None:
    assert read_channels("slack:#ops, email:ops@example.com") == ("slack:#ops", "email:ops@example.com")
    assert NotifierSettings.load().ops == ()


@pytest.mark.parametrize("wrong", ["ops", "slack:@owner", "slack:#", "email:nobody", "inbox"])
def test_what_is_no_channel_for_ops_is_refused_at_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="KEEPWELL_OPS_CHANNEL"):
        NotifierSettings.load(ops_channel=wrong)


def test_what_is_for_customers_waits_for_its_road_and_takes_no_other() -> None:
    broken = Break("contact", WHOLE, NOW, "password refused")
    assert alarms([broken]) == [
        "Messages by mail to customers don't arrive since Wed 18 Nov 2026, 09:14 UTC, and wait: password refused."
    ]
    to = road_to_ops(["slack:#ops"], [])
    assert to is not None
    assert told_broken(broken, "x", to).do == "Mend it. Until then they wait."
