"""`keepwell refused`."""

from typing import Any

from deploy.cli import refused
from tests.support.cli import Answer, FakeStack, page

ID = "rf_" + 4 * "1a2b3c4d"
RECORD: dict[str, Any] = {
    **{"id": ID, "code": "unknown_type", "reason": "There is no type 'usage.recordet'.", "bytes": '{"id":"e1"}'},
    **{"encoding": "text", "size": 11, "key": "shop", "door": "events", "source": "shop", "event_id": "e1"},
    **{"account": "acme", "at": "2026-05-17T11:00:00Z", "last_at": "2026-05-17T12:00:00Z", "times": 1200},
}


def test_what_was_refused_is_listed_with_the_reason(stack: FakeStack) -> None:
    stack.on("GET /ingest/v1/refused", page(RECORD))
    result = stack.run(refused.app, "--code", "unknown_type")
    assert result.exit_code == 0, result.output
    for words in ("rf_1a2b3c4d", "shop", "e1", "1,200", "unknown_type"):
        assert words in result.output
    assert stack.asked[0].query["code"] == "unknown_type"
    assert '"times": 1200' in stack.run(refused.app, "--json").output


def test_one_is_shown_as_it_was_sent(stack: FakeStack) -> None:
    stack.on("GET /ingest/v1/refused", page(RECORD))
    stack.on(f"GET /ingest/v1/refused/{ID}", Answer(RECORD))
    output = stack.run(refused.app, "show", "rf_1a").output
    for words in (
        "There is no type",
        '{"id":"e1"}',
        "1,200 times",
        "account: acme",
        "sent by the key: shop, by events",
    ):
        assert words in output


def test_they_are_sent_again_until_none_is_left(stack: FakeStack) -> None:
    again = {"id": ID, "code": "unknown_type", "message": "There is still no such type."}
    now = "2026-05-17T12:00:00Z"
    answers = [{"taken": 1000, "refused": [], "left": 1}, {"taken": 0, "refused": [again], "left": 0}]
    stack.on("POST /ingest/v1/refused/replay", lambda _: Answer({**answers.pop(0), "before": now}))
    result = stack.run(refused.app, "replay", "--code", "unknown_type")
    assert "1,000 records are taken now." in result.output
    assert "There is still no such type." in result.output
    assert result.exit_code == 1
    sent = [one.json() for one in stack.asked]
    assert [one["code"] for one in sent] == ["unknown_type"] * 2
    assert [one.get("before") for one in sent] == [None, now]


def test_some_are_named_by_their_ids(stack: FakeStack) -> None:
    stack.on("GET /ingest/v1/refused", page(RECORD))
    stack.on("POST /ingest/v1/refused/replay", Answer({"taken": 1, "refused": [], "left": 0}))
    assert "1 record is taken now." in stack.run(refused.app, "replay", "rf_1a2b").output
    assert stack.asked[-1].json()["ids"] == [ID]
    for given in ([], ["rf_1", "--key", "shop"]):
        assert stack.run(refused.app, "replay", *given).exit_code == 2


def test_one_is_forgotten_by_the_beginning_of_its_id(stack: FakeStack) -> None:
    stack.on("GET /ingest/v1/refused", page(RECORD))
    stack.on(f"DELETE /ingest/v1/refused/{ID}", Answer(None, 204))
    assert stack.run(refused.app, "delete", "rf_1a2b3c4d").output == "rf_1a2b3c4d is forgotten.\n"
