from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.routing import CONTACT, Route, Setup, Transport, delivery_id, joint_id, not_yet, route
from services.notifier.settings import NotifierSettings
from shared.messages.actions import CHANNEL, CHANNELS, SENDINGS, Recipient
from shared.settings import SettingsError
from tests.support.notifier import THE_OWNER, an_action

BOT = Setup(slack="bot", email=True)
WEBHOOK = Setup(slack="webhook", email=True)
MAIL = Setup(email=True)
NOTHING = Setup()
TEAMS = Setup(teams=True, email=True)
CHAT = Setup(chat=True)
NO_SLACK_ID = Recipient(id="csm-4", name="Somebody", email="somebody@example.com")
UNREACHABLE = Recipient(id="csm-5", name="Somebody")


@pytest.mark.parametrize("kind", sorted(set(SENDINGS) - {"message", "webhook"}))
def test_what_no_channel_carries_yet_goes_nowhere_and_says_why(kind: str) -> None:
    action = an_action(kind=kind)
    assert not_yet(action) == route(action, BOT).because == f"a {kind} can't be sent by this release yet"
    assert not_yet(an_action()) is None


@pytest.mark.parametrize(
    ("setup", "asked", "goes_to", "shared"),
    [
        (BOT, "slack:@owner", "slack:U012AB3CD", False),
        (BOT, "slack:#renewals", "slack:#renewals", True),
        (BOT, "slack:C012AB3CD", "slack:C012AB3CD", True),
        (BOT, None, "slack:U012AB3CD", False),
        (BOT, "email", "email:owner@example.com", False),
        (BOT, "inbox", "inbox:csm-3", False),
        (WEBHOOK, "slack:@owner", "slack:webhook", True),
        (WEBHOOK, "slack:#renewals", "slack:webhook", True),
        (WEBHOOK, None, "slack:webhook", True),
        (MAIL, None, "email:owner@example.com", False),
        (MAIL, "slack:#renewals", "email:owner@example.com", False),
        (NOTHING, None, "inbox:csm-3", False),
        (NOTHING, "slack:@owner", "inbox:csm-3", False),
        (NOTHING, "email", "inbox:csm-3", False),
        (BOT, "pigeon:left", "slack:U012AB3CD", False),
        (Setup(slack="bot", default="slack:#all"), None, "slack:#all", True),
        (TEAMS, None, "teams:webhook", True),
        (TEAMS, "teams", "teams:webhook", True),
        (TEAMS, "email", "email:owner@example.com", False),
        (TEAMS, "slack:@owner", "email:owner@example.com", False),
        (TEAMS, "slack:#renewals", "teams:webhook", True),
        (TEAMS, "chat", "teams:webhook", True),
        (Setup(teams=True, email=True, default="email"), None, "email:owner@example.com", False),
        (CHAT, None, "chat:webhook", True),
        (CHAT, "slack:@owner", "chat:webhook", True),
        (CHAT, "teams", "chat:webhook", True),
        (CHAT, "email", "chat:webhook", True),
        (CHAT, "inbox", "inbox:csm-3", False),
        (BOT, "teams", "slack:U012AB3CD", False),
        (MAIL, "chat", "email:owner@example.com", False),
        (NOTHING, "teams", "inbox:csm-3", False),
        (CHAT, "teams:left", "chat:webhook", True),
        (Setup(slack="bot", email=True, default="inbox"), None, "inbox:csm-3", False),
    ],
)
def test_a_message_takes_the_channel_that_was_asked_for_or_the_next_that_is_open(
    setup: Setup, asked: str | None, goes_to: str, shared: bool
) -> None:
    found = route(an_action(channel=asked), setup)
    assert (found.channel, found.shared) == (goes_to, shared)


