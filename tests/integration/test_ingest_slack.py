"""Slack's interactivity endpoint: who may post there, what a press does, and how forms are asked and answered."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from services.ingest.core.interactions import Click, Form
from services.ingest.publishing.responding import Responding
from services.ingest.slack.client import Slack
from services.ingest.slack.interactions import Interactions
from shared.figures import Figures
from shared.log.protocol import BrokerUnavailable, Unconfirmed
from shared.log.publisher import Publisher
from shared.messages import registry
from shared.messages.deliveries import DeliveryResponded
from shared.messages.preferences import Asked, Preferences, PreferencesWanted
from tests.support.clicks import (
    HOOK,
    SIGNING_SECRET,
    TEAM,
    a_click,
    a_form_slack,
    a_handle,
    a_preferences_click,
    a_submission,
    a_user,
    as_shown,
    at,
    chosen,
    signed,
)
from tests.support.ingest import House, a_house
from tests.support.stream import NOON, until

AGAIN = "Keepwell could not take that now, and nothing was changed for certain. Try again in a moment."


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def post(house: House, payload: Any, **how: Any) -> httpx.Response:
    body, headers = signed(payload, **{"at": house.clock.now()} | how)
    return await house.http.post("/v1/webhooks/slack", content=body, headers=headers)


async def opened(house: House, move: str, **handle: Any) -> dict[str, Any]:
    """The form that a button opens."""
    trigger = f"trigger-{len(house.slack.views)}"
    answer = await post(house, a_click(move, a_handle(**handle), trigger_id=trigger))
    assert (answer.status_code, answer.content) == (200, b"")
    return house.slack.views[-1]


def answers(house: House) -> list[DeliveryResponded]:
    assert {message.topic for message in house.broker.messages} <= {registry.DELIVERIES}
    return [registry.data_of(event) for event in house.broker.events()]


# --- who may post there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"secret": "another-apps-signing-secret"}, {"at": NOON - timedelta(seconds=301)}])
async def test_a_wrong_or_old_signature_is_refused(house: House, how: dict[str, Any]) -> None:
    answer = await post(house, a_click("take"), **how)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert SIGNING_SECRET not in answer.text
    assert house.broker.messages == []


async def test_what_was_signed_once_is_no_use_five_minutes_later(house: House) -> None:
    body, headers = signed(a_click("take"))
    house.clock.move(timedelta(seconds=301))
    answer = await house.http.post("/v1/webhooks/slack", content=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["message"] == (
        "The signature is older than 300 s, or from the future. Check this machine's clock."
    )


async def test_a_body_that_was_changed_on_the_way_is_refused(house: House) -> None:
    body, headers = signed(a_click("take"))
    answer = await house.http.post("/v1/webhooks/slack", content=body + b"&x=1", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"x-slack-signature": ""},
        {"x-slack-request-timestamp": "now"},
        {"x-slack-request-timestamp": "9" * 30},
        {"x-slack-signature": "v0=" + "ä" * 64},
        {"x-slack-signature": "v1=" + "0" * 64},
    ],
)
async def test_headers_that_slack_never_sends_are_refused(house: House, changes: dict[str, str]) -> None:
    body, headers = signed(a_click("take"))
    raw = [(name.encode(), value.encode()) for name, value in (headers | changes).items()]
    answer = await house.http.post("/v1/webhooks/slack", content=body, headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


async def test_a_body_beyond_what_slack_sends_is_refused(house: House) -> None:
    answer = await post(house, "x" * 1_100_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_without_its_secret_it_says_which_setting_is_missing(database_url: str) -> None:
    async with a_house(database_url, slack_secret=None) as house:
        answer = await post(house, a_click("take"))
        assert (answer.status_code, answer.json()["code"]) == (503, "slack_not_set_up")
        assert "KEEPWELL_SLACK_SIGNING_SECRET" in answer.json()["message"]


async def test_what_is_nothing_to_keepwell_is_answered_and_ignored(house: House) -> None:
    for payload in ({"type": "shortcut", "user": {"id": "U1"}}, a_click("open_the_account")):
        answer = await post(house, payload)
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await post(house, "not JSON")).status_code == 400
    assert house.broker.messages == []


# --- a press ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("move", ["take", "acknowledge", "close", "accept", "dismiss"])
async def test_a_press_is_passed_on_with_who_pressed(house: House, move: str) -> None:
    answer = await post(house, a_click(move))
    assert (answer.status_code, answer.content) == (200, b"")
    [said] = answers(house)
    assert (said.response, said.item_id, said.at) == (move, "tsk-41", NOON)
    assert said.actor == "slack:U012AB3CD <dana@example.com>"
    assert said.response_url == HOOK
    assert said.response_id
    [event] = house.broker.events()
    assert (event.type, event.subject) == ("delivery.responded", "northwind")
    assert house.broker.messages[0].key == "northwind"
    figures = (await house.http.get("/metrics")).text
    assert f'keepwell_answers_total{{by="slack",response="{move}"}} 1.0' in figures


async def test_a_press_that_slack_tells_of_twice_is_one_answer(house: House) -> None:
    for _ in range(2):
        await post(house, a_click("take"))
        house.clock.move(timedelta(seconds=2))
    first, second = answers(house)
    assert first.response_id == second.response_id


async def test_while_the_broker_does_not_confirm_they_are_told_to_try_again(house: House) -> None:
    house.broker.confirms.clear()
    answer = await post(house, a_click("take"))
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    await until(lambda: bool(house.slack.told))
    assert house.slack.told == [AGAIN]


async def test_slack_is_answered_in_time_though_the_broker_would_be_waited_for_longer(house: House) -> None:
    figures = Figures("ingest")
    async with a_form_slack(house.clock) as (slack, http):
        asked = Slack(http, house.clock, api_url="http://slack.test/api", token="xoxb-1")
        patient = Responding(Publisher(house.broker.producer, figures, limit=5.0), figures)
        interactions = Interactions(asked, patient, house.clock, within=0.05)
        house.broker.confirms.clear()
        form = Form(move="take", handle=a_handle(), response_url=HOOK)
        click = Click(user="U012AB3CD", form=form, trigger_id="1", stamp="1.1")
        with pytest.raises(Unconfirmed):
            await interactions.click(click)
        await until(lambda: slack.told == [AGAIN])
        house.broker.confirms.set()
        # It went on, and comes once with what is pressed again.
        await until(lambda: len(house.broker.messages) == 1)
        await interactions.click(click)
    first, second = answers(house)
    assert first.response_id == second.response_id


async def test_the_answer_comes_in_time_though_slack_itself_is_slow(house: House) -> None:
    """Who clicked is asked for within a second; without that, the id alone goes on."""
    house.slack.answers.clear()
    async with asyncio.timeout(2.5):
        answer = await post(house, a_click("take"))
    assert answer.status_code == 200
    assert [said.actor for said in answers(house)] == ["slack:U012AB3CD"]


async def test_what_slack_said_before_counts_while_it_does_not_answer(house: House) -> None:
    await post(house, a_click("take"))
    house.clock.move(timedelta(hours=2))
    house.slack.answers.clear()
    await post(house, a_click("take"))
    assert [said.actor for said in answers(house)] == ["slack:U012AB3CD <dana@example.com>"] * 2


@pytest.mark.parametrize("method", ["users.info", "auth.test"])
async def test_a_slack_that_could_not_be_asked_is_asked_at_the_next_press(house: House, method: str) -> None:
    house.slack.broken.add(method)
    await post(house, a_click("take"))
    house.slack.broken.clear()
    await post(house, a_click("take"))
    assert [said.actor for said in answers(house)] == ["slack:U012AB3CD", "slack:U012AB3CD <dana@example.com>"]


async def test_who_somebody_is_is_asked_once_an_hour(house: House) -> None:
    for _ in range(3):
        await post(house, a_click("take"))
    assert house.slack.asked.count("users.info") == 1
    house.clock.move(timedelta(hours=1))
    await post(house, a_click("take"))
    assert house.slack.asked.count("users.info") == 2
    assert house.slack.asked.count("auth.test") == 1
    assert house.slack.tokens == {"Bearer xoxb-1"}


async def test_whom_slack_does_not_know_is_asked_for_again_after_a_minute(house: House) -> None:
    user = house.slack.users.pop("U012AB3CD")
    for _ in range(2):
        await post(house, a_click("take"))
    assert house.slack.asked.count("users.info") == 1
    house.slack.users["U012AB3CD"] = user
    house.clock.move(timedelta(minutes=1))
    await post(house, a_click("take"))
    assert [said.actor for said in answers(house)] == [
        "slack:U012AB3CD",
        "slack:U012AB3CD",
        "slack:U012AB3CD <dana@example.com>",
    ]


@pytest.mark.parametrize(
    "user",
    [
        a_user(team_id="T0OTHER"),
        a_user(profile={}),
        a_user(profile={"email": "boss@example.com> <x"}),
    ],
    ids=["another company's, in a shared channel", "without the scope", "no address"],
)
async def test_an_address_that_is_not_vouched_for_names_nobody(house: House, user: dict[str, Any]) -> None:
    house.slack.users["U012AB3CD"] = user
    await post(house, a_click("take"))
    assert [said.actor for said in answers(house)] == ["slack:U012AB3CD"]


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_done_asks_what_came_of_it(house: House) -> None:
    view = await opened(house, "done")
    assert house.broker.messages == []
    answer = await post(house, a_submission(view, outcome=chosen("no_result"), note={"value": "nobody there"}))
    assert (answer.status_code, answer.content) == (200, b"")
    [said] = answers(house)
    assert (said.response, said.note, said.item_id) == ("no_result", "nobody there", "tsk-41")
    assert (said.actor, said.response_url) == ("slack:U012AB3CD <dana@example.com>", HOOK)


async def test_a_snooze_ends_at_nine_on_the_clock_of_whoever_clicked(house: House) -> None:
    view = await opened(house, "snooze", kind="alert", item_id="alr-1")
    await post(house, a_submission(view, time=chosen("tomorrow")))
    [said] = answers(house)
    nine = datetime.combine(NOON.date() + timedelta(days=1), time(9), ZoneInfo("Europe/Berlin"))
    assert nine.hour != nine.astimezone(UTC).hour
    assert (said.response, said.until) == ("snooze", nine)


async def test_work_is_given_to_one_who_is_there(house: House) -> None:
    view = await opened(house, "reassign")
    offered = [one["text"]["text"] for block in view["blocks"] for one in block.get("element", {}).get("options", [])]
    assert offered == ["Sam", "Robin"]
    await post(house, a_submission(view, to=chosen("csm-5")))
    [said] = answers(house)
    assert (said.response, said.to) == ("reassign", "csm-5")


@pytest.mark.parametrize(
    ("move", "values", "faults"),
    [
        ("snooze", {"date": {"selected_date": "2020-01-01"}}, {"date": "Choose a day after today."}),
        ("snooze", {"date": {"selected_date": "2099-01-01"}}, {"date": "Choose a day within the next 90."}),
        ("reassign", {}, {"to": "Choose to whom it goes."}),
        (
            "false_alarm",
            {"note": {"value": " "}},
            {"note": "Say why it is a false alarm: the next one is judged by that."},
        ),
    ],
)
async def test_what_is_wrong_in_a_form_is_told_at_its_field(
    house: House, move: str, values: dict[str, Any], faults: dict[str, str]
) -> None:
    view = await opened(house, move)
    answer = await post(house, a_submission(view, **values))
    assert (answer.status_code, answer.json()) == (200, {"response_action": "errors", "errors": faults})
    assert house.broker.messages == []


async def test_a_form_that_the_broker_did_not_confirm_stays_open_and_can_be_sent_again(house: House) -> None:
    view = await opened(house, "false_alarm")
    house.broker.fails.append(BrokerUnavailable("gone"))
    sent = a_submission(view, note={"value": "it was us"})
    answer = await post(house, sent)
    assert answer.json() == {"response_action": "errors", "errors": {"note": AGAIN}}
    assert (await post(house, sent)).content == b""
    assert (await post(house, sent)).content == b""
    first, second = answers(house)
    assert (first.response, first.note) == ("false_alarm", "it was us")
    assert first.response_id == second.response_id


async def test_a_press_whose_trigger_is_over_says_so_to_whoever_pressed(house: House) -> None:
    house.slack.clicked_at["old"] = NOON - timedelta(seconds=4)
    answer = await post(house, a_click("done", trigger_id="old"))
    assert answer.status_code == 200
    await until(lambda: bool(house.slack.told))
    assert house.slack.told == ["The form could not be opened: Slack says expired_trigger_id. Press the button again."]


async def test_without_a_token_buttons_that_say_all_work_and_forms_say_what_is_missing(database_url: str) -> None:
    async with a_house(database_url, bot_token=None) as house:
        await post(house, a_click("take"))
        assert [said.actor for said in answers(house)] == ["slack:U012AB3CD"]
        await post(house, a_click("done"))
        await until(lambda: bool(house.slack.told))
        assert "KEEPWELL_SLACK_BOT_TOKEN is not set" in house.slack.told[0]
        assert house.slack.asked == []


async def test_no_secret_reaches_a_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.slack.clicked_at["old"] = NOON - timedelta(seconds=4)
    house.slack.users.clear()
    await post(house, a_click("done", trigger_id="old"))
    await post(house, a_click("take"))
    house.broker.confirms.clear()
    await post(house, a_click("take"))
    await until(lambda: len(house.slack.told) == 2)
    told = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("keepwell"))
    assert "expired_trigger_id" in told
    assert "user_not_found" in told
    for secret in ("verysecret", SIGNING_SECRET, "xoxb-1", "seekrit"):
        assert secret not in told


async def test_somebody_of_the_same_enterprise_is_one_of_us(house: House) -> None:
    """Its workspaces share their people's addresses."""
    house.slack.enterprise = "E01"
    house.slack.users["U012AB3CD"] = a_user(team_id="T0OTHER", enterprise_user={"enterprise_id": "E01"})
    await post(house, a_click("take", team={"id": TEAM}))
    assert [said.actor for said in answers(house)] == ["slack:U012AB3CD <dana@example.com>"]


