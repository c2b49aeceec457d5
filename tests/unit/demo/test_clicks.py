"""What the demo lets Slack send is what ingest takes for Slack's."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deploy.demo import clicks
from services.ingest.core.answering import Filled
from services.ingest.core.interactions import Click, Form, Interaction, Submission, read
from services.ingest.slack import signing
from services.ingest.slack.forms import build
from services.notifier.channels.blocks import render
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from tests.support.clicks import a_handle
from tests.support.notifier import NOW, an_action

SECRET = "of-this-run-alone"


def came(payload: dict[str, Any]) -> Interaction | None:
    """As ingest reads it, once it has verified it."""
    body, headers = clicks.signed(payload, SECRET)
    signing.verify(httpx.Headers(headers), body, SECRET, datetime.now(UTC))
    return read(body)


def a_message(item_id: str = "tsk-41") -> dict[str, Any]:
    return render(compose(an_action(item_id=item_id), NOW), Renderer(), "dlv_1", buttons=True)


def test_a_button_of_a_message_is_pressed() -> None:
    click = came(clicks.pressed(a_message(), "take", "U0PROONE", "1.2", "http://127.0.0.1:1/said"))
    assert isinstance(click, Click)
    assert (click.user, click.trigger_id) == ("U0PROONE", "1.2")
    assert (click.form.move, click.form.handle.item_id) == ("take", "tsk-41")
    assert click.form.response_url == "http://127.0.0.1:1/said"


def test_what_has_no_button_is_not_pressed() -> None:
    with pytest.raises(LookupError):
        clicks.pressed(a_message(), "accept", "U0PROONE", "1.2", "http://127.0.0.1:1/said")


def test_a_form_comes_back_filled_in() -> None:
    view = build(Form(move="done", handle=a_handle()))
    sent = came(clicks.submitted(view, "V01", "U0PROONE", outcome="no_result", note="Nobody there."))
    assert isinstance(sent, Submission)
    assert sent.filled == Filled(outcome="no_result", note="Nobody there.")
    assert (sent.view_id, sent.form.handle.item_id) == ("V01", "tsk-41")


def test_another_runs_secret_signs_for_another_run() -> None:
    body, headers = clicks.signed({"type": "block_actions"}, "of-another-run")
    with pytest.raises(signing.Unsigned):
        signing.verify(httpx.Headers(headers), body, SECRET, datetime.now(UTC))
