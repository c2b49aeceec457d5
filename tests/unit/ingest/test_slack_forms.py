"""Slack's requests as it documents them, and our forms within its limits."""

import contextlib
import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.views import View

from services.ingest.core.answering import ASKS, Filled
from services.ingest.core.interactions import Click, Form, Interaction, Submission, Unusable, read
from services.ingest.slack.forms import build, first_field
from shared.messages.actions import Colleague
from shared.messages.moves import Handle
from tests.support.clicks import HOOK, a_click, a_handle, a_submission, chosen


def sent(payload: Any) -> Interaction | None:
    return read(urlencode({"payload": json.dumps(payload)}).encode())


def a_form(move: Any = "done", **handle: Any) -> Form:
    return Form(move=move, handle=a_handle(**handle), response_url=HOOK)


def test_a_button_says_who_pressed_it_and_what_it_is_about() -> None:
    click = sent(a_click("take"))
    assert isinstance(click, Click)
    assert (click.user, click.trigger_id) == ("U012AB3CD", "12466734323.1395872398.t1")
    assert click.form == Form(move="take", handle=a_handle(), response_url=HOOK)


def test_one_press_is_one_answer_however_often_slack_tells_of_it() -> None:
    def id_of(move: str = "take", user: str = "U1", stamp: str = "1.1", item: str = "tsk-1") -> str:
        payload = a_click(move, a_handle(item_id=item), user={"id": user})
        payload["actions"][0]["action_ts"] = stamp
        click = sent(payload)
        assert isinstance(click, Click)
        return click.response_id

    assert id_of() == id_of()
    assert len({id_of(), id_of("done"), id_of(user="U2"), id_of(stamp="1.2"), id_of(item="tsk-2")}) == 5


def test_a_form_comes_back_with_what_it_was_about() -> None:
    view = build(a_form("reassign"))
    came = sent(a_submission(view, to=chosen("csm-5"), note={"value": "you know them"}))
    assert isinstance(came, Submission)
    assert (came.user, came.view_id, came.filled) == ("U012AB3CD", "V01", Filled(to="csm-5", note="you know them"))
    assert came.form == Form(move="reassign", handle=a_handle(to=[]), response_url=HOOK)


def test_what_was_left_empty_is_empty() -> None:
    came = sent(a_submission(build(a_form("snooze")), date={"selected_date": None}, note={"value": None}))
    assert isinstance(came, Submission)
    assert came.filled == Filled()


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "view_closed", "user": {"id": "U1"}, "view": {"id": "V1"}},
        {"type": "shortcut", "user": {"id": "U1"}, "callback_id": "x"},
        a_click("take", user={"id": "U1 <boss@example.com>"}),
        a_click("take") | {"actions": []},
        a_click("open_link"),
        a_click("take") | {"actions": [{"action_id": "take", "type": "button", "action_ts": "1.1"}]},
        a_click("take") | {"actions": [{"action_id": "take", "value": "{}", "action_ts": "1.1"}]},
        a_click("take") | {"actions": [{"action_id": "take", "value": "not JSON", "action_ts": "1.1"}]},
        {"type": "view_submission", "user": {"id": "U1"}, "view": {"id": "V1", "private_metadata": "another's"}},
    ],
)
def test_what_is_not_ours_says_nothing(payload: Any) -> None:
    assert sent(payload) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=[1]",
        b"payload=%7B",
        b"payload=%ff",
        b"\xff",
        b"&".join([b"a=1"] * 20),
        urlencode({"payload": "[" * 10_000}).encode(),
        urlencode({"payload": json.dumps(a_click("take", response_url="h" * 2_000))}).encode(),
    ],
)
def test_what_slack_does_not_send_is_refused(body: bytes) -> None:
    with pytest.raises(Unusable):
        read(body)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Unusable):
        read(body)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["block_actions", "view_submission"]), st.data())
def test_a_payload_of_another_shape_is_read_or_refused(type: str, data: st.DataObject) -> None:
    """Each field of Slack's may be anything, or not be there."""
    whole = a_click("done") if type == "block_actions" else a_submission(build(a_form()))
    payload = dict(whole)
    for name in data.draw(st.sets(st.sampled_from(sorted(set(whole) - {"type"})), max_size=3)):
        payload[name] = data.draw(_ANYTHING)
    with contextlib.suppress(Unusable):
        sent(payload)


@pytest.mark.parametrize("move", sorted(ASKS))
def test_a_form_keeps_slacks_limits_however_much_there_is(move: Any) -> None:
    crowd = [Colleague(id=f"csm-{n}", name=f"Somebody with a name that is long enough {n} " * 3) for n in range(150)]
    handle = a_handle(item_id="i" * 200, account_id="a" * 128, title="T" * 500 + " <!channel>", to=crowd)
    view = build(Form(move=move, handle=msgspec.json.decode(handle.encode(), type=Handle), response_url=HOOK * 4))
    assert View(**view).to_dict() == view
    assert len(view["title"]["text"]) <= 24
    assert len(view["submit"]["text"]) <= 24
    assert len(view["private_metadata"]) <= 3_000
    assert len(json.dumps(view)) < 250_000
    for block in view["blocks"]:
        options = block.get("element", {}).get("options", [])
        assert len(options) <= 100
        assert all(len(one["text"]["text"]) <= 75 and len(one["value"]) <= 75 for one in options)


def test_a_title_can_neither_mention_nor_link() -> None:
    [about, *_] = build(a_form(title="<!channel> *now*"))["blocks"]
    assert about["text"] == {"type": "plain_text", "text": "<!channel> *now*", "emoji": False}


@pytest.mark.parametrize("move", sorted(ASKS))
def test_what_is_told_of_no_field_in_particular_has_a_place(move: Any) -> None:
    fields = [block["block_id"] for block in build(a_form(move))["blocks"] if block["type"] == "input"]
    assert first_field(a_form(move)) == fields[0]
    assert set(fields) <= set(Filled._fields)


def test_a_form_with_nobody_to_give_it_to_says_so_and_sends_nothing() -> None:
    view = build(a_form("reassign", to=[]))
    assert "submit" not in view
    assert view["blocks"][-1]["text"]["text"].startswith("Nobody else is there now.")