# --- when somebody wants to hear --------------------------------------------------------------------------------------

MINE = Preferences(daily=time(9), channel="email")


async def asked(house: House) -> dict[str, Any]:
    """The form that the button of a digest opens."""
    answer = await post(house, a_preferences_click(Asked(person="csm-dana", preferences=MINE)))
    assert (answer.status_code, answer.content) == (200, b"")
    assert house.broker.messages == []
    return house.slack.views[-1]


async def test_when_somebody_wants_to_hear_is_asked_and_passed_on(house: House) -> None:
    view = await asked(house)
    changed = {"weekly": chosen("never"), "daily_at": at("10:15")}
    sent = a_submission(view, **{**as_shown(view), **changed})
    for _ in range(2):
        answer = await post(house, sent)
        assert (answer.status_code, answer.content) == (200, b"")
    first, second = house.broker.events()
    assert (first.type, first.subject) == ("preferences.wanted", registry.COMPANY)
    assert [(one.topic, one.key) for one in house.broker.messages] == [(registry.DELIVERIES, registry.COMPANY)] * 2
    said = registry.data_of(first)
    assert isinstance(said, PreferencesWanted)
    assert said.preferences == Preferences(daily=time(10, 15), weekly=None, channel="email")
    assert (said.person, said.actor, said.at) == ("csm-dana", "slack:U012AB3CD <dana@example.com>", NOON)
    assert said.response_id == registry.data_of(second).response_id