def test_a_detour_says_why() -> None:
    assert route(an_action(channel="slack:#renewals"), MAIL).because == (
        "asked for slack:#renewals, but Slack is not set up"
    )
    assert route(an_action(channel="email"), NOTHING).because == "asked for email, but e-mail is not set up"
    assert route(an_action(channel="teams"), CHAT).because == "asked for teams, but Teams is not set up"
    assert route(an_action(channel="chat"), TEAMS).because == "asked for chat, but no chat is set up"
    assert route(an_action(recipient=NO_SLACK_ID), BOT) == Route(
        transport="email",
        target="somebody@example.com",
        because="asked for slack:@owner, but no Slack id is known for Somebody",
    )
    assert route(an_action(channel="email"), BOT).because == ""


def test_whom_nothing_can_reach_finds_it_in_the_inbox() -> None:
    assert route(an_action(recipient=UNREACHABLE), BOT).channel == "inbox:csm-5"


def test_what_has_no_recipient_goes_to_the_fallback_channel_or_an_inbox_of_its_own() -> None:
    orphan = an_action(recipient=None)
    assert route(orphan, BOT).channel == "inbox:unassigned"
    assert route(orphan, Setup(slack="bot", fallback="#cs")).channel == "slack:#cs"
    assert route(orphan, WEBHOOK).channel == "slack:webhook"
    assert route(orphan, TEAMS).channel == "teams:webhook"
    assert route(an_action(recipient=None, channel="email"), CHAT).channel == "chat:webhook"


def test_a_delivery_keeps_its_id_whatever_is_set_up_later() -> None:
    assert delivery_id(an_action(title="one")) == delivery_id(an_action(title="another"))
    ids = {
        delivery_id(an_action()),
        delivery_id(an_action("act-2")),
        delivery_id(an_action(channel="email")),
        delivery_id(an_action(recipient=None)),
    }
    assert len(ids) == 4
    assert delivery_id(an_action(recipient=THE_OWNER)) in ids


@given(st.lists(st.text(min_size=1), min_size=2, max_size=9, unique=True), st.randoms())
def test_a_joint_id_depends_on_the_members_and_not_on_their_order(ids: list[str], random: object) -> None:
    shuffled = sorted(ids, key=hash)
    assert joint_id(ids) == joint_id(shuffled)
    assert joint_id(ids) != joint_id(ids[1:])
    assert joint_id(ids[:1]) == ids[0]


@pytest.mark.parametrize("transport", sorted(set(get_args(Transport)) - {CONTACT}))
def test_every_transport_can_be_asked_for_by_playbooks_and_settings(transport: str) -> None:
    asked = [f"{transport}{target}" for target in ("", ":@owner") if CHANNEL.fullmatch(f"{transport}{target}")]
    assert asked
    assert NotifierSettings.load(default_channel=asked[0]).default_channel == asked[0]
    assert transport in CHANNELS


@pytest.mark.parametrize("channel", ["#customer-success", "C012AB3CD", "G0PRIVATE1"])
def test_a_fallback_channel_is_a_name_or_an_id(channel: str) -> None:
    assert NotifierSettings.load(slack_fallback_channel=channel).setup.fallback == channel


WEBHOOKS = ("teams_webhook_url", "chat_webhook_url")


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize(
    "url", ["https://chat.example.com/hooks/x?sig=y", "http://127.0.0.1:9/x", "http://localhost/x"]
)
def test_the_webhook_of_a_chat_is_set_up_by_its_url(name: str, url: str) -> None:
    settings = NotifierSettings.load(**{name: url})
    assert (settings.setup.teams, settings.setup.chat) == (name.startswith("teams"), name.startswith("chat"))
    assert url not in repr(settings)


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize(
    "url", ["http://chat.example.com/secret", "secret", "https://", "ftp://x/secret", "https://[x"]
)
def test_a_webhook_that_others_could_read_is_refused_and_not_repeated(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"KEEPWELL_{name.upper()} can't be used") as refused:
        NotifierSettings.load(**{name: url})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("channel", ["customer-success", "U012AB3CD", "#", "@owner"])
def test_what_is_no_channel_is_no_fallback(channel: str) -> None:
    with pytest.raises(SettingsError, match="KEEPWELL_SLACK_FALLBACK_CHANNEL"):
        NotifierSettings.load(slack_fallback_channel=channel)
