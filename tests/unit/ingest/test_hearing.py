"""The form in which somebody says when they hear: within Slack's limits, and read back as it was meant."""

import json
from datetime import time
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.views import View

from services.ingest.core.answering import Faults
from services.ingest.core.hearing import CHANNELS, FIRST, preferences, shown
from services.ingest.core.interactions import PreferencesClick, PreferencesSubmission, read
from services.ingest.slack.hearing_form import build
from shared.messages.actions import SEVERITIES, Severity
from shared.messages.moves import LONGEST_VALUE
from shared.messages.preferences import Asked, Preferences, Quiet
from tests.support.clicks import HOOK, a_preferences_click, a_submission, as_shown, at, chosen

NIGHT = Quiet(start=time(20), end=time(7, 30), unless="high")
MINE = Preferences(daily=time(9, 15), weekly=(4, time(16)), quiet=NIGHT, channel="email", waits="low")
_CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
_SEVERITIES: Any = st.sampled_from(get_args(Severity))
_QUIET = st.builds(Quiet, start=_CLOCKS, end=_CLOCKS, unless=_SEVERITIES).filter(lambda one: one.start != one.end)
_PREFERENCES = st.builds(
    Preferences,
    daily=st.none() | _CLOCKS,
    weekly=st.none() | st.tuples(st.integers(0, 6), _CLOCKS),
    quiet=st.none() | _QUIET,
    channel=st.sampled_from([None, "slack:@owner", "email", "inbox"]),
    waits=st.none() | _SEVERITIES,
)


def asked(said: Preferences = MINE, person: str = "ana") -> Asked:
    return Asked(person=person, preferences=said)


def sent(payload: Any) -> Any:
    return read(urlencode({"payload": json.dumps(payload)}).encode())


def filled(**others: str) -> dict[str, str]:
    return {**shown(MINE), **others}


def faults(**others: str) -> dict[str, str]:
    with pytest.raises(Faults) as wrong:
        preferences(filled(**others))
    return dict(wrong.value.by_field)


@given(_PREFERENCES)
def test_a_form_that_is_sent_as_it_opened_changes_nothing(said: Preferences) -> None:
    view = build(asked(said))
    came = sent(a_submission(view, **as_shown(view)))
    assert isinstance(came, PreferencesSubmission)
    assert came.asked == asked(said)
    if said.in_quiet_hours:
        with pytest.raises(Faults):
            preferences(came.given)
    else:
        assert preferences(came.given) == said


@given(_PREFERENCES)
def test_a_form_keeps_slacks_limits(said: Preferences) -> None:
    most = asked(said, "ä" * 128)
    assert len(most.encode()) <= LONGEST_VALUE
    view = build(most)
    assert View(**view).to_dict() == view
    assert len(view["title"]["text"]) <= 24
    assert len(view["private_metadata"]) <= 3_000
    assert len(view["blocks"]) <= 100
    for block in view["blocks"]:
        element = block.get("element", {})
        assert all(len(one["text"]["text"]) <= 75 for one in element.get("options", []))
        if "initial_option" in element:
            assert element["initial_option"] in element["options"]
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert set(fields) == set(shown(said))
    assert fields[0] == FIRST


def test_the_button_says_who_pressed_it_and_what_they_have_set() -> None:
    click = sent(a_preferences_click(asked()))
    assert isinstance(click, PreferencesClick)
    assert (click.user, click.asked, click.response_url) == ("U012AB3CD", asked(), HOOK)
    assert click.trigger_id


@pytest.mark.parametrize("value", ["{}", "not JSON", "", '{"person": "ana", "preferences": {"daily": "25:00"}}'])
def test_a_button_of_another_make_says_nothing(value: str) -> None:
    payload = a_preferences_click(asked())
    payload["actions"][0]["value"] = value
    assert sent(payload) is None


def test_one_form_is_one_answer_however_often_slack_tells_of_it() -> None:
    view = build(asked())
    first, again = (sent(a_submission(view, **as_shown(view))) for _ in range(2))
    other = sent(a_submission(view, **as_shown(view)) | {"user": {"id": "U9"}})
    assert first.response_id == again.response_id != other.response_id


def test_each_field_says_what_it_is_named_for() -> None:
    view = build(asked())
    given = as_shown(view) | {
        "daily": chosen("never"),
        "daily_at": {"selected_time": None},
        "weekly": chosen("6"),
        "weekly_at": at("18:45"),
        "quiet": chosen("daily"),
        "quiet_from": at("12:00"),
        "quiet_to": at("13:30"),
        "unless": chosen("medium"),
        "waits": chosen("all"),
        "channel": chosen("any"),
    }
    lunch = Quiet(start=time(12), end=time(13, 30), unless="medium")
    wanted = Preferences(daily=None, weekly=(6, time(18, 45)), quiet=lunch, channel=None, waits=None)
    assert preferences(sent(a_submission(view, **given)).given) == wanted


def test_what_comes_by_itself_is_named_by_the_mildest_of_it() -> None:
    options = {one["value"]: one["text"]["text"] for one in _options("waits")}
    assert list(options) == ["all", *SEVERITIES]
    assert options["medium"] == "high and worse"
    assert options["high"] == "critical"
    assert options["critical"] == "None: all wait for the digest"


def _options(name: str) -> list[dict[str, Any]]:
    [block] = [one for one in build(asked())["blocks"] if one.get("block_id") == name]
    found: list[dict[str, Any]] = block["element"]["options"]
    return found


def test_a_channel_of_another_make_is_shown_as_everybodys() -> None:
    assert shown(Preferences(channel="slack:#sales"))["channel"] == "any"
    assert all(shown(Preferences(channel=one))["channel"] == one for one in CHANNELS if one != "any")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"daily_at": ""}, {"daily_at": "Choose a time of day."}),
        ({"weekly_at": "25:00"}, {"weekly_at": "Choose a time of day."}),
        ({"quiet_from": "noon!", "quiet_to": ""}, dict.fromkeys(("quiet_from", "quiet_to"), "Choose a time of day.")),
        ({"channel": "slack:#ops", "waits": ""}, dict.fromkeys(("channel", "waits"), "Choose one.")),
        (
            {"quiet_to": "20:00"},
            {"quiet_to": "It ends when it begins: nothing could ever come. Choose another time."},
        ),
        (
            {"daily_at": "21:00", "weekly_at": "06:00"},
            dict.fromkeys(("daily_at", "weekly_at"), "This lies in your quiet hours. Move one of them."),
        ),
        (
            {"daily": "never", "quiet_to": "09:00"},
            {"quiet_from": "What waits comes at 08:30, which lies in these hours."},
        ),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_field(given: dict[str, str], wrong: dict[str, str]) -> None:
    assert faults(**given) == wrong


def test_a_time_that_nothing_comes_at_is_not_asked_for() -> None:
    never = {"daily": "never", "weekly": "never", "quiet": "never"}
    empty = dict.fromkeys(("daily_at", "weekly_at", "quiet_from", "quiet_to"), "")
    assert preferences(filled(**never, **empty)) == Preferences(
        daily=None, weekly=None, quiet=None, channel="email", waits="low"
    )


def test_an_hour_with_its_offset_is_no_time_of_day() -> None:
    assert faults(daily_at="08:3Z") == {"daily_at": "Choose a time of day."}