async def test_hours_that_hold_the_digest_back_are_told_at_its_field(house: House) -> None:
    view = await asked(house)
    quiet = {"quiet": chosen("daily"), "quiet_from": at("08:00"), "quiet_to": at("09:30")}
    answer = await post(house, a_submission(view, **{**as_shown(view), **quiet}))
    words = dict.fromkeys(("daily_at", "weekly_at"), "This lies in your quiet hours. Move one of them.")
    assert (answer.status_code, answer.json()) == (200, {"response_action": "errors", "errors": words})
    assert house.broker.messages == []


async def test_that_form_stays_open_while_the_broker_does_not_confirm(house: House) -> None:
    view = await asked(house)
    house.broker.fails.append(BrokerUnavailable("gone"))
    sent = a_submission(view, **as_shown(view))
    assert (await post(house, sent)).json() == {"response_action": "errors", "errors": {"daily": AGAIN}}
    assert (await post(house, sent)).content == b""
    assert [registry.data_of(one).preferences for one in house.broker.events()] == [MINE]


async def test_a_press_whose_trigger_is_over_says_so_where_it_asks_when_to_hear(house: House) -> None:
    house.slack.clicked_at["old"] = NOON - timedelta(seconds=4)
    payload = a_preferences_click(Asked(person="csm-dana", preferences=MINE), trigger_id="old")
    assert (await post(house, payload)).status_code == 200
    await until(lambda: bool(house.slack.told))
    assert house.slack.told == ["The form could not be opened: Slack says expired_trigger_id. Press the button again."]
