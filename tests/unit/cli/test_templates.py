"""`keepwell templates`: how they read, and one to oneself."""

import json
from pathlib import Path
from typing import Any

from deploy.cli import templates
from tests.support.cli import Answer, FakeStack, page, problem

HELLO: dict[str, Any] = {"id": "hello", "version": 3, "at": "2026-05-17T12:00:00Z", "author": "ana", "shipped": False}
GERMAN = {"language": "de", "subject": "Ein Gruß", "text": "Guten Tag\n", "html": "<p>", "problem": ""}
BROKEN = {"language": "en", "subject": "", "text": "", "html": "", "problem": "what it says of event is not known"}


def test_templates_are_listed(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/templates", page(HELLO))
    result = stack.run(templates.app)
    assert result.exit_code == 0, result.output
    assert ("hello" in result.output, "ana" in result.output) == (True, True)


def test_a_preview_shows_each_language_and_which_is_theirs(stack: FakeStack) -> None:
    answer = {"id": "hello", "language": "de", "previews": [GERMAN]}
    stack.on("POST /notifier/v1/templates/hello/preview", Answer(answer))
    result = stack.run(templates.app, "preview", "hello", "--account", "northwind", "--contact", "kim")
    assert result.exit_code == 0, result.output
    for words in ("de, as they would get it", "Ein Gruß", "Guten Tag"):
        assert words in result.output
    assert json.loads(stack.asked[0].body) == {"account": "northwind", "contact": "kim"}


def test_a_draft_that_can_not_be_written_says_why(stack: FakeStack, tmp_path: Path) -> None:
    draft = tmp_path / "hello.yaml"
    draft.write_text("id: hello", encoding="utf-8")
    answer = {"id": "hello", "language": None, "previews": [BROKEN]}
    stack.on("POST /notifier/v1/templates/hello/preview", Answer(answer))
    result = stack.run(templates.app, "preview", "hello", "--file", str(draft))
    assert result.exit_code == 1
    assert "It can't be written: what it says of event is not known." in result.output
    assert json.loads(stack.asked[0].body) == {"text": "id: hello"}


def test_a_test_is_sent_to_oneself(stack: FakeStack) -> None:
    stack.on("POST /notifier/v1/templates/hello/send-test", Answer({"id": "dlv_t1", "state": "waiting"}, 202))
    result = stack.run(templates.app, "test", "hello", "me@example.com", "--language", "de")
    assert "keepwell deliveries show dlv_t1" in result.output
    assert json.loads(stack.asked[0].body) == {"to": "me@example.com", "language": "de"}


def test_where_nothing_can_be_written_it_says_what_is_missing(stack: FakeStack) -> None:
    stack.on(
        "POST /notifier/v1/templates/hello/send-test", problem(409, "letters_not_set_up", "Set KEEPWELL_SMTP_URL.")
    )
    result = stack.run(templates.app, "test", "hello", "me@example.com")
    assert (result.exit_code, "Set KEEPWELL_SMTP_URL." in result.output) == (1, True)
